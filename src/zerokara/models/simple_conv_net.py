"""SimpleConvNet, the book's first convolutional network (section 7.5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zerokara._types import Seed
from zerokara.layers import Affine, MaxPool, ReLU, SoftmaxWithLoss
from zerokara.models.conv_param import ConvParam, convolution, full_conv_param
from zerokara.models.naming import BookModel

_CONV: ConvParam = {"filter_num": 30, "filter_size": 5, "pad": 0, "stride": 1}


class SimpleConvNet(BookModel):
    """Convolution, ReLU, 2x2 MaxPool, Affine, ReLU, Affine; softmax and cross-entropy as the loss.

    Parameters: W1 (filter_num, channels, filter_size, filter_size), b1, W2 (numbers after pooling,
    hidden_size), b2, W3 (hidden_size, output_size), b3.

    Args:
        input_dim: one image's (channels, height, width).
        conv_param: filter_num, filter_size, and pad and stride if they are not 0 and 1.
        hidden_size, output_size: how many numbers stand between and come out.
        weight_init_std: standard deviation of the initial weights, or 'he'; biases start at 0.
        rng: a seed or a generator, for the initial weights.
        dtype: float32 or float64.

    Raises:
        ArgumentError: a number out of range, a conv_param of other entries.
        ShapeError: images that the filters or the pooling do not fit.
    """

    def __init__(
        self,
        input_dim: Sequence[int] = (1, 28, 28),
        conv_param: ConvParam = _CONV,
        hidden_size: int = 100,
        output_size: int = 10,
        weight_init_std: float | str = 0.01,
        rng: Seed = 0,
        *,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        param = full_conv_param("SimpleConvNet", "conv_param", conv_param)
        init = weight_init_std if isinstance(weight_init_std, str) else float(weight_init_std)
        super().__init__(
            [
                convolution(param, init),
                ReLU(),
                MaxPool(2),
                Affine(hidden_size, init),
                ReLU(),
                Affine(output_size, init),
            ],
            tuple(input_dim),
            loss=SoftmaxWithLoss(),
            rng=rng,
            dtype=dtype,
        )
        self.arguments = {
            "input_dim": list(input_dim),
            "conv_param": param,
            "hidden_size": hidden_size,
            "output_size": output_size,
            "weight_init_std": init,
        }
