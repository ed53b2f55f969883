"""What goes through a network at one batch: every layer's output, and the gradient at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.layers import Constant, Input, Layer, Node
from zerokara.network import Network


@dataclass(frozen=True)
class Signal:
    """One layer's output and the loss's gradient for it; None where none came."""

    name: str
    layer: Layer
    output: Array
    gradient: Array | None


def signals(net: Network, x: Any, t: Any) -> tuple[float, list[Signal]]:
    """The loss of a batch, and the signals of each layer in graph order.

    Args:
        net: a network of ours with a loss; its layers remember this batch afterwards.
        x, t: a batch as the network takes it.
    """
    feeds, _ = net.convert_inputs(x)
    values: dict[Node, Array] = {}
    names = {id(layer): name for name, layer in net.layers.items()}
    with np.errstate(all="ignore"):
        for node in net.nodes:
            if isinstance(node, Input):
                values[node] = feeds[node.name]
            elif isinstance(node, Constant):
                values[node] = np.asarray(node.value, net.dtype)
            elif node.layer is not None:
                given = [values[source] for source in node.inputs]
                values[node] = node.layer.forward(*given, training=True)
        assert net.loss_layer is not None
        loss = float(net.loss_layer.forward(values[net.output], t, training=True))
        arriving: dict[Node, Array] = {net.output: net.loss_layer.backward(1.0)}
        for node in reversed(net.nodes):
            if node.layer is None or node not in arriving:
                continue
            leaving = node.layer.backward(arriving[node])
            parts = leaving if isinstance(leaving, tuple) else (leaving,)
            for source, part in zip(node.inputs, parts, strict=True):
                arriving[source] = arriving[source] + part if source in arriving else part
    found = [
        Signal(names[id(node.layer)], node.layer, values[node], arriving.get(node))
        for node in net.nodes
        if node.layer is not None
    ]
    return loss, found
