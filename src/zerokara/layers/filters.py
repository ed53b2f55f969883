"""What layers of filters share."""

from __future__ import annotations

from typing import Any

from zerokara._types import Shape
from zerokara.errors import ArgumentError, ShapeError
from zerokara.initializers import Initializer
from zerokara.layers.geometry import Window, plain
from zerokara.layers.weighted import WeightedLayer


class FilterLayer(WeightedLayer):
    """A layer that moves filters over images: the arguments, W and b."""

    def __init__(
        self, filters: int, window: Window, init: str | float | Initializer | None
    ) -> None:
        super().__init__(init)
        if filters < 1:
            raise ArgumentError(f"{type(self).__name__}: filters must be 1 or more, got {filters}")
        self.filters = int(filters)
        self.window = window

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"filters": self.filters, "size": plain(self.window.size)}
        for name, value, usual in (
            ("stride", self.window.stride, 1),
            ("pad", self.window.pad, 0),
            ("dilation", self.window.dilation, 1),
        ):
            if value != (usual, usual):
                config[name] = plain(value)
        return config | self.init_config()

    def _check_channels(self, shape: Shape, channels: int, fitting: int) -> None:
        if channels != fitting:
            raise ShapeError(
                f"{self!r}: images of shape {shape} have {channels} channels; W of shape "
                f"{self.W.shape} takes {fitting}"
            )
