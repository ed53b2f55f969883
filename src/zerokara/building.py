"""Layers get their sizes and first weights, in the order of the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerokara._types import Shape
from zerokara.layers import Constant, Input, Node


def build_layers(
    nodes: list[Node], rng: np.random.Generator, dtype: np.dtype[Any]
) -> dict[Node, Shape]:
    """Build every layer of a sorted graph; each node's shape for one sample.

    Raises:
        ShapeError: shapes that do not fit, naming the layer.
    """
    hints = _initial_value_hints(nodes)
    shapes: dict[Node, Shape] = {}
    for node in nodes:
        if isinstance(node, Input):
            shapes[node] = node.shape
        elif isinstance(node, Constant):
            shapes[node] = ()
        elif node.layer is not None:
            layer = node.layer
            if getattr(layer, "init", "") is None:
                layer.init = hints.get(node, "xavier")  # type: ignore[attr-defined]
            given = [shapes[source] for source in node.inputs]
            # A constant takes the shape of what stands beside it.
            fixed = [isinstance(source, Constant) for source in node.inputs]
            fitting = [s for s, is_fixed in zip(given, fixed, strict=True) if not is_fixed]
            given = [
                fitting[0] if is_fixed and fitting else s
                for s, is_fixed in zip(given, fixed, strict=True)
            ]
            shapes[node] = layer.build_many(tuple(given), rng, dtype)
    return shapes


def _initial_value_hints(nodes: list[Node]) -> dict[Node, str]:
    """For each node what initial weights suit the layer that its output goes into."""
    hints: dict[Node, str] = {}
    # From the end, so that what a layer leaves to those after it is known; of several layers that
    # use one output the first in graph order is asked.
    for node in reversed(nodes):
        if node.layer is not None:
            asked = node.layer.init_before or hints.get(node, "xavier")
            hints.update(dict.fromkeys(node.inputs, asked))
    return hints
