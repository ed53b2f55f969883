"""What layers of filters share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, DtypeError, OrderError, ShapeError
from zerokara.initializers import Initializer, initializer
from zerokara.layers.base import Layer
from zerokara.layers.geometry import Pair, Window, plain


class FilterLayer(Layer):
    """A layer that moves filters over images: the arguments, W and b."""

    def __init__(
        self, filters: int, window: Window, init: str | float | Initializer | None
    ) -> None:
        super().__init__()
        if filters < 1:
            raise ArgumentError(f"{type(self).__name__}: filters must be 1 or more, got {filters}")
        if init is not None:
            initializer(init)  # an unknown name is refused here, not when the network is built
        self.filters = int(filters)
        self.window = window
        self.init = init

    @property
    def W(self) -> Array:
        return self._param("W")

    @property
    def b(self) -> Array:
        return self._param("b")

    @property
    def dW(self) -> Array:
        return self.grads["W"]

    @property
    def db(self) -> Array:
        return self.grads["b"]

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"filters": self.filters, "size": plain(self.window.size)}
        for name, value, usual in (
            ("stride", self.window.stride, 1),
            ("pad", self.window.pad, 0),
            ("dilation", self.window.dilation, 1),
        ):
            if value != (usual, usual):
                config[name] = plain(value)
        if self.init is not None:
            config["init"] = self.init if isinstance(self.init, (str, int, float)) else "custom"
        return config

    def _draw(
        self, fans: Pair, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike
    ) -> None:
        draw = initializer("xavier" if self.init is None else self.init)
        self.add_param("W", draw(*fans, shape, rng, dtype))
        self.add_param("b", np.zeros(self.filters, dtype))

    def _adopt_arrays(self, W: Array, b: Array) -> None:
        if b.shape != (self.filters,):
            raise ShapeError(
                f"{type(self).__name__}.from_arrays: W of shape {W.shape} has {self.filters} "
                f"filters and takes b of shape {(self.filters,)}, got {b.shape}"
            )
        if W.dtype.kind != "f" or b.dtype != W.dtype:
            raise DtypeError(
                f"{type(self).__name__}.from_arrays: W and b must share a float dtype, got "
                f"{W.dtype} and {b.dtype}"
            )
        self.add_param("W", W)
        self.add_param("b", b)

    def _param(self, name: str) -> Array:
        if name not in self.params:
            raise OrderError(
                f"{self!r}: {name} does not exist before the layer is part of a network; "
                f"{type(self).__name__}.from_arrays(W, b) makes a layer that stands alone"
            )
        return self.params[name]

    def _check_channels(self, shape: Shape, channels: int, fitting: int) -> None:
        if channels != fitting:
            raise ShapeError(
                f"{self!r}: images of shape {shape} have {channels} channels; W of shape "
                f"{self.W.shape} takes {fitting}"
            )
