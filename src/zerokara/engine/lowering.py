"""From layers to kernels: for each type of layer, the calls that do its work.

A layer type has one function here. It adds the forward kernels, and gives back a function that
adds the backward ones. A type that is not in the table runs its own Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from zerokara import layers
from zerokara.engine.program import (
    Affine,
    AffineBack,
    AffineUse,
    Call,
    Entrywise,
    Gather,
    Gradient,
    Kernel,
    Loss,
    Plan,
    Range,
    Slot,
)
from zerokara.layers import Constant, Input, Layer, Node
from zerokara.network import Network

Value: TypeAlias = Slot | float
# Given the slot of the output's gradient, the slot of each input's gradient (None: not needed).
Back: TypeAlias = Callable[[Slot], list[Slot | None]]
Lowering: TypeAlias = Callable[["Lowerer", Node, list[Slot]], tuple[Slot, Back]]

LOSSES: dict[type[Layer], str] = {
    layers.SoftmaxWithLoss: "softmax",
    layers.SigmoidWithLoss: "sigmoid",
    layers.IdentityWithLoss: "identity",
}


def lower(net: Network, *, training: bool) -> Plan:
    """The plan of one forward pass or, with `training`, of a whole step without its update."""
    return Lowerer(net, training).plan


class Lowerer:
    """Walks a network's nodes forward and back and collects kernels."""

    def __init__(self, net: Network, training: bool) -> None:
        self.net = net
        self.training = training
        self.plan = Plan(training)
        self.names = {layer: name for name, layer in net.layers.items()}
        self.offsets = _offsets(net)
        self.learns = _nodes_that_learn(net)
        values: dict[Node, Value] = {}
        backs: dict[Node, Back] = {}
        for node in net.nodes:
            if isinstance(node, Input):
                slot = Slot(node.name, node.shape)
                source = list(net.inputs).index(node.name)
                self.add(Gather(source, node.name, slot))
                values[node] = slot
            elif isinstance(node, Constant):
                values[node] = node.value
            else:
                values[node], backs[node] = self._forward(node, values)
        result = values[net.output]
        assert isinstance(result, Slot)
        self.plan.result = result
        if training:
            self._backward(backs, self._loss(result))

    def add(self, kernel: Kernel) -> None:
        self.plan.kernels.append(kernel)

    def needs(self, node: Node) -> bool:
        """Whether a gradient of this node leads to a parameter."""
        return node in self.learns

    def slot(self, node: Node, prefix: str = "") -> Slot:
        """A slot for a node's output, or for the gradient that leaves or reaches it."""
        name = node.name if isinstance(node, Input) else self.names[self.layer(node)]
        return Slot(prefix + name, self.net.shapes[node])

    @staticmethod
    def layer(node: Node) -> Layer:
        assert node.layer is not None
        return node.layer

    def _forward(self, node: Node, values: dict[Node, Value]) -> tuple[Slot, Back]:
        inputs = [values[source] for source in node.inputs]
        # By exact type: a subclass may have overridden the maths.
        lowering = LOWERINGS.get(type(self.layer(node)))
        slots = [value for value in inputs if isinstance(value, Slot)]
        if lowering is not None and len(slots) == len(inputs):
            try:
                return lowering(self, node, slots)
            except NoKernelError:
                pass
        return python_layer(self, node, inputs)

    def _loss(self, scores: Slot) -> Slot:
        loss = self.net.loss_layer
        assert loss is not None
        gradient = Slot("dscores", scores.shape)
        kind = LOSSES.get(type(loss))
        if kind is not None and len(scores.shape) == 1:
            self.add(Loss(kind, scores, gradient))
        else:
            self.add(Call(loss, "loss", "loss", [scores], [gradient]))
        return gradient

    def _backward(self, backs: dict[Node, Back], dscores: Slot) -> None:
        arriving: dict[Node, Slot] = {self.net.output: dscores}
        for node in reversed(self.net.nodes):
            if node not in backs or node not in arriving or not self.needs(node):
                continue
            for source, gradient in zip(node.inputs, backs[node](arriving[node]), strict=True):
                if gradient is None:
                    continue
                if source in arriving:
                    total = Slot(f"{gradient.name}+", gradient.shape)
                    self.add(Entrywise("add", arriving[source], gradient, total))
                    gradient = total
                arriving[source] = gradient


class NoKernelError(Exception):
    """This use of a layer has no kernel, though its type has."""


def affine(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """x W + b; the gradient of x is left out where nothing in front of it learns."""
    x, layer = inputs[0], lower.layer(node)
    offset, (rows, columns) = lower.offsets[layer], layer.params["W"].shape
    name = lower.names[layer]
    use = AffineUse(name, offset["W"], offset["b"], rows, columns)
    out = lower.slot(node)
    lower.add(Affine(use, x, out))

    def back(dout: Slot) -> list[Slot | None]:
        lower.plan.gradients.append(Gradient(use, x, dout))
        if not lower.needs(node.inputs[0]):
            return [None]
        dx = Slot(f"d{x.name}", x.shape)
        lower.add(AffineBack(use, dout, dx))
        return [dx]

    return out, back


def activation(name: str) -> Lowering:
    """An activation whose gradient is known from its output."""

    def lowering(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
        out = lower.slot(node)
        lower.add(Entrywise("activate", inputs[0], None, out, name))

        def back(dout: Slot) -> list[Slot | None]:
            dx = Slot(f"d{inputs[0].name}", inputs[0].shape)
            lower.add(Entrywise("activate_back", dout, out, dx, name))
            return [dx]

        return out, back

    return lowering


def identity(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """Nothing to do, forward or back."""
    return inputs[0], lambda dout: [dout]


def softmax(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """Softmax as a layer; with a loss behind it, SoftmaxWithLoss is the better choice."""
    if len(inputs[0].shape) != 1:
        raise NoKernelError
    out = lower.slot(node)
    lower.add(Entrywise("softmax", inputs[0], None, out))

    def back(dout: Slot) -> list[Slot | None]:
        dx = Slot(f"d{inputs[0].name}", inputs[0].shape)
        lower.add(Entrywise("softmax_back", dout, out, dx))
        return [dx]

    return out, back


def add(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """x + y; both gradients are the output's."""
    out = lower.slot(node)
    lower.add(Entrywise("add", inputs[0], inputs[1], out))
    return out, lambda dout: [dout if lower.needs(source) else None for source in node.inputs]


def multiply(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """x * y; each side's gradient is the output's times the other side."""
    out = lower.slot(node)
    lower.add(Entrywise("multiply", inputs[0], inputs[1], out))

    def back(dout: Slot) -> list[Slot | None]:
        gradients: list[Slot | None] = []
        for source, own, other in zip(node.inputs, inputs, reversed(inputs), strict=True):
            gradient = Slot(f"d{own.name}", own.shape) if lower.needs(source) else None
            if gradient is not None:
                lower.add(Entrywise("multiply", dout, other, gradient))
            gradients.append(gradient)
        return gradients

    return out, back


def python_layer(lower: Lowerer, node: Node, inputs: list[Value]) -> tuple[Slot, Back]:
    """Any other layer: the program calls its own forward and backward."""
    layer, out = lower.layer(node), lower.slot(node)
    name = lower.names[layer]
    lower.add(Call(layer, name, "forward", inputs, [out]))

    def back(dout: Slot) -> list[Slot | None]:
        gradients = [
            Slot(f"d{value.name}", value.shape)
            if isinstance(value, Slot) and lower.needs(source)
            else None
            for source, value in zip(node.inputs, inputs, strict=True)
        ]
        lower.add(Call(layer, name, "backward", [dout], list(gradients)))
        for key, start in lower.offsets[layer].items():
            count = layer.params[key].size
            lower.plan.ranges.append(Range(f"{name}.{key}", start, count))
        return list(gradients)

    return out, back


LOWERINGS: dict[type[Layer], Lowering] = {
    layers.Affine: affine,
    layers.ReLU: activation("relu"),
    layers.Sigmoid: activation("sigmoid"),
    layers.Tanh: activation("tanh"),
    layers.Identity: identity,
    layers.Softmax: softmax,
    layers.Add: add,
    layers.Mul: multiply,
}
"""The layers that have kernels. A new one is one function above and one line here."""


def _offsets(net: Network) -> dict[Layer, dict[str, int]]:
    """Where each layer's parameters begin in the flat buffer, counted in numbers."""
    base, size = net.flat_params.ctypes.data, net.flat_params.itemsize
    return {
        layer: {key: (array.ctypes.data - base) // size for key, array in layer.params.items()}
        for layer in net.layers.values()
    }


def _nodes_that_learn(net: Network) -> set[Node]:
    """Nodes that have parameters, or depend on one that has."""
    learning: set[Node] = set()
    for node in net.nodes:
        own = node.layer is not None and bool(node.layer.params)
        if own or any(source in learning for source in node.inputs):
            learning.add(node)
    return learning
