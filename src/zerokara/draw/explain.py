"""One forward and one backward pass told step by step."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.draw.explanation import Explanation, Row, Step
from zerokara.draw.formulas import formula_of
from zerokara.errors import ArgumentError, DtypeError
from zerokara.layers import Constant, Input, Layer, Node
from zerokara.network import Network
from zerokara.trace import Trace


def explain(net: Network, x: Any, t: npt.ArrayLike | None = None) -> Explanation:
    """What one pass computes: for each layer its formula, its numbers and the rule behind them.

    The pass is that of `net.gradient(x, t)`, made on a copy: the network stays as it is.

    Args:
        net: any network.
        x: as for `net.forward`: a batch, one sample, or a mapping of input names to arrays.
        t: the targets; None for a network without a loss, whose gradient then begins with ones.

    Raises:
        DtypeError: no network.
        ArgumentError: targets missing, or given to a network without a loss; an empty batch.
        ShapeError, LabelError: inputs or targets that do not fit.
    """
    if not isinstance(net, Network):
        raise DtypeError(f"explain: expected a Network, got {type(net).__name__}")
    if (t is None) != (net.loss_layer is None):
        raise ArgumentError(
            f"explain: {net!r} has no loss, so leave out the targets"
            if net.loss_layer is None
            else f"explain: {net!r} has a loss, so give the targets t"
        )
    feeds, _ = net.convert_inputs(x)
    if not all(len(feed) for feed in feeds.values()):
        raise ArgumentError("explain: needs at least one sample, got 0")
    twin = net.copy()
    twin.trace = Trace(sys.maxsize)
    if t is None:
        out = twin.forward(x, training=True)
        twin.backward(np.ones_like(out))
    else:
        twin.compute_gradient(x, t)
    return _Teller(twin, None if t is None else np.asarray(t)).tell()


class _Teller:
    """Tells the pass that a network has just made."""

    def __init__(self, net: Network, t: Array | None) -> None:
        self.net, self.t = net, t
        self.names = {layer: name for name, layer in net.layers.items()}
        self.readers: dict[Node, int] = {}
        for node in net.nodes:
            for source in node.inputs:
                self.readers[source] = self.readers.get(source, 0) + 1

    def tell(self) -> Explanation:
        layered = [node for node in self.net.nodes if node.layer is not None]
        forward = [self._forward(node, node.layer) for node in layered if node.layer]
        back = [self._backward(node, node.layer) for node in reversed(layered) if node.layer]
        if self.net.loss_layer is not None:
            forward.append(self._loss_forward(self.net.loss_layer))
            back.insert(0, self._loss_backward(self.net.loss_layer))
        rows = len(next(iter(self.net.trace.values.values())))
        begin = (
            "Backward begins with dL/dL = 1."
            if self.net.loss_layer is not None
            else "There is no loss, so backward begins with ones at the output."
        )
        lead = (
            f"{rows} sample{'s' if rows > 1 else ''} through {len(self.net.layers)} layers. "
            "Forward, each layer computes its output and remembers what backward will need. "
            "Then backward: each layer receives dout, the gradient of the loss L by its output, "
            "and by the chain rule gives dx, the gradient by its input, to what came before. "
            f"{begin}"
        )
        return Explanation(f"One pass through {type(self.net).__name__}", lead, forward, back)

    def _called(self, node: Node) -> str:
        if isinstance(node, Input):
            return node.name
        if isinstance(node, Constant):
            return f"{node.value:g}"
        assert node.layer is not None
        return self.names[node.layer]

    def _values(self, node: Node) -> list[Row]:
        values = self.net.trace.values
        return [Row(f"in, from {self._called(n)}", values[n]) for n in node.inputs]

    def _parameter(self, layer: Layer, key: str) -> str:
        return self.net.parameter_name(self.names[layer], key)

    def _forward(self, node: Node, layer: Layer) -> Step:
        rows = self._values(node)
        rows += [Row(self._parameter(layer, key), array) for key, array in layer.params.items()]
        rows.append(Row("out", self.net.trace.values[node]))
        return Step(self.names[layer], repr(layer), (formula_of(layer).forward,), rows)

    def _backward(self, node: Node, layer: Layer) -> Step:
        known = formula_of(layer)
        dout = self.net.trace.gradients[node]
        leaving = layer.backward(dout)  # a second time: the contract says that it gives the same
        if not isinstance(leaving, tuple):
            leaving = (leaving,)
        rows = [Row("dout", dout)]
        rows += [Row("d" + self._parameter(layer, key), a) for key, a in layer.grads.items()]
        rows += [
            Row(f"out, to {self._called(source)}", gradient)
            for source, gradient in zip(node.inputs, leaving, strict=True)
        ]
        rule = known.rule
        if self.readers.get(node, 0) > 1:
            rule += (
                f" Its output was used {self.readers[node]} times, so dout is the sum of the "
                "gradients that came back."
            )
        return Step(self.names[layer], repr(layer), known.backward, rows, rule)

    def _loss_forward(self, loss: Layer) -> Step:
        rows = [Row("in, the scores", self.net.trace.values[self.net.output])]
        rows.append(Row("t, the targets", np.asarray(self.t)))
        rows.append(Row("L, the loss", np.asarray(self.net.trace.loss)))
        return Step("loss", repr(loss), (formula_of(loss).forward,), rows)

    def _loss_backward(self, loss: Layer) -> Step:
        known = formula_of(loss)
        rows = [Row("dout", np.ones((), self.net.dtype))]
        rows.append(Row("out, to the scores", self.net.trace.gradients[self.net.output]))
        return Step("loss", repr(loss), known.backward, rows, known.rule)
