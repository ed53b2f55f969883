"""Sequential: the straight line among networks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Seed, Shape
from zerokara.errors import ArgumentError
from zerokara.layers import Input, Layer, Loss, Node
from zerokara.network import Network


class Sequential(Network):
    """Layers one after the other.

    Args:
        layers: at least one; a layer belongs to one network only.
        input_shape: one sample's shape, without the batch axis; a number n means (n,).
        loss, rng, dtype: as for `Network`.

    Raises:
        ArgumentError: no layers, or something that is none, such as a class without its brackets.
        ShapeError: shapes that do not fit, naming the layer.
    """

    def __init__(
        self,
        layers: Iterable[Layer],
        input_shape: Shape | int,
        *,
        loss: Loss | None = None,
        rng: Seed = 0,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        layers = _checked(layers)
        shape = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
        if any(size < 1 for size in shape):
            raise ArgumentError(f"Sequential: input_shape must hold sizes above 0, got {shape}")
        node: Node = Input("x", shape)
        for layer in layers:
            node = layer(node)
        super().__init__(node, loss=loss, rng=rng, dtype=dtype)

    @property
    def input_shape(self) -> Shape:
        """One sample's input shape."""
        return self.inputs["x"].shape

    def backward(self, dout: npt.ArrayLike = 1.0) -> Array:
        """The gradient of the input, given the output's; fills `grads`."""
        gradient: Array = super().backward(dout)["x"]
        return gradient


def _checked(layers: Iterable[object]) -> list[Layer]:
    if not isinstance(layers, Iterable):
        raise ArgumentError(f"Sequential: takes a list of layers, got {layers!r} alone")
    given: list[Layer] = []
    for place, layer in enumerate(layers):
        if isinstance(layer, type) and issubclass(layer, Layer):
            name = layer.__name__
            raise ArgumentError(
                f"Sequential: layers[{place}] is the class {name}: write {name}(...)"
            )
        if not isinstance(layer, Layer):
            raise ArgumentError(
                f"Sequential: layers[{place}] is {layer!r}, which is no layer; your own is a "
                "subclass of zk.Layer"
            )
        if isinstance(layer, Loss):
            raise ArgumentError(f"Sequential: layers[{place}] is a loss: write loss={layer!r}")
        given.append(layer)
    if not given:
        raise ArgumentError("Sequential: needs at least one layer")
    return given
