"""TwoLayerNet, the book's first network (sections 4.5 and 5.7)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara._types import Seed
from zerokara.errors import ArgumentError
from zerokara.layers import Affine, Layer, ReLU, Sigmoid, SoftmaxWithLoss
from zerokara.models.naming import BookModel

ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU, "sigmoid": Sigmoid}


class TwoLayerNet(BookModel):
    """Affine, activation, Affine; softmax and cross-entropy as the loss.

    Parameters: W1 (input_size, hidden_size), b1, W2 (hidden_size, output_size), b2.

    Args:
        input_size, hidden_size, output_size: how many numbers go in, stand between and come out.
        weight_init_std: standard deviation of the initial weights; biases start at 0.
        rng: a seed or a generator, for the initial weights.
        activation: 'relu' as in the book's chapter 5, or 'sigmoid' as in chapter 4.
        dtype: float32 or float64.

    Raises:
        ArgumentError: an unknown activation, a size below 1, a negative deviation.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: float = 0.01,
        rng: Seed = 0,
        *,
        activation: str = "relu",
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ArgumentError(
                f"TwoLayerNet: activation must be one of {', '.join(ACTIVATIONS)}, "
                f"got {activation!r}"
            )
        super().__init__(
            [
                Affine(hidden_size, init=float(weight_init_std)),
                ACTIVATIONS[activation](),
                Affine(output_size, init=float(weight_init_std)),
            ],
            input_size,
            loss=SoftmaxWithLoss(),
            rng=rng,
            dtype=dtype,
        )
        self.arguments = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "output_size": output_size,
            "weight_init_std": float(weight_init_std),
            "activation": activation,
        }
