"""Order and names in a graph of nodes: the same graph gives the same order, always."""

from __future__ import annotations

from collections import Counter

from zerokara.errors import ArgumentError
from zerokara.layers import Input, Node


def sort_nodes(output: Node) -> list[Node]:
    """All nodes that `output` depends on, inputs before what uses them.

    Raises:
        ArgumentError: no input, two inputs of one name, or one layer at two places.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    # A stack of its own: a deep network must not meet Python's recursion limit.
    stack: list[tuple[Node, bool]] = [(output, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((source, False) for source in reversed(node.inputs))
    _check(order)
    return order


def layer_names(nodes: list[Node]) -> list[tuple[str, Node]]:
    """A name for every layer: its kind in lower case, numbered in graph order from 1."""
    counts: Counter[str] = Counter()
    names = []
    for node in nodes:
        if node.layer is not None:
            kind = type(node.layer).__name__.lower()
            counts[kind] += 1
            names.append((f"{kind}{counts[kind]}", node))
    return names


def _check(nodes: list[Node]) -> None:
    inputs = Counter(node.name for node in nodes if isinstance(node, Input))
    if not inputs:
        raise ArgumentError("Network: the graph has no Input")
    for name, count in inputs.items():
        if count > 1:
            raise ArgumentError(f"Network: {count} different inputs are called {name!r}")
    layers: set[int] = set()
    for node in nodes:
        if node.layer is None:
            continue
        if id(node.layer) in layers:
            raise ArgumentError(
                f"Network: {node.layer!r} stands at two places of the graph; a layer remembers one "
                "forward pass, so make one layer a place"
            )
        layers.add(id(node.layer))
