"""MultiLayerNet: any number of hidden layers (the book's chapter 6)."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Seed
from zerokara.errors import ArgumentError
from zerokara.layers import Affine, Layer, ReLU, Sigmoid, SoftmaxWithLoss
from zerokara.models.decay import affine_and_loss
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
        weight_decay_lambda: 0.5 * weight_decay_lambda * sum(W**2) is part of the loss, and
            weight_decay_lambda * W of the gradients (book 6.4.2). Biases do not decay.
        rng: a seed or a generator, for the initial weights.
        dtype: float32 or float64.

    Raises:
        ArgumentError: an unknown activation or initial value, a size below 1, no hidden size, a
            decay that is negative or not finite.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: str | float = "relu",
        weight_decay_lambda: float = 0.0,
        rng: Seed = 0,
        *,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        arguments = checked_arguments(
            type(self).__name__,
            input_size=input_size,
            hidden_size_list=hidden_size_list,
            output_size=output_size,
            activation=activation,
            weight_init_std=weight_init_std,
            weight_decay_lambda=weight_decay_lambda,
        )
        affine, loss = affine_layers(arguments)
        layers: list[Layer] = []
        for hidden in affine[:-1]:
            layers += [hidden, ACTIVATIONS[arguments["activation"]]()]
        inputs = arguments["input_size"]
        super().__init__([*layers, affine[-1]], inputs, loss=loss, rng=rng, dtype=dtype)
        self.arguments = arguments


def checked_arguments(
    model: str,
    *,
    input_size: int,
    hidden_size_list: Sequence[int],
    output_size: int,
    activation: str,
    weight_init_std: str | float,
    weight_decay_lambda: float,
) -> dict[str, Any]:
    """What both models take, as a model file can hold it, or an error that names the model."""
    if activation not in ACTIVATIONS:
        raise ArgumentError(
            f"{model}: activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}"
        )
    named = isinstance(weight_init_std, str)
    if named and str(weight_init_std).lower() not in _INITIALIZERS:
        raise ArgumentError(
            f"{model}: weight_init_std must be one of {', '.join(_INITIALIZERS)} or a number, got "
            f"{weight_init_std!r}"
        )
    if len(hidden_size_list) == 0:
        raise ArgumentError(f"{model}: hidden_size_list must hold at least one size")
    if not 0 <= weight_decay_lambda < math.inf:
        raise ArgumentError(
            f"{model}: weight_decay_lambda must be 0 or more and finite, got {weight_decay_lambda}"
        )
    return {
        "input_size": _whole(model, "input_size", input_size),
        "hidden_size_list": [_whole(model, "hidden_size_list", n) for n in hidden_size_list],
        "output_size": _whole(model, "output_size", output_size),
        "activation": activation,
        "weight_init_std": weight_init_std if named else float(weight_init_std),
        "weight_decay_lambda": float(weight_decay_lambda),
    }


def _whole(model: str, name: str, size: int) -> int:
    try:
        return operator.index(size)
    except TypeError:
        raise ArgumentError(f"{model}: {name} takes whole numbers, got {size!r}") from None


def affine_layers(arguments: dict[str, Any]) -> tuple[list[Affine], SoftmaxWithLoss]:
    """The Affine layers that these arguments ask for, the last one too, and the loss."""
    start = arguments["weight_init_std"]
    init = _INITIALIZERS[start.lower()] if isinstance(start, str) else start
    sizes = [*arguments["hidden_size_list"], arguments["output_size"]]
    return affine_and_loss(sizes, init, arguments["weight_decay_lambda"])
