"""What goes through a network at one batch: every layer's output, and the gradient at it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.layers import Layer
from zerokara.network import Network
from zerokara.trace import Trace


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
        net: a network of ours with a loss; it and its layers remember this batch afterwards.
        x, t: a batch as the network takes it.
    """
    net.trace = Trace(sys.maxsize)
    with np.errstate(all="ignore"):
        loss = float(net.compute_gradient(x, t))
    names = {id(layer): name for name, layer in net.layers.items()}
    found = [
        Signal(names[id(node.layer)], node.layer, value, net.trace.gradients.get(node))
        for node, value in net.trace.values.items()
        if node.layer is not None
    ]
    return loss, found
