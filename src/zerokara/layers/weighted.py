"""What layers with W and b share: the book's names for them and their gradients."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import DtypeError, OrderError, ShapeError
from zerokara.initializers import Initializer, initializer
from zerokara.layers.base import Layer


class WeightedLayer(Layer):
    """A layer with parameters W and b, initial values by `init`, and `from_arrays`."""

    def __init__(self, init: str | float | Initializer | None) -> None:
        super().__init__()
        if init is not None:
            initializer(init)  # an unknown name is refused here, not when the network is built
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

    def init_config(self) -> dict[str, str | float]:
        """`init` as a model file can hold it; a function is only named."""
        if self.init is None:
            return {}
        return {"init": self.init if isinstance(self.init, (str, int, float)) else "custom"}

    def _draw(
        self,
        fans: tuple[int, int],
        shape: Shape,
        outputs: int,
        rng: np.random.Generator,
        dtype: npt.DTypeLike,
    ) -> None:
        draw = initializer("xavier" if self.init is None else self.init)
        self.add_param("W", draw(*fans, shape, rng, dtype))
        self.add_param("b", np.zeros(outputs, dtype))

    def _adopt_arrays(self, W: Array, b: Array, outputs: int) -> None:
        where = f"{type(self).__name__}.from_arrays"
        if b.shape != (outputs,):
            raise ShapeError(
                f"{where}: W of shape {W.shape} has {outputs} outputs and takes b of shape "
                f"{(outputs,)}, got {b.shape}"
            )
        if W.dtype.kind != "f" or b.dtype != W.dtype:
            raise DtypeError(
                f"{where}: W and b must share a float dtype, got {W.dtype} and {b.dtype}"
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
