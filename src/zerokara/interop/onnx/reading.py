"""An ONNX file as a list of operators, checked as far as that goes without knowing them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zerokara.errors import ModelFileError
from zerokara.interop.onnx.package import onnx_package
from zerokara.interop.onnx.tensors import text

LARGEST_FILE = 2**31
"""Bytes; protobuf holds no more."""

OLDEST_OPSET = 7
"""Before it operators meant other things: broadcasting, batch normalization."""

NAMES = {"", "ai.onnx"}
"""What the standard operators' domain is called."""


_KINDS: dict[type | str, str] = {
    float: "alpha beta epsilon value_float",
    int: "allowzero axis ceil_mode count_include_pad end group keepdims spatial start targets to "
    "training_mode transA transB value_int",
    str: "approximate auto_pad norm post_transform",
    "floats": "coefficients intercepts offset scale value_floats",
    "ints": "axes classlabels_ints dilations ends kernel_shape output_padding pads perm shape "
    "starts strides value_ints",
    "tensor": "value",
}
"""Of what kind the attributes are that operators of ours have."""


@dataclass
class Op:
    """One node: an operator with the names of its inputs and outputs ("" is one left out)."""

    kind: str
    domain: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        domain = "" if self.domain in NAMES else f"{self.domain}."
        return f"node {self.name!r:.80} ({domain + self.kind:.60})"


@dataclass
class Graph:
    """What a file holds.

    Attributes:
        ops: in the order in which they run.
        tensors: name to TensorProto.
        inputs, outputs: name to ValueInfoProto, tensors aside.
        opset: version of the standard operators.
        folder: where external data lies.
    """

    ops: list[Op]
    tensors: dict[str, Any]
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    opset: int
    folder: Path


def read_graph(path: str | os.PathLike[str]) -> Graph:
    """Read a file; tensors stay as they lie in it.

    Raises:
        ModelFileError: no such file, no ONNX, damaged, values that are made twice or used before
            they are made, as in a circle.
        MissingExtraError: the package onnx is not installed.
    """
    model = _parse(_content(Path(path)))
    if not model.HasField("graph") or not model.ir_version or not model.opset_import:
        raise ModelFileError("is no ONNX model, or a damaged one (it has no graph or no version)")
    graph = model.graph
    tensors = _by_name(graph.initializer, "tensors")
    graph_inputs = _by_name(graph.input, "inputs")
    ops = [_op(node, index) for index, node in enumerate(graph.node)]
    result = Graph(
        ops,
        tensors,
        {name: info for name, info in graph_inputs.items() if name not in tensors},
        _by_name(graph.output, "outputs"),
        _opset(model),
        Path(path).parent,
    )
    _check_order(result)
    return result


def needed(ops: list[Op], output: str) -> list[Op]:
    """Those of the operators that an output depends on, in order."""
    wanted, found = {output}, []
    for op in reversed(ops):
        if wanted.intersection(op.outputs):
            found.append(op)
            wanted.update(op.inputs)
    return found[::-1]


def check_attributes(op: Op) -> None:
    """Refuse attributes of another kind than the standard's."""
    for kind, names in _KINDS.items():
        for name in op.attributes.keys() & set(names.split()):
            value = op.attributes[name]
            if isinstance(kind, type):
                fits = type(value) is kind
            elif kind == "tensor":
                fits = hasattr(value, "dims")
            else:
                entry = float if kind == "floats" else int
                fits = isinstance(value, list) and all(type(each) is entry for each in value)
            if not fits:
                word = kind if isinstance(kind, str) else kind.__name__
                raise ModelFileError(f"attribute {name} must be {word}, got {value!r:.60}")


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise ModelFileError("is a folder" if path.is_dir() else "there is no such file")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelFileError(f"is larger than {LARGEST_FILE:,} bytes, the most of an ONNX file")
        return path.read_bytes()
    except ModelFileError:
        raise
    except OSError as error:
        raise ModelFileError(f"cannot be read ({error.strerror or error})") from None


def _parse(content: bytes) -> Any:
    onnx = onnx_package()
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise ModelFileError(
            "is no ONNX model, or a damaged one (it is cut off, or is no protobuf)"
        ) from None
    return model


def _op(node: Any, index: int) -> Op:
    attributes: dict[str, Any] = {}
    for each in node.attribute:
        attributes[text(each.name)] = _attribute(each)
    return Op(
        text(node.op_type),
        text(node.domain),
        text(node.name) or f"#{index}",
        [text(name) for name in node.input],
        [text(name) for name in node.output],
        attributes,
    )


def _attribute(given: Any) -> Any:
    """Its value; of kinds that no operator of ours has, None. The kinds are AttributeProto's."""
    if given.type == 1:
        return float(given.f)
    if given.type == 2:
        return int(given.i)
    if given.type == 3:
        return given.s.decode("utf-8", "replace")
    if given.type == 4:
        return given.t
    if given.type == 6:
        return [float(value) for value in given.floats]
    if given.type == 7:
        return [int(value) for value in given.ints]
    return None


def _opset(model: Any) -> int:
    newest: int = onnx_package().defs.onnx_opset_version()
    versions = [each.version for each in model.opset_import if each.domain in NAMES]
    version = max(versions, default=newest)
    if not OLDEST_OPSET <= version <= newest:
        raise ModelFileError(
            f"is written in operator set {version}; read are {OLDEST_OPSET} to {newest}"
        )
    return int(version)


def _by_name(entries: Iterable[Any], what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in entries:
        name = text(entry.name)
        if not name or name in found:
            raise ModelFileError(f"has two {what} called {name!r:.80}, or one without a name")
        found[name] = entry
    return found


def _check_order(graph: Graph) -> None:
    """Refuse values that are made twice, or used before they are made."""
    made = {"", *graph.tensors, *graph.inputs}
    later = {name for op in graph.ops for name in op.outputs}
    for op in graph.ops:
        for name in op.inputs:
            if name not in made:
                why = (
                    "which only a later node makes: the graph goes in a circle or out of order"
                    if name in later
                    else "which nothing in the file makes"
                )
                raise ModelFileError(f"{op} uses {name!r:.80}, {why}")
        for name in op.outputs:
            if name and name in made:
                raise ModelFileError(f"{op} makes {name!r:.80}, which is there already")
            made.add(name)
    for name in graph.outputs:
        if name not in made:
            raise ModelFileError(f"its output {name!r:.80} is made by nothing in the file")
