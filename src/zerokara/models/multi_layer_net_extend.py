"""MultiLayerNetExtend: with batch normalization and dropout (the book's chapter 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zerokara._types import Seed
from zerokara.errors import ArgumentError
from zerokara.layers import BatchNormalization, Dropout, Layer
from zerokara.models.multi_layer_net import ACTIVATIONS, affine_layers, checked_arguments
from zerokara.models.naming import BookModel


class MultiLayerNetExtend(BookModel):
    """For each hidden size Affine, BatchNormalization, activation, Dropout; then Affine.

    Softmax and cross-entropy are the loss. As in the book, Dropout multiplies by 1 - ratio at test
    time and leaves what stays in training as it is.

    Parameters: W1 (input_size, hidden_size_list[0]), b1, and with batch normalization gamma1,
    beta1, both (hidden_size_list[0],); W2, b2, ... The last Affine has no normalization.

    Args:
        input_size, output_size: how many numbers go in and come out.
        hidden_size_list: how many stand in each hidden layer.
        activation: 'relu' or 'sigmoid'.
        weight_init_std: 'relu' or 'he', 'sigmoid' or 'xavier', or a standard deviation.
        weight_decay_lambda: 0.5 * weight_decay_lambda * sum(W**2) is part of the loss, and
            weight_decay_lambda * W of the gradients (book 6.4.2). Nothing but the Ws decays.
        use_dropout: whether Dropout follows each activation.
        dropout_ration: its ratio, spelled as in the book.
        use_batchnorm: whether BatchNormalization stands before each activation.
        rng: a seed or a generator, for the initial weights and for Dropout's noise.
        dropout_ratio: the same as dropout_ration; give one of them.
        dtype: float32 or float64.

    Raises:
        ArgumentError: an unknown activation or initial value, a size below 1, no hidden size, a
            decay that is negative or not finite, a ratio out of 0..1, both spellings of it.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: str | float = "relu",
        weight_decay_lambda: float = 0.0,
        use_dropout: bool = False,
        dropout_ration: float | None = None,
        use_batchnorm: bool = False,
        rng: Seed = 0,
        *,
        dropout_ratio: float | None = None,
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
        ratio = _one_ratio(dropout_ration, dropout_ratio)
        affine, loss = affine_layers(arguments)
        layers: list[Layer] = []
        for hidden in affine[:-1]:
            layers.append(hidden)
            if use_batchnorm:
                layers.append(BatchNormalization())
            layers.append(ACTIVATIONS[activation]())
            if use_dropout:
                layers.append(Dropout(ratio, scale_at_test=True))
        inputs = arguments["input_size"]
        super().__init__([*layers, affine[-1]], inputs, loss=loss, rng=rng, dtype=dtype)
        self.arguments = {
            **arguments,
            "use_dropout": bool(use_dropout),
            "dropout_ration": ratio,
            "use_batchnorm": bool(use_batchnorm),
        }


def _one_ratio(ration: float | None, ratio: float | None) -> float:
    """The dropout ratio by whichever name it was given, by default the book's 0.5."""
    if ration is not None and ratio is not None:
        raise ArgumentError(
            "MultiLayerNetExtend: dropout_ration and dropout_ratio are two spellings of one "
            f"argument; give one of them (got {ration} and {ratio})"
        )
    given = ration if ration is not None else ratio
    chosen = 0.5 if given is None else float(given)
    if not 0 <= chosen < 1:
        raise ArgumentError(
            f"MultiLayerNetExtend: the dropout ratio must be from 0 to below 1, got {chosen}"
        )
    return chosen
