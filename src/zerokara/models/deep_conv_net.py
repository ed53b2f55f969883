"""DeepConvNet, the book's deep network for digits (section 8.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zerokara._types import Seed
from zerokara.layers import Affine, Dropout, Layer, MaxPool, ReLU, SoftmaxWithLoss
from zerokara.models.conv_param import ConvParam, convolution, full_conv_param
from zerokara.models.naming import BookModel


def _conv(filters: int, pad: int = 1) -> ConvParam:
    return {"filter_num": filters, "filter_size": 3, "pad": pad, "stride": 1}


class DeepConvNet(BookModel):
    """Six convolutions with ReLU, pooled after each second one, and two Affines with Dropout.

    Three times Convolution, ReLU, Convolution, ReLU, 2x2 MaxPool; then Affine, ReLU, Dropout,
    Affine, Dropout; softmax and cross-entropy as the loss. As in the book, Dropout halves at test
    time what it did not scale in training, also the scores: weights learned there fit here.

    Parameters: W1, b1 to W6, b6 of the convolutions, W7, b7 and W8, b8 of the Affines. Initial
    weights are He's, biases start at 0.

    Args:
        input_dim: one image's (channels, height, width).
        conv_param_1 .. conv_param_6: filter_num, filter_size, and pad and stride if they are not
            0 and 1.
        hidden_size, output_size: how many numbers come out of the two Affines.
        rng: a seed or a generator, for the initial weights and for Dropout's noise.
        dtype: float32 or float64.

    Raises:
        ArgumentError: a number out of range, a conv_param of other entries.
        ShapeError: images that the filters or the poolings do not fit.
    """

    def __init__(
        self,
        input_dim: Sequence[int] = (1, 28, 28),
        conv_param_1: ConvParam = _conv(16),  # noqa: B008 - read only
        conv_param_2: ConvParam = _conv(16),  # noqa: B008
        conv_param_3: ConvParam = _conv(32),  # noqa: B008
        conv_param_4: ConvParam = _conv(32, pad=2),  # noqa: B008
        conv_param_5: ConvParam = _conv(64),  # noqa: B008
        conv_param_6: ConvParam = _conv(64),  # noqa: B008
        hidden_size: int = 50,
        output_size: int = 10,
        rng: Seed = 0,
        *,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        given = (
            *(conv_param_1, conv_param_2, conv_param_3),
            *(conv_param_4, conv_param_5, conv_param_6),
        )
        params = {
            f"conv_param_{i}": full_conv_param("DeepConvNet", f"conv_param_{i}", param)
            for i, param in enumerate(given, 1)
        }
        layers: list[Layer] = []
        for i, param in enumerate(params.values(), 1):
            layers += [convolution(param, "he"), ReLU()]
            if i % 2 == 0:
                layers.append(MaxPool(2))
        layers += [
            Affine(hidden_size, "he"),
            ReLU(),
            Dropout(0.5, scale_at_test=True),
            Affine(output_size, "he"),
            Dropout(0.5, scale_at_test=True),
        ]
        super().__init__(layers, tuple(input_dim), loss=SoftmaxWithLoss(), rng=rng, dtype=dtype)
        self.arguments = {
            "input_dim": list(input_dim),
            **params,
            "hidden_size": hidden_size,
            "output_size": output_size,
        }
