"""Layers on images, and dropout, as kernels.

Images are kept pixel by pixel from the first convolution to the last pooling; `Lowerer.image` and
`Lowerer.flat` add the kernel that turns them where a layer wants the other order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokara import layers
from zerokara.engine.image_kernels import (
    ConvolutionUse,
    Correlate,
    CorrelateBack,
    Dropout,
    FilterGradient,
    FromImage,
    Pool,
    PoolBack,
    ToImage,
)
from zerokara.engine.program import Entrywise, Image, Slot
from zerokara.layers import Node
from zerokara.layers.geometry import Pair, Window

if TYPE_CHECKING:
    from zerokara.engine.lowering import Back, Lowerer


class NoKernelError(Exception):
    """This use of a layer has no kernel, though its type has."""


def convolution(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """Windows times filters; grouped convolutions stay with their Python."""
    layer = lower.layer(node)
    assert isinstance(layer, layers.Convolution)
    if layer.groups != 1:
        raise NoKernelError
    x, window = lower.image(inputs[0]), layer.window
    assert x.image is not None
    x.image.reserve(*window.pad)
    offset, out = lower.offsets[layer], lower.slot(node, image=True)
    use = ConvolutionUse(lower.names[layer], offset["W"], offset["b"], window, x.shape, out.shape)
    lower.add(Correlate(use, x, out))

    def back(dout: Slot) -> list[Slot | None]:
        lower.add(FilterGradient(use, x, dout))
        if not lower.needs(node.inputs[0]):
            return [None]
        assert dout.image is not None
        dout.image.reserve(*back_border(window, x.shape[1:], out.shape[1:]))
        dx = lower.gradient(x)
        lower.add(CorrelateBack(use, dout, dx))
        return [dx]

    return out, back


def back_border(window: Window, image: tuple[int, ...], out: tuple[int, ...]) -> Pair:
    """How far past dout the turned window reaches: above or below, and left or right."""
    reach = []
    for axis in (0, 1):
        stride, pad = window.stride[axis], window.pad[axis]
        before = (window.reach[axis] - 1 - pad) // stride
        after = (image[axis] - 1 + pad) // stride - (out[axis] - 1)
        reach.append(max(before, after, 0))
    return reach[0], reach[1]


def pool(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """MaxPool and AveragePool."""
    layer = lower.layer(node)
    assert isinstance(layer, layers.MaxPool | layers.AveragePool)
    return _pool(lower, node, inputs[0], layer.window, lower.slot(node, image=True))


def global_average_pool(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """One window as large as the image."""
    x, result = inputs[0], lower.slot(node)
    height, width = x.shape[1:]
    window = Window((height, width), (height, width))
    one = Slot(f"{result.name} (image)", (x.shape[0], 1, 1), Image())
    _, pool_back = _pool(lower, node, x, window, one)
    lower.add(FromImage(one, result))

    def back(dout: Slot) -> list[Slot | None]:
        spread = lower.gradient(one)
        lower.add(ToImage(dout, spread))
        return pool_back(spread)

    return result, back


def _pool(lower: Lowerer, node: Node, given: Slot, window: Window, out: Slot) -> tuple[Slot, Back]:
    layer, x = lower.layer(node), lower.image(given)
    greatest = isinstance(layer, layers.MaxPool)
    winner = None
    if greatest and lower.training:
        winner = Slot(f"{out.name} winners", out.shape, Image())
    kernel = Pool(lower.names[layer], greatest, window, x, out, winner)
    lower.add(kernel)

    def back(dout: Slot) -> list[Slot | None]:
        dx = lower.gradient(x)
        lower.add(PoolBack(kernel, dout, dx))
        return [dx]

    return out, back


def flatten(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """The same numbers as one row, channel by channel."""
    x, out = inputs[0], lower.slot(node)
    lower.add(_copy(x, out))

    def back(dout: Slot) -> list[Slot | None]:
        dx = lower.gradient(x)
        lower.add(_copy(dout, dx))
        return [dx]

    return out, back


def _copy(x: Slot, out: Slot) -> FromImage | ToImage | Entrywise:
    if x.image is not None:
        return FromImage(x, out)
    return Entrywise("activate", x, None, out) if out.image is None else ToImage(x, out)


def dropout(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """The layer's own noise, number for number; its backward needs the noise alone."""
    layer, x = lower.layer(node), inputs[0]
    assert isinstance(layer, layers.Dropout)
    name, out = lower.names[layer], lower.slot(node)
    if not lower.training:
        if not layer.scale_at_test:
            return x, lambda dout: [dout]
        lower.add(Dropout(name, x, out, None, layer.ratio, 1 - layer.ratio, None))
        return out, lambda dout: [dout]
    # As the maths has it: the quotient of two numbers of the network's dtype.
    one = lower.net.dtype.type(1)
    factor = float(one if layer.scale_at_test else one / lower.net.dtype.type(1 - layer.ratio))
    noise = Slot(f"{name} noise", out.shape)
    lower.add(Dropout(name, x, out, noise, layer.ratio, factor, layer.state["noise"]))

    def back(dout: Slot) -> list[Slot | None]:
        dx = lower.gradient(x)
        lower.add(Entrywise("multiply", dout, noise, dx))
        return [dx]

    return out, back
