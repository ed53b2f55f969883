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


@dataclass(frozen=True)
class Net:
    """One choice of ``--net``."""

    build: Callable[[Plan], Network]
    flatten: bool  # whether it takes images as (N, height * width), else (N, 1, height, width)


def net(name: str) -> Net:
    """The entry of that name.

    Raises:
        ArgumentError: there is none.
    """
    if name not in NETS:
        raise ArgumentError(f"--net {name!r} is unknown; expected {' or '.join(NETS)}")
    return NETS[name]


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


NETS = {"two-layer": Net(_two_layer, flatten=True)}
