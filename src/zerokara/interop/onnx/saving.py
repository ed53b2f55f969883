"""save: a network as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara._version import __version__
from zerokara.errors import ArgumentError, DtypeError, ModelFileError
from zerokara.files import replace_file
from zerokara.interop.onnx import comparing, heads
from zerokara.interop.onnx.layers_to_nodes import write_layer
from zerokara.interop.onnx.package import IR_VERSION, onnx_package
from zerokara.interop.onnx.preprocessing import Preprocessing
from zerokara.interop.onnx.writer import Writer
from zerokara.layers import Constant, Input, Node
from zerokara.network import Network

BATCH = "N"
"""The name of the batch axis, which is of any size."""

LARGEST = 2**31 - 2**20
"""Bytes; protobuf, in which the format is written, holds no more than 2 GiB."""


@dataclass(frozen=True)
class Exported:
    """What `save` wrote.

    Attributes:
        path: the file.
        ir_version, opset: of the format; what older runtimes ask about.
        inputs, outputs: name to dtype and shape in words, such as "float32 (N, 784)".
        difference: the greatest one between ONNX Runtime's outputs and the network's, on random
            samples; None where it was not compared.
        why_not: why it was not.
    """

    path: str
    ir_version: int
    opset: int
    inputs: dict[str, str]
    outputs: dict[str, str]
    difference: float | None
    why_not: str

    def __str__(self) -> str:
        lines = [f"{self.path}: ONNX, IR version {self.ir_version}, opset {self.opset}"]
        lines += [f"  input   {name}: {what}" for name, what in self.inputs.items()]
        lines += [f"  output  {name}: {what}" for name, what in self.outputs.items()]
        if self.difference is None:
            return "\n".join([*lines, f"  not compared: {self.why_not}"])
        said = f"{self.difference:.2g} on {comparing.SAMPLES} random samples"
        return "\n".join([*lines, f"  greatest difference from ONNX Runtime: {said}"])


def save(
    net: Network,
    path: str | os.PathLike[str],
    *,
    classes: Sequence[Any] | None = None,
    preprocessing: Preprocessing | None = None,
    scores: bool = False,
    dtype: npt.DTypeLike = np.float32,
    compare: bool = True,
) -> Exported:
    """Write a network, in inference form, to an ONNX file: IR version 8, opset 13 or 17.

    The batch axis is symbolic. A classifier gives `label` (int64) and `probabilities`: a network
    with SoftmaxWithLoss, or without loss and with Softmax at its end, whose label is the class of
    the greatest score; or with SigmoidWithLoss, whose labels are 1 where the score is above 0.
    Every other network gives `output`. Where ONNX Runtime is installed it runs the file before that
    takes its name, and its answers are compared with the network's.

    Args:
        net: of zerokara's own layers (docs/onnx.md lists their operators).
        path: the file; written beside and renamed.
        classes: names by label; a JSON list of them stands in the file's metadata as "classes".
        preprocessing: put before the network, inside the graph.
        scores: give the network's output as it is, for a classifier too.
        dtype: float32 or float64. Few runtimes have float64 for every operator.
        compare: whether to run ONNX Runtime.

    Raises:
        ArgumentError: a layer of one's own, class names that do not fit, and the like.
        ModelFileError: the file cannot be written, or ONNX Runtime gives other numbers.
        MissingExtraError: the package onnx is not installed.
    """
    if not isinstance(net, Network):
        raise ArgumentError(f"onnx.save: expected a Network, got {type(net).__name__}")
    number = np.dtype(dtype)
    if number not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise DtypeError(f"onnx.save: dtype must be float32 or float64, got {number}")
    if net.flat_params.size * number.itemsize > LARGEST:
        raise ArgumentError(
            f"onnx.save: {net.flat_params.size:,} parameters are more than an ONNX file of 2 GiB "
            "holds"
        )
    head = heads.head_of(net, scores)
    model, outputs = _model(net, head, preprocessing, number, heads.class_metadata(head, classes))
    content: bytes = model.SerializeToString()
    difference, why_not = None, "it was not asked for"
    main = heads.OUTPUT if heads.OUTPUT in outputs else heads.PROBABILITIES
    try:
        if compare:
            feeds, ours = _samples(net, preprocessing, number)
            answer = net.predict if head.kind in ("scores", "done") else net.probabilities
            difference, why_not = comparing.compare(content, feeds, lambda: answer(ours), main)
        replace_file(path, content)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written ({error.strerror or error})") from None
    return Exported(
        os.fspath(path),
        IR_VERSION,
        model.opset_import[0].version,
        {n.name: _words(_input_dtype(preprocessing, number), n.shape) for n in _inputs(net)},
        {n: _words("int64" if whole else number.name, s) for n, (s, whole) in outputs.items()},
        difference,
        why_not,
    )


def _model(
    net: Network,
    head: heads.Head,
    preprocessing: Preprocessing | None,
    dtype: np.dtype[Any],
    metadata: dict[str, str],
) -> tuple[Any, dict[str, tuple[Shape, bool]]]:
    """The file's content as the onnx package holds it, and its outputs."""
    onnx = onnx_package()
    helper = onnx.helper
    elem_type = helper.np_dtype_to_tensor_dtype(dtype)
    given_type = helper.np_dtype_to_tensor_dtype(np.dtype(_input_dtype(preprocessing, dtype)))
    _check_inputs(net, preprocessing)
    writer = Writer(dtype)
    values: dict[Node, str] = {}
    names = {id(layer): name for name, layer in net.layers.items()}
    for node in net.nodes:
        if isinstance(node, Input):
            values[node] = node.name
            if preprocessing is not None:
                values[node] = preprocessing.write(writer, node.name, node.shape, elem_type)
        elif isinstance(node, Constant):
            writer.where = "constant"
            values[node] = writer.number(node.value)
        elif node.layer is not None:
            writer.where = names[id(node.layer)]
            inputs, shapes = [values[n] for n in node.inputs], [net.shapes[n] for n in node.inputs]
            values[node] = write_layer(writer, node.layer, inputs, shapes)
    outputs = head.write(writer, values[net.output])
    graph = helper.make_graph(
        writer.nodes,
        "zerokara",
        [
            helper.make_tensor_value_info(n.name, given_type, [BATCH, *n.shape])
            for n in _inputs(net)
        ],
        [
            helper.make_tensor_value_info(
                name, onnx.TensorProto.INT64 if whole else elem_type, [BATCH, *shape]
            )
            for name, (shape, whole) in outputs.items()
        ],
        writer.tensors,
    )
    model = helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", writer.opset)],
        producer_name="zerokara",
        producer_version=__version__,
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model, outputs


def _check_inputs(net: Network, preprocessing: Preprocessing | None) -> None:
    if preprocessing is not None and len(net.inputs) != 1:
        raise ArgumentError(
            f"onnx.save: preprocessing is for networks of one input; this one has {len(net.inputs)}"
        )
    taken = {heads.LABEL, heads.PROBABILITIES, heads.OUTPUT} & net.inputs.keys()
    if taken:
        raise ArgumentError(
            f"onnx.save: the input {min(taken)!r} has the name of an output of the file; "
            "give it another"
        )


def _samples(
    net: Network, preprocessing: Preprocessing | None, dtype: np.dtype[Any]
) -> tuple[dict[str, Array], Any]:
    """Random inputs for the file, and what the network takes for the same."""
    rng = np.random.default_rng(0)
    feeds: dict[str, Array] = {}
    ours: dict[str, Array] = {}
    for node in _inputs(net):
        shape = (comparing.SAMPLES, *node.shape)
        wanted = np.dtype(_input_dtype(preprocessing, dtype))
        if wanted.kind == "f":
            feeds[node.name] = rng.standard_normal(shape).astype(wanted)
        else:
            feeds[node.name] = rng.integers(0, 256, shape).astype(wanted)
        given = feeds[node.name]
        ours[node.name] = (
            given if preprocessing is None else preprocessing.apply(given, node.shape, dtype)
        )
    return feeds, ours if len(ours) > 1 else next(iter(ours.values()))


def _inputs(net: Network) -> list[Input]:
    return list(net.inputs.values())


def _input_dtype(preprocessing: Preprocessing | None, dtype: np.dtype[Any]) -> str:
    return dtype.name if preprocessing is None else preprocessing.dtype


def _words(dtype: str, shape: Shape) -> str:
    return f"{dtype} ({', '.join([BATCH, *map(str, shape)])}{',' if not shape else ''})"
