"""``common.multi_layer_net_extend``: fully connected, with the means of chapter 6."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.book.common import layers as _layers
from zerokara.book.common.gradient import numerical_gradient
from zerokara.book.common.layers import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Pooling,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
)
from zerokara.errors import ArgumentError

__all__ = [
    "Affine",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "MultiLayerNetExtend",
    "OrderedDict",
    "Pooling",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "np",
    "numerical_gradient",
]

ACTIVATIONS: dict[str, Any] = {"relu": Relu, "sigmoid": Sigmoid}
GAINS = {"relu": 2.0, "he": 2.0, "sigmoid": 1.0, "xavier": 1.0}
"""Initial weights have the variance gain / fan-in."""


class MultiLayerNetExtend:
    """Affine layers with an activation each, softmax with cross entropy at the end.

    Args:
        input_size, hidden_size_list, output_size: the widths.
        activation: relu or sigmoid.
        weight_init_std: a number; relu or he for sqrt(2 / fan-in); sigmoid or xavier for
            sqrt(1 / fan-in).
        weight_decay_lambda: half of it times the sum of all squared weights is part of the loss.
        use_dropout, dropout_ration: dropout behind each activation (the book's spelling).
        use_batchnorm: batch normalization in front of each activation.

    Attributes:
        params: W1, b1, ... and gamma1, beta1, ...; the layers hold the same arrays.
        layers: by name, in order: Affine1, BatchNorm1, Activation_function1, Dropout1, ...

    Raises:
        ArgumentError: an unknown activation or initial weight.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: str | float = "relu",
        weight_decay_lambda: float = 0,
        use_dropout: bool = False,
        dropout_ration: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ArgumentError(
                f"{type(self).__name__}: activation {activation!r} is unknown; expected "
                f"{' or '.join(ACTIVATIONS)}"
            )
        self.input_size, self.output_size = input_size, output_size
        self.hidden_size_list = hidden_size_list
        self.hidden_layer_num = len(hidden_size_list)
        self.weight_decay_lambda = weight_decay_lambda
        self.use_dropout, self.use_batchnorm = use_dropout, use_batchnorm
        self.params: dict[str, Array] = {}
        widths = [input_size, *hidden_size_list, output_size]
        for i, (fan_in, width) in enumerate(pairwise(widths), start=1):
            std = self._std(weight_init_std, fan_in)
            self.params[f"W{i}"] = std * np.random.randn(fan_in, width)
            self.params[f"b{i}"] = np.zeros(width)
        self.layers: OrderedDict[str, Any] = OrderedDict()
        for i, width in enumerate(hidden_size_list, start=1):
            self._add_affine(i)
            if use_batchnorm:
                gamma = self.params[f"gamma{i}"] = np.ones(width)
                beta = self.params[f"beta{i}"] = np.zeros(width)
                self.layers[f"BatchNorm{i}"] = BatchNormalization(gamma, beta)
            self.layers[f"Activation_function{i}"] = ACTIVATIONS[activation]()
            if use_dropout:
                self.layers[f"Dropout{i}"] = Dropout(dropout_ration)
        self._add_affine(self.hidden_layer_num + 1)
        self.last_layer = SoftmaxWithLoss()

    def predict(self, x: Array, train_flg: bool = False) -> Array:
        """Scores (N, C), before softmax."""
        for layer in self.layers.values():
            two_ways = isinstance(layer, Dropout | BatchNormalization)
            x = layer.forward(x, train_flg) if two_ways else layer.forward(x)
        return x

    def loss(self, x: Array, t: npt.ArrayLike, train_flg: bool = False) -> Any:
        """The mean cross entropy, and the weights' part."""
        data = self.last_layer.forward(self.predict(x, train_flg), t)
        if not self.weight_decay_lambda:
            return data
        squares = sum(np.square(self.params[f"W{i}"]).sum() for i in self._numbers())
        return data + self.weight_decay_lambda / 2 * squares

    def accuracy(self, x: Array, t: Array) -> Any:
        """The share of right answers; t are labels (N,) or one-hot rows."""
        labels = t if t.ndim == 1 else t.argmax(axis=1)
        return np.mean(self.predict(x, train_flg=False).argmax(axis=1) == labels)

    def numerical_gradient(self, x: Array, t: npt.ArrayLike) -> dict[str, Array]:
        """The slope of the loss by each parameter, measured."""

        def loss_of(_: Array) -> Any:
            return self.loss(x, t, train_flg=True)

        return {name: numerical_gradient(loss_of, self.params[name]) for name in self._names()}

    def gradient(self, x: Array, t: npt.ArrayLike) -> dict[str, Array]:
        """The same by backpropagation."""
        self.loss(x, t, train_flg=True)
        dout = self.last_layer.backward(1)
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        return {name: self._slope(name) for name in self._names()}

    def _slope(self, name: str) -> Array:
        kind, number = name.rstrip("0123456789"), name.lstrip("Wbgamet")
        if kind in ("gamma", "beta"):
            return np.asarray(getattr(self.layers[f"BatchNorm{number}"], f"d{kind}"))
        slope: Array = getattr(self.layers[f"Affine{number}"], f"d{kind}")
        if kind == "W" and self.weight_decay_lambda:
            slope = slope + self.weight_decay_lambda * self.params[name]
        return slope

    def _names(self) -> list[str]:
        """The names of all gradients, layer by layer."""
        kinds = ("W", "b", "gamma", "beta")
        names = [f"{kind}{i}" for i in self._numbers() for kind in kinds]
        return [name for name in names if name in self.params]

    def _numbers(self) -> range:
        return range(1, self.hidden_layer_num + 2)

    def _add_affine(self, number: int) -> None:
        params: Mapping[str, Array] = self.params
        affine = Affine(params[f"W{number}"], params[f"b{number}"])
        self.layers[f"Affine{number}"] = affine

    def _std(self, wish: str | float, fan_in: int) -> float:
        if not isinstance(wish, str):
            return wish
        if wish.lower() not in GAINS:
            raise ArgumentError(
                f"{type(self).__name__}: weight_init_std {wish!r} is unknown; expected a number or "
                f"{', '.join(GAINS)}"
            )
        return float(np.sqrt(GAINS[wish.lower()] / fan_in))


__all__ += [name for name in _layers.__all__ if name not in __all__]
