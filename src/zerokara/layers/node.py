"""Nodes of a computational graph: a layer with its inputs, or an input of the whole graph.

Making nodes computes nothing. `zerokara.Network` runs and differentiates them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from zerokara._types import Shape
from zerokara.errors import ArgumentError

if TYPE_CHECKING:
    from zerokara.layers.base import Layer


class Node:
    """A place in a graph. `layer` is None for inputs and constants."""

    # Draws the graph that ends here as SVG, or None. The front door sets it: a node must not know
    # how it is drawn.
    picture: ClassVar[Callable[[Node], str | None]]

    def __init__(self, layer: Layer | None, inputs: tuple[Node, ...] = ()) -> None:
        self.layer = layer
        self.inputs = inputs

    def __add__(self, other: Node | float) -> Node:
        from zerokara.layers.arithmetic import Add

        return Add()(self, as_node(other))

    def __mul__(self, other: Node | float) -> Node:
        from zerokara.layers.arithmetic import Mul

        return Mul()(self, as_node(other))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Node:
        return self * -1.0

    def __sub__(self, other: Node | float) -> Node:
        return self + (-other)

    def __rsub__(self, other: float) -> Node:
        return as_node(other) + -self

    def _repr_svg_(self) -> str | None:
        # How a notebook shows it.
        return Node.picture(self)

    def __repr__(self) -> str:
        return f"Node({self.layer!r})"


class Input(Node):
    """An input of a graph, known by its name.

    Args:
        name: the keyword by which `Network.forward` takes its value.
        shape: the shape of one sample, without the batch axis; () is a number a sample.
    """

    def __init__(self, name: str, shape: Shape = ()) -> None:
        super().__init__(None)
        if not name.isidentifier():
            raise ArgumentError(f"Input: a name must be a Python identifier, got {name!r}")
        self.name = name
        self.shape = tuple(shape)

    def __repr__(self) -> str:
        return f"Input({self.name!r}, shape={self.shape})"


class Constant(Node):
    """A fixed number in a graph, made when a node is added to or multiplied by a number."""

    def __init__(self, value: float) -> None:
        super().__init__(None)
        self.value = float(value)
        if not math.isfinite(self.value):
            raise ArgumentError(f"Constant: expected a finite number, got {value}")

    def __repr__(self) -> str:
        return f"Constant({self.value})"


def as_node(value: Node | float) -> Node:
    """The node itself, or a constant for a number."""
    return value if isinstance(value, Node) else Constant(value)


Node.picture = staticmethod(lambda node: None)
