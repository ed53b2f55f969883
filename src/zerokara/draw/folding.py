"""Nodes that share a box: a layer with what follows it, and repeats of the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zerokara.layers import Node

FOLD_ABOVE = 8
"""Layers from which a picture is folded when nobody says whether."""

_FOLLOWERS = {"Dropout", "Identity", "ReLU", "Sigmoid", "Softmax", "Tanh"}
_ALONE = {"Add", "Mul"}


@dataclass
class Group:
    """Nodes in a straight line that are drawn as one box: `kinds`, so many `times`."""

    nodes: list[Node]
    kinds: tuple[str, ...]
    times: int = 1


def group_nodes(nodes: Sequence[Node], fold: bool | None) -> list[Group]:
    """One group a node, or fewer: all nodes in their order.

    Args:
        nodes: inputs before what uses them.
        fold: whether to put several into one box; None: where there are many.
    """
    groups = [Group([node], (type(node.layer or node).__name__,)) for node in nodes]
    if fold is None:
        fold = sum(node.layer is not None for node in nodes) > FOLD_ABOVE
    if not fold:
        return groups
    readers = Counter(source for node in nodes for source in node.inputs)
    groups = _joined(groups, readers, _follows)
    return _joined(groups, readers, _repeats)


def _follows(before: Group, after: Group) -> bool:
    if after.kinds[0] not in _FOLLOWERS:
        return False
    before.kinds += after.kinds
    return True


def _repeats(before: Group, after: Group) -> bool:
    if before.kinds != after.kinds:
        return False
    before.times += after.times
    return True


def _joined(
    groups: list[Group],
    readers: Counter[Node],
    joins: Callable[[Group, Group], bool],
) -> list[Group]:
    """Each group that alone reads the one it reads, put into that one where `joins` says so."""
    kept: list[Group] = []
    ends: dict[Node, Group] = {}
    for group in groups:
        first = group.nodes[0]
        before = ends.get(first.inputs[0]) if len(first.inputs) == 1 else None
        if (
            before is not None
            and before.nodes[0].layer is not None
            and readers[first.inputs[0]] == 1
            and not _ALONE & {before.kinds[0], group.kinds[0]}
            and joins(before, group)
        ):
            del ends[before.nodes[-1]]
            before.nodes += group.nodes
            ends[before.nodes[-1]] = before
        else:
            kept.append(group)
            ends[group.nodes[-1]] = group
    return kept
