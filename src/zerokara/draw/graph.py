"""The computational graph as the book draws it: values above the lines, gradients below."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from zerokara.draw.boxes import Words, picture_of
from zerokara.draw.drawing import Drawing, check_ending
from zerokara.draw.folding import group_nodes
from zerokara.draw.svg import to_svg
from zerokara.errors import DtypeError
from zerokara.graph import layer_names, sort_nodes
from zerokara.layers import Node
from zerokara.network import Network
from zerokara.trace import Trace


def draw(
    net_or_node: Network | Node,
    path: str | os.PathLike[str] | None = None,
    *,
    values: Mapping[str, Any] | bool | None = None,
    fold: bool | None = None,
    title: str | None = None,
) -> Drawing:
    """The graph of a network, or of what ends in a node, as a picture.

    Circles are `Add` and `Mul`, boxes are other layers with the shapes of their parameters. Above
    a line stands the value that goes along it, below it the gradient that comes back: a number, or
    for arrays a shape and a gradient's Euclidean norm. A value that is used several times shows
    the sum of the gradients that come back to it (book 5.1 to 5.3).

    Args:
        net_or_node: what to draw. A node alone shows its structure.
        path: where to save it, as .svg or .png.
        values: None: those of the network's last `forward`, `loss` or `gradient`, if any; False:
            none; a mapping of input names to arrays: forward with these and backward with ones,
            on a copy; True is as None.
        fold: whether an activation shares the box of the layer before it, and repeats become one
            box; by default in graphs of more than 8 layers.
        title: what the picture is called for those who cannot see it.

    Raises:
        DtypeError: neither a network nor a node.
        ArgumentError: a path of another ending; inputs missing or unknown; a node without inputs.
        ShapeError: an input of another shape.
        MissingExtraError: a path that ends in .png, and resvg-py is not installed.
        DataError: the file cannot be written.
    """
    if not isinstance(net_or_node, Network | Node):
        raise DtypeError(f"draw: expected a Network or a Node, got {type(net_or_node).__name__}")
    if path is not None:
        check_ending("draw", path)
    net = net_or_node if isinstance(net_or_node, Network) else None
    if isinstance(values, Mapping):
        net = net.copy() if net is not None else _network_of(net_or_node)  # type: ignore[arg-type]
        out = net.forward(values)
        net.backward(np.ones_like(out))
    if net is not None:
        names = {layer: name for name, layer in net.layers.items()}
        trace = Trace() if values is False else net.trace
        nodes, words = net.nodes, Words(names, net.shapes, trace, net)
    else:
        assert isinstance(net_or_node, Node)
        nodes = sort_nodes(net_or_node)
        names = {node.layer: name for name, node in layer_names(nodes) if node.layer}
        words = Words(names, {}, Trace())
    picture = picture_of(group_nodes(nodes, fold), words)
    drawing = Drawing(to_svg(picture, title or f"computational graph of {_called(net_or_node)}"))
    if path is not None:
        drawing.save(path)
    return drawing


def _called(what: Network | Node) -> str:
    return type(what).__name__ if isinstance(what, Network) else repr(what)


def _network_of(output: Node) -> Network:
    """A network of copies: the given nodes stay free for one of the user's own."""
    memo: dict[int, Any] = {}
    for node in sort_nodes(output):
        twin = copy.deepcopy(node, memo)
        if twin.layer is not None:
            twin.layer.adopted = False
    return Network(copy.deepcopy(output, memo))
