"""MultiLayerNet: any number of hidden layers (the book's chapter 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zerokara._types import Seed
from zerokara.errors import ArgumentError
from zerokara.layers import Affine, Layer, ReLU, Sigmoid, SoftmaxWithLoss
from zerokara.models.naming import BookModel

ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU, "sigmoid": Sigmoid}
# The book names initial values also by the activation that they suit.
_INITIALIZERS = {"relu": "he", "he": "he", "sigmoid": "xavier", "xavier": "xavier"}


class MultiLayerNet(BookModel):
    """Affine and activation for each hidden size, Affine; softmax and cross-entropy as the loss.

    Parameters: W1 (input_size, hidden_size_list[0]), b1, W2, b2, ...

    Args:
        input_size, output_size: how many numbers go in and come out.
        hidden_size_list: how many stand in each hidden layer.
        activation: 'relu' or 'sigmoid'.
        weight_init_std: 'relu' or 'he', 'sigmoid' or 'xavier', or a standard deviation.
        rng: a seed or a generator, for the initial weights.
        dtype: float32 or float64.

    Raises:
        ArgumentError: an unknown activation or initial value, a size below 1, no hidden size.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: str | float = "relu",
        rng: Seed = 0,
        *,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ArgumentError(
                f"MultiLayerNet: activation must be one of {', '.join(ACTIVATIONS)}, "
                f"got {activation!r}"
            )
        if isinstance(weight_init_std, str) and weight_init_std not in _INITIALIZERS:
            raise ArgumentError(
                f"MultiLayerNet: weight_init_std must be one of {', '.join(_INITIALIZERS)} or a "
                f"number, got {weight_init_std!r}"
            )
        if not hidden_size_list:
            raise ArgumentError("MultiLayerNet: hidden_size_list must hold at least one size")
        init: str | float = (
            _INITIALIZERS[weight_init_std]
            if isinstance(weight_init_std, str)
            else float(weight_init_std)
        )
        layers: list[Layer] = []
        for hidden in hidden_size_list:
            layers += [Affine(hidden, init), ACTIVATIONS[activation]()]
        super().__init__(
            [*layers, Affine(output_size, init)],
            input_size,
            loss=SoftmaxWithLoss(),
            rng=rng,
            dtype=dtype,
        )
        self.arguments = {
            "input_size": input_size,
            "hidden_size_list": list(hidden_size_list),
            "output_size": output_size,
            "activation": activation,
            "weight_init_std": weight_init_std,
        }
