"""load: an ONNX file as a network."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, ModelFileError, ZerokaraError
from zerokara.interop.onnx import ops_images, ops_numbers, ops_rows, ops_shape
from zerokara.interop.onnx.patterns import find_layers
from zerokara.interop.onnx.reading import NAMES, Graph, Op, check_attributes, needed, read_graph
from zerokara.interop.onnx.tensors import LARGEST, MOST_AXES
from zerokara.interop.onnx.values import OtherInput, Value, Values, input_value
from zerokara.layers import (
    Input,
    Layer,
    Loss,
    Node,
    Sigmoid,
    SigmoidWithLoss,
    Softmax,
    SoftmaxWithLoss,
)
from zerokara.network import Network
from zerokara.sequential import Sequential

FLOATS = {1: np.float32, 10: np.float32, 11: np.float64}
"""What TensorProto calls floats, and in what the network works."""

OPERATORS = ops_rows.READERS | ops_images.READERS | ops_shape.READERS | ops_numbers.READERS

MOST_NODES = 100_000

# Input shape and order by input name, where a layer needs another one than the file's.
_Others = dict[str, tuple[Shape, Array | None]]


def load(
    path: str | os.PathLike[str],
    *,
    output: str | None = None,
    input_shape: Shape | None = None,
    loss: Loss | None = None,
) -> Network:
    """Read a feed-forward or convolutional network from an ONNX file.

    It is a `Sequential` where the graph is a straight line, else a `Network`; float64 where an
    input of the file is, else float32. Nothing in the file is run. External data is read from
    inside the file's folder alone.

    Inputs of images (N, H, W, C), as Keras has them, become (N, C, H, W) where the file transposes
    them. Labels (whole numbers) among the outputs are left out.

    Args:
        path: the file.
        output: the name of the output that is wanted; needed where several remain.
        input_shape: of one sample, for a file that leaves it open.
        loss: for training on. A Softmax at the end makes way for SoftmaxWithLoss, a Sigmoid for
            SigmoidWithLoss, for these contain it.

    Raises:
        ModelFileError: no such file, damaged, an operator that is unknown or used in a way that
            zerokara has no layer for; names the node.
        ArgumentError: `output` or `input_shape` do not fit the file.
        MissingExtraError: the package onnx is not installed.
    """
    if loss is not None and not isinstance(loss, Loss):
        raise ArgumentError(f"onnx.load: loss must be a loss, got {loss!r:.60}")
    try:
        graph = read_graph(path)
        if len(graph.ops) > MOST_NODES:
            raise ModelFileError(f"has {len(graph.ops):,} nodes; read are up to {MOST_NODES:,}")
        name = _output(graph, output)
        others: _Others = {}
        while True:
            try:
                end, dtype = _value(graph, name, input_shape, others)
                break
            except OtherInput as wish:
                if wish.name in others:
                    raise ModelFileError(
                        f"its input {wish.name!r:.80} is needed in two shapes or orders, "
                        "for which zerokara has no layer"
                    ) from None
                others[wish.name] = (wish.shape, wish.order)
        return _network(end, loss, dtype)
    except (ModelFileError, ArgumentError) as error:
        if isinstance(error, ModelFileError):
            raise ModelFileError(f"{path}: {error}") from None
        raise ArgumentError(f"onnx.load: {path}: {error}") from None
    except MemoryError:
        raise ModelFileError(f"{path}: does not fit into memory") from None


def _value(
    graph: Graph, name: str, input_shape: Shape | None, others: _Others
) -> tuple[Node, np.dtype[Any]]:
    """The node that gives an output, and the network's dtype."""
    ops = needed(graph.ops, name)
    used = Counter(each for op in ops for each in op.inputs)
    inputs = {key: info for key, info in graph.inputs.items() if used[key] or key == name}
    kinds = [info.type.tensor_type.elem_type for info in inputs.values()]
    dtype = np.dtype(np.float64 if 11 in kinds else np.float32)
    if input_shape is not None and len(inputs) != 1:
        raise ArgumentError(f"input_shape is for one input; the file has {len(inputs)}")
    makers = {each: op for op in ops for each in op.outputs if each}
    values = Values(graph.tensors, graph.folder, dtype, graph.opset, makers)
    for key, info in inputs.items():
        shape, fixed = _sample_shape(key, info, input_shape)
        values.batch = fixed if values.batch is None else values.batch
        values.known[key] = input_value(key, shape, others.get(key))
    ops = needed(find_layers(ops, lambda each: _number(values, each)), name)
    values.uses = Counter(each for op in ops for each in op.inputs)
    for op in ops:
        _run(values, op)
    end = values.known.get(name)
    if not isinstance(end, Value):
        raise ModelFileError(f"its output {name!r:.80} depends on no input")
    return values.plain(end), dtype


def _run(values: Values, op: Op) -> None:
    """Read one operator; what it gives stands in `values` afterwards."""
    readers = OPERATORS if op.domain in NAMES else {}
    if op.domain == "ai.onnx.ml":
        readers = ops_numbers.OF_SKLEARN
    if op.kind not in readers:
        raise ModelFileError(
            f"{op} is no operator that zerokara reads; docs/onnx.md lists those that are"
        )
    try:
        if not op.outputs or (op.kind not in ("Constant",) and not op.inputs):
            raise ModelFileError("has no input or no output")
        check_attributes(op)
        with np.errstate(all="ignore"):  # what is not finite is refused where it matters
            result = readers[op.kind](values, op)
    except ZerokaraError as error:
        raise ModelFileError(f"{op}: {error}") from None
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise ModelFileError(f"{op}: its arguments are of a wrong kind ({error})") from None
    # A LinearClassifier gives its label first.
    name = op.outputs[1 if op.kind == "LinearClassifier" else 0]
    if isinstance(result, Value) and values.uses[name] != 1:
        result = replace(result, layer=None)  # what is added to it may not go into its layer
    values.known[name] = result


def _number(values: Values, name: str) -> Array | None:
    """Fixed numbers as `find_layers` asks for them: a tensor, or what a Constant holds."""
    maker = values.makers.get(name)
    if maker is not None and maker.kind == "Constant" and maker.domain in NAMES:
        if name not in values.known:
            _run(values, maker)
        found = values.known[name]
        return None if isinstance(found, Value) else found
    return values.array(name) if name in values.tensors else None


def _output(graph: Graph, wanted: str | None) -> str:
    """The output to be read: the one that is asked for, or the only one that is no label."""
    names = list(graph.outputs)
    if wanted is not None:
        if wanted not in names:
            raise ArgumentError(f"output {wanted!r:.80} is none of {', '.join(names)!s:.200}")
        return wanted
    floats = [
        name
        for name, info in graph.outputs.items()
        if info.type.WhichOneof("value") != "tensor_type"
        or info.type.tensor_type.elem_type in (0, *FLOATS)
    ]
    if len(floats) != 1:
        raise ModelFileError(
            f"has {len(floats)} outputs of floats ({', '.join(floats)!s:.200}); say which one is "
            "wanted: output=..."
        )
    return floats[0]


def _sample_shape(name: str, info: Any, given: Shape | None) -> tuple[Shape, int | None]:
    """The shape of one sample of an input, and the batch's size where the file fixes it."""
    dims = info.type.tensor_type.shape.dim
    if info.type.WhichOneof("value") != "tensor_type" or len(dims) > MOST_AXES:
        raise ModelFileError(f"its input {name!r:.80} is no tensor of up to {MOST_AXES} axes")
    if not dims and given is None:
        raise ModelFileError(
            f"its input {name!r:.80} has no batch axis, or no shape; if it is left open, say it: "
            "input_shape=(...)"
        )
    fixed = dims[0].dim_value if dims and dims[0].HasField("dim_value") else None
    sizes = [each.dim_value if each.HasField("dim_value") else None for each in dims[1:]]
    if given is not None:
        fits = not dims or len(given) == len(sizes)
        if not fits or any(n not in (None, m) for n, m in zip(sizes, given, strict=False)):
            raise ArgumentError(f"input_shape {given} does not fit {sizes}, as the file has it")
        sizes = list(given)
    if any(size is None for size in sizes):
        raise ModelFileError(
            f"its input {name!r:.80} leaves its shape open ({sizes}); say it: input_shape=(...)"
        )
    shape = tuple(int(size) for size in sizes if size is not None)
    if (
        not all(1 <= size <= LARGEST for size in shape)
        or int(np.prod(shape, dtype=object)) > LARGEST
    ):
        raise ModelFileError(
            f"its input {name!r:.80} of shape {shape!s:.80} must have sizes from 1, and {LARGEST} "
            "numbers a sample at most"
        )
    return shape, fixed


def _network(end: Node, loss: Loss | None, dtype: np.dtype[Any]) -> Network:
    """The network that ends at a node."""
    for kind, last in ((SoftmaxWithLoss, Softmax), (SigmoidWithLoss, Sigmoid)):
        if isinstance(loss, kind) and type(end.layer) is last and end.inputs[0].layer is not None:
            end = end.inputs[0]
    line: list[Layer] = []
    node = end
    while node.layer is not None and len(node.inputs) == 1:
        line.append(node.layer)
        node = node.inputs[0]
    try:
        if isinstance(node, Input) and line and node.shape:
            return Sequential(line[::-1], node.shape, loss=loss, dtype=dtype)
        return Network(end, loss=loss, dtype=dtype)
    except ZerokaraError as error:
        raise ModelFileError(f"the network cannot be made ({error})") from None
