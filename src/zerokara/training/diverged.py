"""Where the numbers went wrong: the first layer whose output is not finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zerokara._types import Array
from zerokara.errors import DivergedError
from zerokara.layers import Constant, Input, Node
from zerokara.network import Network


def diverged(
    net: Network, feeds: Mapping[str, Array], t: Array, *, step: int, loss: float, lr: float
) -> DivergedError:
    """The error for a step (counted from 1) whose loss is NaN or infinite.

    Runs that batch forward again, layer by layer; the parameters must still be those of the step.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        place = _first_place(net, feeds, t)
    return DivergedError(
        f"training diverged at step {step}: the batch loss is {loss}. {place}. "
        f"Lower the learning rate (now lr={lr:g}) or scale the inputs"
    )


def _first_place(net: Network, feeds: Mapping[str, Array], t: Array) -> str:
    for name, feed in feeds.items():
        if not _finite(np.asarray(feed).astype(net.dtype)):
            return f"The input {name!r} of that batch is not finite"
    for name, array in net.params.items():
        if not _finite(array):
            return f"The parameter {name!r} is not finite, since an update before that step"
    names = {layer: name for name, layer in net.layers.items()}
    values: dict[Node, Array] = {}
    for node in net.nodes:
        if isinstance(node, Input):
            values[node] = np.asarray(feeds[node.name]).astype(net.dtype)
        elif isinstance(node, Constant):
            values[node] = np.asarray(node.value, net.dtype)
        elif node.layer is not None:
            arguments = [values[source] for source in node.inputs]
            values[node] = node.layer.forward(*arguments, training=True)
            if not _finite(values[node]):
                return f"The first output that is not finite is that of {names[node.layer]!r}"
    if net.loss_layer is not None and not _finite(net.loss_layer.forward(values[net.output], t)):
        return f"All layers give finite numbers; the loss ({net.loss_layer!r}) does not"
    return "Run again, every layer gives finite numbers: a layer's noise, or one that keeps state"


def _finite(array: Array) -> bool:
    return bool(np.isfinite(array).all())
