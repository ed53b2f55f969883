"""Each layer's inference form as ONNX operators; docs/onnx.md has the table.

A function takes the writer, the layer, the names of its inputs and their shapes without the batch
axis, and returns the name of its output.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from zerokara import layers
from zerokara._types import Shape
from zerokara.errors import ArgumentError
from zerokara.interop.onnx.package import OPSET_LAYER_NORMALIZATION
from zerokara.interop.onnx.writer import Writer
from zerokara.layers import Layer
from zerokara.layers.geometry import Window

ToNodes: TypeAlias = Callable[[Writer, Any, list[str], list[Shape]], str]


def write_layer(writer: Writer, layer: Layer, inputs: list[str], shapes: list[Shape]) -> str:
    """Add a layer's nodes and return the name of its output.

    Raises:
        ArgumentError: a layer that is none of zerokara's own.
    """
    to_nodes = TO_NODES.get(type(layer))
    if to_nodes is not None:
        return to_nodes(writer, layer, inputs, shapes)
    raise ArgumentError(
        f"{writer.where}: {layer!r} is a layer of your own, which ONNX has no operators for; "
        f"exported are {', '.join(sorted(kind.__name__ for kind in TO_NODES))}"
    )


def _affine(writer: Writer, layer: layers.Affine, inputs: list[str], shapes: list[Shape]) -> str:
    rows = inputs[0] if len(shapes[0]) == 1 else writer.node("Flatten", inputs[0], axis=1)
    return writer.node("Gemm", rows, writer.tensor(layer.W, "W"), writer.tensor(layer.b, "b"))


def _convolution(
    writer: Writer, layer: layers.Convolution, inputs: list[str], shapes: list[Shape]
) -> str:
    weights = writer.tensor(layer.W, "W"), writer.tensor(layer.b, "b")
    return writer.node(
        "Conv",
        inputs[0],
        *weights,
        **_window(layer.window),
        dilations=list(layer.window.dilation),
        group=layer.groups,
    )


def _conv_transpose(
    writer: Writer, layer: layers.ConvTranspose, inputs: list[str], shapes: list[Shape]
) -> str:
    weights = writer.tensor(layer.W, "W"), writer.tensor(layer.b, "b")
    return writer.node(
        "ConvTranspose",
        inputs[0],
        *weights,
        **_window(layer.window),
        output_padding=list(layer.output_pad),
    )


def _max_pool(writer: Writer, layer: layers.MaxPool, inputs: list[str], shapes: list[Shape]) -> str:
    return writer.node("MaxPool", inputs[0], **_window(layer.window))


def _average_pool(
    writer: Writer, layer: layers.AveragePool, inputs: list[str], shapes: list[Shape]
) -> str:
    return writer.node("AveragePool", inputs[0], **_window(layer.window), count_include_pad=1)


def _global_average_pool(
    writer: Writer, layer: Layer, inputs: list[str], shapes: list[Shape]
) -> str:
    return writer.node("Flatten", writer.node("GlobalAveragePool", inputs[0]), axis=1)


def _flatten(writer: Writer, layer: Layer, inputs: list[str], shapes: list[Shape]) -> str:
    return writer.node("Flatten", inputs[0], axis=1)


def _batch_normalization(
    writer: Writer, layer: layers.BatchNormalization, inputs: list[str], shapes: list[Shape]
) -> str:
    arrays = layer.gamma, layer.beta, layer.state["running_mean"], layer.state["running_var"]
    names = ("gamma", "beta", "running_mean", "running_var")
    tensors = [writer.tensor(array, name) for array, name in zip(arrays, names, strict=True)]
    return writer.node("BatchNormalization", inputs[0], *tensors, epsilon=layer.eps)


def _layer_normalization(
    writer: Writer, layer: layers.LayerNormalization, inputs: list[str], shapes: list[Shape]
) -> str:
    writer.opset = OPSET_LAYER_NORMALIZATION
    tensors = writer.tensor(layer.gamma, "gamma"), writer.tensor(layer.beta, "beta")
    return writer.node(
        "LayerNormalization", inputs[0], *tensors, axis=-layer.gamma.ndim, epsilon=layer.eps
    )


def _dropout(writer: Writer, layer: layers.Dropout, inputs: list[str], shapes: list[Shape]) -> str:
    # In inference nothing is dropped; the book's form scales instead of training's.
    if not layer.scale_at_test:
        return inputs[0]
    return writer.node("Mul", inputs[0], writer.number(1 - layer.ratio))


def _identity(writer: Writer, layer: Layer, inputs: list[str], shapes: list[Shape]) -> str:
    return inputs[0]


def _leaky_relu(
    writer: Writer, layer: layers.LeakyReLU, inputs: list[str], shapes: list[Shape]
) -> str:
    return writer.node("LeakyRelu", inputs[0], alpha=layer.negative_slope)


def _elu(writer: Writer, layer: layers.ELU, inputs: list[str], shapes: list[Shape]) -> str:
    return writer.node("Elu", inputs[0], alpha=layer.alpha)


def _gelu(writer: Writer, layer: layers.GELU, inputs: list[str], shapes: list[Shape]) -> str:
    # The operator Gelu is of opset 20, which older runtimes do not read.
    x = inputs[0]
    if layer.approximate == "none":
        bent = writer.node("Erf", writer.node("Mul", x, writer.number(1 / math.sqrt(2))))
    else:
        cube = writer.node("Mul", writer.node("Mul", x, x), x)
        inner = writer.node("Add", x, writer.node("Mul", cube, writer.number(0.044715)))
        scaled = writer.node("Mul", inner, writer.number(math.sqrt(2 / math.pi)))
        bent = writer.node("Tanh", scaled)
    share = writer.node("Mul", writer.node("Add", bent, writer.number(1)), writer.number(0.5))
    return writer.node("Mul", x, share)


def _silu(writer: Writer, layer: Layer, inputs: list[str], shapes: list[Shape]) -> str:
    return writer.node("Mul", inputs[0], writer.node("Sigmoid", inputs[0]))


def _softmax(writer: Writer, layer: Layer, inputs: list[str], shapes: list[Shape]) -> str:
    return writer.node("Softmax", inputs[0], axis=-1)


def _plain(operator: str) -> ToNodes:
    """A layer that is one operator without arguments."""

    def to_nodes(writer: Writer, layer: Layer, inputs: list[str], shapes: list[Shape]) -> str:
        return writer.node(operator, *inputs)

    return to_nodes


def _window(window: Window) -> dict[str, list[int]]:
    """What convolutions and poolings share; ONNX pads begin and end of each axis."""
    return {
        "kernel_shape": list(window.size),
        "strides": list(window.stride),
        "pads": [*window.pad, *window.pad],
    }


TO_NODES: dict[type[Layer], ToNodes] = {
    layers.Add: _plain("Add"),
    layers.Affine: _affine,
    layers.AveragePool: _average_pool,
    layers.BatchNormalization: _batch_normalization,
    layers.ConvTranspose: _conv_transpose,
    layers.Convolution: _convolution,
    layers.Dropout: _dropout,
    layers.ELU: _elu,
    layers.Flatten: _flatten,
    layers.GELU: _gelu,
    layers.GlobalAveragePool: _global_average_pool,
    layers.Identity: _identity,
    layers.LayerNormalization: _layer_normalization,
    layers.LeakyReLU: _leaky_relu,
    layers.MaxPool: _max_pool,
    layers.Mul: _plain("Mul"),
    layers.ReLU: _plain("Relu"),
    layers.SiLU: _silu,
    layers.Sigmoid: _plain("Sigmoid"),
    layers.Softmax: _softmax,
    layers.Softplus: _plain("Softplus"),
    layers.Tanh: _plain("Tanh"),
}
"""Every layer that a network may hold, losses aside."""
