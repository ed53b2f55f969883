"""The networks that ``--net`` knows. Another one is another entry of NETS."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy.typing as npt

from zerokara._types import Shape
from zerokara.errors import ArgumentError
from zerokara.network import Network


@dataclass(frozen=True)
class Plan:
    """What a network is made for: the options of the command and the shape of the data."""

    image_shape: Shape  # (height, width)
    classes: int
    hidden: int
    weight_init_std: float | None  # None: as suits the layer's size
    seed: int
    dtype: npt.DTypeLike
    depth: int = 1  # hidden layers
    dropout: float = 0.0


@dataclass(frozen=True)
class Net:
    """One choice of ``--net``."""

    build: Callable[[Plan], Network]
    flatten: bool  # whether it takes images as (N, height * width), else (N, 1, height, width)
    hidden: int  # neurons in a hidden layer, unless the command says otherwise
    optimizer: str = "SGD"
    epochs: int | None = None  # None: as suits the data
    deep: bool = False  # whether it takes --depth and --dropout


def net(name: str) -> Net:
    """The entry of that name.

    Raises:
        ArgumentError: there is none.
    """
    if name not in NETS:
        raise ArgumentError(f"--net {name!r} is unknown; expected {_listed()}")
    return NETS[name]


def _listed() -> str:
    *first, last = NETS
    return f"{', '.join(first)} or {last}"


def _two_layer(plan: Plan) -> Network:
    from zerokara.models import TwoLayerNet

    inputs = math.prod(plan.image_shape)
    std = plan.weight_init_std
    return TwoLayerNet(
        inputs,
        plan.hidden,
        plan.classes,
        weight_init_std=math.sqrt(2 / inputs) if std is None else std,  # He et al. 2015
        rng=plan.seed,
        dtype=plan.dtype,
    )


def _multi_layer(plan: Plan) -> Network:
    from zerokara.models import MultiLayerNetExtend

    return MultiLayerNetExtend(
        math.prod(plan.image_shape),
        [plan.hidden] * plan.depth,
        plan.classes,
        use_dropout=plan.dropout > 0,
        dropout_ratio=plan.dropout,
        rng=plan.seed,
        dtype=plan.dtype,
    )


def _simple_conv(plan: Plan) -> Network:
    from zerokara.models import SimpleConvNet

    std = plan.weight_init_std
    # The filters of the book are for images of 28x28; small ones would lose half of their size.
    size = 5 if min(plan.image_shape) >= 12 else 3
    return SimpleConvNet(
        (1, *plan.image_shape),
        {"filter_num": 30, "filter_size": size, "pad": 0, "stride": 1},
        plan.hidden,
        plan.classes,
        weight_init_std="he" if std is None else std,
        rng=plan.seed,
        dtype=plan.dtype,
    )


def _deep_conv(plan: Plan) -> Network:
    from zerokara.models import DeepConvNet

    return DeepConvNet(
        (1, *plan.image_shape),
        hidden_size=plan.hidden,
        output_size=plan.classes,
        rng=plan.seed,
        dtype=plan.dtype,
    )


# Sizes, optimizers and epochs as in the book (4.5.2, 7.5 and 8.1).
NETS = {
    "two-layer": Net(_two_layer, flatten=True, hidden=50),
    "multi-layer": Net(_multi_layer, flatten=True, hidden=50, deep=True),
    "simple-conv": Net(_simple_conv, flatten=False, hidden=100, optimizer="Adam", epochs=20),
    "deep-conv": Net(_deep_conv, flatten=False, hidden=50, optimizer="Adam", epochs=20),
}
