"""From layers to kernels: for each type of layer, the calls that do its work.

A layer type has one function, in lowering_rows.py or lowering_images.py. It adds the forward
kernels, and gives back a function that adds the backward ones. A type that is not in the table
runs its own Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from zerokara import layers
from zerokara.engine import lowering_images as on_images
from zerokara.engine import lowering_norm as on_columns
from zerokara.engine import lowering_rows as on_rows
from zerokara.engine.image_kernels import FromImage, ToImage
from zerokara.engine.lowering_images import NoKernelError
from zerokara.engine.program import (
    Call,
    Entrywise,
    Gather,
    Image,
    Kernel,
    Loss,
    Plan,
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


def lower(net: Network, *, training: bool, weighted: bool = False) -> Plan:
    """The plan of one forward pass or, with `training`, of a whole step without its update.

    With `weighted`, the loss is told how much each sample counts.
    """
    return Lowerer(net, training, weighted).plan


class Lowerer:
    """Walks a network's nodes forward and back and collects kernels."""

    def __init__(self, net: Network, training: bool, weighted: bool = False) -> None:
        self.net = net
        self.training = training
        self.weighted = weighted
        self.plan = Plan(training)
        self.names = {layer: name for name, layer in net.layers.items()}
        self.offsets = _offsets(net)
        self.learns = _nodes_that_learn(net)
        # What was turned from rows to images or back, so that nothing is turned twice.
        self._turned: dict[Slot, Slot] = {}
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
        self.plan.result = result = self.flat(result)
        if training:
            self._backward(values, backs, self._loss(result))

    def add(self, kernel: Kernel) -> None:
        self.plan.kernels.append(kernel)

    def needs(self, node: Node) -> bool:
        """Whether a gradient of this node leads to a parameter."""
        return node in self.learns

    def slot(self, node: Node, image: bool = False) -> Slot:
        """A slot for a node's output."""
        name = self.names[self.layer(node)]
        return Slot(name, self.net.shapes[node], Image() if image else None)

    @staticmethod
    def gradient(slot: Slot) -> Slot:
        """A slot for a gradient, in the order of what it is the gradient of."""
        return Slot(f"d{slot.name}", slot.shape, None if slot.image is None else Image())

    def image(self, slot: Slot) -> Slot:
        """The same numbers pixel by pixel."""
        if slot.image is None and slot not in self._turned:
            self._turned[slot] = Slot(f"{slot.name} (image)", slot.shape, Image())
            self.add(ToImage(slot, self._turned[slot]))
        return slot if slot.image is not None else self._turned[slot]

    def flat(self, slot: Slot) -> Slot:
        """The same numbers as a row, channel by channel."""
        if slot.image is not None and slot not in self._turned:
            self._turned[slot] = Slot(f"{slot.name} (row)", slot.shape)
            self.add(FromImage(slot, self._turned[slot]))
        return slot if slot.image is None else self._turned[slot]

    @staticmethod
    def layer(node: Node) -> Layer:
        assert node.layer is not None
        return node.layer

    def _forward(self, node: Node, values: dict[Node, Value]) -> tuple[Slot, Back]:
        inputs = [values[source] for source in node.inputs]
        # By exact type: a subclass may have overridden the maths.
        kind = type(self.layer(node))
        lowering = LOWERINGS.get(kind)
        slots = [value for value in inputs if isinstance(value, Slot)]
        if lowering is not None and len(slots) == len(inputs):
            if kind not in TAKE_IMAGES:
                slots = [self.flat(slot) for slot in slots]
            try:
                return lowering(self, node, slots)
            except NoKernelError:
                pass
        rows = [self.flat(value) if isinstance(value, Slot) else value for value in inputs]
        return on_rows.python_layer(self, node, rows)

    def _loss(self, scores: Slot) -> Slot:
        loss = self.net.loss_layer
        assert loss is not None
        gradient = Slot("dscores", scores.shape)
        # Options such as label smoothing, and weights of samples, are for the maths.
        kind = LOSSES.get(type(loss)) if loss.plain and not self.weighted else None
        if kind is not None and len(scores.shape) == 1:
            self.add(Loss(kind, scores, gradient))
        else:
            self.add(Call(loss, "loss", "loss", [scores], [gradient]))
        return gradient

    def _backward(self, values: dict[Node, Value], backs: dict[Node, Back], dscores: Slot) -> None:
        arriving: dict[Node, Slot] = {self.net.output: self._as(values[self.net.output], dscores)}
        for node in reversed(self.net.nodes):
            if node not in backs or node not in arriving or not self.needs(node):
                continue
            for source, gradient in zip(node.inputs, backs[node](arriving[node]), strict=True):
                if gradient is None:
                    continue
                gradient = self._as(values[source], gradient)
                if source in arriving:
                    total = self.gradient(gradient)
                    total.name = f"{gradient.name}+"
                    self.add(Entrywise("add", arriving[source], gradient, total))
                    gradient = total
                arriving[source] = gradient

    def _as(self, value: Value, gradient: Slot) -> Slot:
        """A gradient in the order of the value that it belongs to."""
        is_image = isinstance(value, Slot) and value.image is not None
        return self.image(gradient) if is_image else self.flat(gradient)


LOWERINGS: dict[type[Layer], Lowering] = {
    layers.Affine: on_rows.affine,
    layers.ReLU: on_rows.activation("relu"),
    layers.Sigmoid: on_rows.activation("sigmoid"),
    layers.Tanh: on_rows.activation("tanh"),
    layers.Identity: on_rows.identity,
    **dict.fromkeys(on_rows.CURVES, on_rows.curve),
    layers.Softmax: on_rows.softmax,
    layers.Add: on_rows.add,
    layers.Mul: on_rows.multiply,
    layers.Convolution: on_images.convolution,
    layers.MaxPool: on_images.pool,
    layers.AveragePool: on_images.pool,
    layers.GlobalAveragePool: on_images.global_average_pool,
    layers.Flatten: on_images.flatten,
    layers.Dropout: on_images.dropout,
    layers.BatchNormalization: on_columns.batch_normalization,
}
"""The layers that have kernels. A new one is one function and one line here."""

TAKE_IMAGES: set[type[Layer]] = {
    layers.ReLU,
    layers.Sigmoid,
    layers.Tanh,
    layers.Identity,
    *on_rows.CURVES,
    layers.Add,
    layers.Convolution,
    layers.MaxPool,
    layers.AveragePool,
    layers.GlobalAveragePool,
    layers.Flatten,
    layers.BatchNormalization,
}
"""Those whose functions know what to do with an image; others are given rows."""


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
