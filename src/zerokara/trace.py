"""What the last eager pass of a network computed, kept for pictures of it."""

from __future__ import annotations

from zerokara._types import Array
from zerokara.layers import Node

KEPT_ENTRIES = 1 << 20
"""Larger arrays are not kept: a pass over a whole data set must not hold its memory."""


class Trace:
    """Values forward and gradients backward, by node.

    Args:
        most: entries of an array that is kept.

    Attributes:
        values: the output of each node, inputs among them, in graph order.
        gradients: of each node's output; what arrives by several ways is summed.
        loss: the mean loss, where the pass computed one.
    """

    def __init__(self, most: int = KEPT_ENTRIES) -> None:
        self.most = most
        self.values: dict[Node, Array] = {}
        self.gradients: dict[Node, Array] = {}
        self.loss: Array | None = None

    def keep_values(self, values: dict[Node, Array]) -> None:
        """Begin anew with the values of a forward pass."""
        self.values = {node: array for node, array in values.items() if array.size <= self.most}
        self.gradients = {}
        self.loss = None

    def keep_gradient(self, node: Node, gradient: Array) -> None:
        """The gradient that arrived at a node."""
        if gradient.size <= self.most:
            self.gradients[node] = gradient
