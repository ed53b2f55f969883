"""The book's way to describe a convolution: a dictionary of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from zerokara.errors import ArgumentError
from zerokara.layers import Convolution

ConvParam: TypeAlias = Mapping[str, int]
"""filter_num, filter_size, pad and stride."""

_USUAL = {"pad": 0, "stride": 1}


def full_conv_param(who: str, name: str, given: ConvParam) -> dict[str, int]:
    """The four numbers, of which pad 0 and stride 1 may be left out.

    Raises:
        ArgumentError: a number missing, or one of another name.
    """
    full = {**_USUAL, **given}
    wanted = ("filter_num", "filter_size", "pad", "stride")
    if set(full) != set(wanted):
        raise ArgumentError(
            f"{who}: {name} must hold {', '.join(wanted)}, got {', '.join(map(str, given))}"
        )
    return {key: full[key] for key in wanted}


def convolution(param: ConvParam, init: str | float) -> Convolution:
    """The layer."""
    return Convolution(
        param["filter_num"], param["filter_size"], param["stride"], param["pad"], init=init
    )
