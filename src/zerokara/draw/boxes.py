"""From a graph of nodes to what stands in its picture: boxes, their words, and arrows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zerokara._types import Array, Shape
from zerokara.draw.folding import Group
from zerokara.draw.text import TIMES, norm_text, number, shape_text, shortened, value_text, width_of
from zerokara.layers import Constant, Input, Layer, Node
from zerokara.network import Network
from zerokara.trace import Trace

FONT, SMALL, SIGN = 13.0, 11.5, 20.0
LINE, PAD = 17.0, 10.0
CIRCLE = 36.0
LONGEST = 46  # characters of a line in a box
MOST_LINES = 6

Line = tuple[tuple[str, str], ...]
"""Words with their style: name, plain, faint or grad."""

_SIGNS = {"Add": "+", "Mul": TIMES}


@dataclass
class Box:
    """One place of the picture.

    Attributes:
        kind: 'input', 'circle', 'box', or 'end', which is only where an arrow points.
        lines: what is written in it.
        above, below: what is written on the line that leaves it: value and gradient.
        hint: what a pointer that rests on it shows.
    """

    kind: str
    lines: list[Line]
    above: str = ""
    below: str = ""
    hint: str = ""
    width: float = 0.0
    height: float = 0.0

    def __post_init__(self) -> None:
        if self.kind == "circle":
            self.width = self.height = CIRCLE
        elif self.kind != "end":
            side = PAD if self.kind == "box" else 4.0
            self.width = max((line_width(line) for line in self.lines), default=0.0) + 2 * side
            self.height = LINE * len(self.lines) + (2 * side if self.kind == "box" else 4.0)


@dataclass
class Picture:
    """Boxes in an order in which arrows lead forward, and the arrows as pairs of places."""

    boxes: list[Box] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)


def line_width(line: Line) -> float:
    return sum(
        width_of(text, FONT if style == "name" else SMALL, bold=style == "name")
        for text, style in line
    )


@dataclass
class Words:
    """What is known of the nodes: names always, shapes and parameters of a network only."""

    names: Mapping[Layer, str]
    shapes: Mapping[Node, Shape]
    trace: Trace
    net: Network | None = None

    def box(self, group: Group) -> Box:
        node = group.nodes[0]
        above, below = self.on_line(group.nodes[-1])
        if isinstance(node, Input):
            name = shortened(node.name, 24)
            return Box("input", [((name, "name"),)], above, below, repr(node))
        if isinstance(node, Constant):
            return Box("input", [((number(node.value), "plain"),)], "", "", repr(node))
        kind = type(node.layer).__name__
        hint = "\n".join(f"{self.names[n.layer]}: {n.layer!r}" for n in group.nodes if n.layer)
        if kind in _SIGNS:
            return Box("circle", [((_SIGNS[kind], "sign"),)], above, below, hint)
        return Box("box", self._lines(group), above, below, hint)

    def on_line(self, node: Node) -> tuple[str, str]:
        """The value above the line that leaves a node, and the gradient below it."""
        value, gradient = self.trace.values.get(node), self.trace.gradients.get(node)
        if value is not None:
            above = value_text(value)
        else:
            shape = self.shapes.get(node, ())
            above = shape_text(shape)
        return above, "" if gradient is None else f"← {norm_text(gradient)}"

    def _lines(self, group: Group) -> list[Line]:
        layers = [node.layer for node in group.nodes if node.layer is not None]
        title = shortened(" + ".join(group.kinds), LONGEST)
        heading: Line = ((title, "name"),)
        if group.times > 1:
            heading = (*heading, (f" {TIMES}{group.times}", "name"))
        lines: list[Line] = [heading]
        if len(layers) == 1:
            lines.append(((shortened(_settings(layers[0], self.names), LONGEST), "faint"),))
        else:
            first, last = self.names[layers[0]], self.names[layers[-1]]
            lines.append(((f"{first} … {last}", "faint"),))
        rows = [row for layer in layers for row in self._parameters(layer, group.times > 1)]
        if len(rows) > MOST_LINES:
            rows = [*rows[: MOST_LINES - 2], (("…", "faint"),), rows[-1]]
        lines += rows
        count = sum(array.size for layer in layers for array in layer.params.values())
        if count:
            lines.append(((f"{count:,} parameters", "faint"),))
        return lines

    def _parameters(self, layer: Layer, brief: bool) -> list[Line]:
        """A line for each parameter: its shape and its gradient's norm; briefly, for matrices."""
        rows: list[Line] = []
        for key, array in layer.params.items():
            if brief and array.ndim < 2 and any(a.ndim > 1 for a in layer.params.values()):
                continue
            name = self.net.parameter_name(self.names[layer], key) if self.net else key
            line: Line = ((f"{shortened(name, 28)}  {shape_text(array.shape)}", "plain"),)
            if self.trace.gradients:
                line = (*line, (f"   ← {norm_of(layer.grads[key])}", "grad"))
            rows.append(line)
        return rows


def norm_of(array: Array) -> str:
    return f"|grad| {float(np.linalg.norm(np.asarray(array, np.float64).ravel())):.3g}"


def _settings(layer: Layer, names: Mapping[Layer, str]) -> str:
    """The layer's name and the arguments that it was made with."""
    told = ", ".join(f"{key} {_plain(value)}" for key, value in layer.config().items())
    return f"{names[layer]}: {told}" if told else names[layer]


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return TIMES.join(map(str, value))
    return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def picture_of(groups: Sequence[Group], words: Words) -> Picture:
    """The boxes and arrows of a graph, with its loss where it has one, and where it ends."""
    picture = Picture([words.box(group) for group in groups])
    place = {node: i for i, group in enumerate(groups) for node in group.nodes}
    for i, group in enumerate(groups):
        inside = set(group.nodes)
        for node in group.nodes:
            picture.arrows += [(place[n], i) for n in node.inputs if n not in inside]
    last, backward = len(groups) - 1, bool(words.trace.gradients)
    net = words.net
    if net is not None and net.loss_layer is not None:
        loss = words.trace.loss
        picture.boxes.append(Box("input", [(("t", "name"),)], "", "", "the targets"))
        kind: Line = ((type(net.loss_layer).__name__, "name"),)
        told = "" if loss is None else number(loss)
        gradient = "← 1" if backward and loss is not None else ""
        picture.boxes.append(
            Box("box", [kind, (("loss", "faint"),)], told, gradient, repr(net.loss_layer))
        )
        picture.arrows += [(last, last + 2), (last + 1, last + 2)]
        last += 2
    if len(picture.boxes) > 1:
        picture.boxes.append(Box("end", []))
        picture.arrows.append((last, last + 1))
    return picture
