"""Layers on rows of numbers as kernels, and any layer as a call of its own Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zerokara import layers
from zerokara.engine.lowering_images import NoKernelError
from zerokara.engine.program import (
    Affine,
    AffineBack,
    AffineUse,
    Call,
    Entrywise,
    Gradient,
    Range,
    Slot,
)
from zerokara.layers import Layer, Node

if TYPE_CHECKING:
    from zerokara.engine.lowering import Back, Lowerer, Lowering, Value


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
        dx = lower.gradient(x)
        lower.add(AffineBack(use, dout, dx))
        return [dx]

    return out, back


def activation(name: str) -> Lowering:
    """An activation whose gradient is known from its output."""

    def lowering(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
        out = lower.slot(node, image=inputs[0].image is not None)
        lower.add(Entrywise("activate", inputs[0], None, out, name))

        def back(dout: Slot) -> list[Slot | None]:
            dx = lower.gradient(inputs[0])
            lower.add(Entrywise("activate_back", dout, out, dx, name))
            return [dx]

        return out, back

    return lowering


def curve(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """An activation whose gradient is known from its input."""
    layer, x = lower.layer(node), inputs[0]
    name, parameter = CURVES[type(layer)](layer)
    out = lower.slot(node, image=x.image is not None)
    lower.add(Entrywise("curve", x, None, out, name, parameter))

    def back(dout: Slot) -> list[Slot | None]:
        dx = lower.gradient(x)
        lower.add(Entrywise("curve_back", dout, x, dx, name, parameter))
        return [dx]

    return out, back


CURVES: dict[type[Layer], Callable[[Any], tuple[str, float]]] = {
    layers.LeakyReLU: lambda layer: ("leaky_relu", layer.negative_slope),
    layers.ELU: lambda layer: ("elu", layer.alpha),
    layers.GELU: lambda layer: ("gelu" if layer.approximate == "none" else "gelu_tanh", 0.0),
    layers.SiLU: lambda layer: ("silu", 0.0),
    layers.Softplus: lambda layer: ("softplus", 0.0),
}
"""The core's name of each, and its parameter."""


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
        dx = lower.gradient(inputs[0])
        lower.add(Entrywise("softmax_back", dout, out, dx))
        return [dx]

    return out, back


def add(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """x + y; both gradients are the output's."""
    images = all(slot.image is not None for slot in inputs)
    inputs = inputs if images else [lower.flat(slot) for slot in inputs]
    out = lower.slot(node, image=images)
    lower.add(Entrywise("add", inputs[0], inputs[1], out))
    return out, lambda dout: [dout if lower.needs(source) else None for source in node.inputs]


def multiply(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """x * y; each side's gradient is the output's times the other side."""
    out = lower.slot(node)
    lower.add(Entrywise("multiply", inputs[0], inputs[1], out))

    def back(dout: Slot) -> list[Slot | None]:
        gradients: list[Slot | None] = []
        for source, own, other in zip(node.inputs, inputs, reversed(inputs), strict=True):
            gradient = lower.gradient(own) if lower.needs(source) else None
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
