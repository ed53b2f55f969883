"""``common.multi_layer_net``: fully connected, with weight decay."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.book.common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from zerokara.book.common.multi_layer_net_extend import MultiLayerNetExtend, numerical_gradient

__all__ = [
    "Affine",
    "MultiLayerNet",
    "OrderedDict",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "np",
    "numerical_gradient",
]


class MultiLayerNet(MultiLayerNetExtend):
    """`MultiLayerNetExtend` without dropout and batch normalization; see there."""

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: str | float = "relu",
        weight_decay_lambda: float = 0,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size_list,
            output_size,
            activation,
            weight_init_std,
            weight_decay_lambda,
        )

    def predict(self, x: Array, train_flg: bool = False) -> Array:
        """Scores (N, C), before softmax; training makes no difference here."""
        return super().predict(x, train_flg)

    def loss(self, x: Array, t: npt.ArrayLike, train_flg: bool = False) -> Any:
        """The mean cross entropy, and the weights' part."""
        return super().loss(x, t, train_flg)
