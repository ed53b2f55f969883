"""Damaged and hostile ONNX files: one clear error, and no memory taken first."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_cases import floats, model, node, onnx, small, write

from zerokara.errors import ModelFileError, ZerokaraError
from zerokara.interop import onnx as zonnx

pytestmark = pytest.mark.hostile

MEGABYTES = 8
"""No refusal may take more."""


def change_tensor(**changes: Any) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        tensor = made.graph.initializer[0]
        for name, value in changes.items():
            if isinstance(value, list):
                del getattr(tensor, name)[:]
                getattr(tensor, name).extend(value)
            else:
                setattr(tensor, name, value)

    return change


def change_node(index: int, **attributes: Any) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        for name, value in attributes.items():
            made.graph.node[index].attribute.append(onnx.helper.make_attribute(name, value))

    return change


def circle(made: Any) -> None:
    made.graph.node[0].input[0] = "r"


def missing(made: Any) -> None:
    made.graph.node[1].input[0] = "nowhere"


def twice(made: Any) -> None:
    made.graph.node[1].output[0] = "a"


def same_tensor(made: Any) -> None:
    made.graph.initializer.append(made.graph.initializer[0])


def open_dimension(made: Any) -> None:
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2**62


def many_axes(made: Any) -> None:
    for _ in range(100):
        made.graph.input[0].type.tensor_type.shape.dim.add().dim_value = 2


def huge_padding(made: Any) -> None:
    rng = np.random.default_rng(0)
    conv = node("Conv", "x K", "y", pads=[2**40, 0, 2**40, 0])
    made.CopyFrom(model([conv], {"K": floats(rng, 1, 1, 1, 1)}, {"x": ["n", 1, 4, 4]}))


def one_sided_padding(made: Any) -> None:
    rng = np.random.default_rng(0)
    conv = node("Conv", "x K", "y", pads=[0, 0, 60000, 60000])
    made.CopyFrom(model([conv], {"K": floats(rng, 9, 1, 1, 1)}, {"x": ["n", 1, 4, 4]}))


def growing_images(made: Any) -> None:
    rng = np.random.default_rng(0)
    nodes = [
        node("ConvTranspose", f"{'x' if not i else f'v{i}'} K", f"v{i + 1}", strides=[60000, 60000])
        for i in range(4)
    ]
    tensors = {"K": floats(rng, 1, 1, 1, 1)}
    made.CopyFrom(model(nodes, tensors, {"x": ["n", 1, 9, 9]}, ["v4"]))


def shared_weights(made: Any) -> None:
    """One tensor of half a megabyte, in a thousand layers."""
    rng = np.random.default_rng(0)
    names = ["x", *(f"v{i}" for i in range(1000))]
    nodes = [node("MatMul", f"{a} W", b) for a, b in pairwise(names)]
    made.CopyFrom(model(nodes, {"W": floats(rng, 360, 360)}, {"x": ["n", 360]}, [names[-1]]))


def not_finite(made: Any) -> None:
    made.graph.initializer[0].raw_data = np.full(12, np.nan, np.float32).tobytes()


def no_batch(made: Any) -> None:
    del made.graph.input[0].type.tensor_type.shape.dim[:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            change_tensor(dims=[2**40, 2**40]),
            r"tensor 'W': shape \(1099511627776, 109951.* must have",
        ),
        (change_tensor(dims=[-4, -3]), "must have up to 8 axes of 0 to"),
        (change_tensor(dims=[2**20, 2**10]), "48 bytes for shape .* takes 4,294,967,296"),
        (change_tensor(dims=[4] * 40), "must have up to 8 axes"),
        (change_tensor(raw_data=b"1234567"), r"7 bytes for shape \(4, 3\) of float32, .* takes 48"),
        (change_tensor(data_type=999), "numbers of type 999 are none that this version reads"),
        (change_tensor(data_type=8), "numbers of type 8 are none"),
        (circle, "only a later node makes: the graph goes in a circle"),
        (missing, "uses 'nowhere', which nothing in the file makes"),
        (twice, "makes 'a', which is there already"),
        (same_tensor, "has two tensors called 'W'"),
        (open_dimension, "must have sizes from 1"),
        (many_axes, "is no tensor of up to 8 axes"),
        (no_batch, "has no batch axis"),
        (huge_padding, "pads must be 4 numbers from 0 to 65536"),
        (one_sided_padding, "larger than any may be|far more weights"),
        (growing_images, "is larger than any may be"),
        (shared_weights, "far more weights than the file holds"),
        (not_finite, r"\(Gemm\): weights must be finite floats, got float32 with NaN"),
        (change_node(0, transB="yes"), r"\(Gemm\): attribute transB must be int, got 'yes'"),
        (change_node(2, axis=[1, 2]), r"\(Softmax\): attribute axis must be int, got"),
        (lambda made: made.graph.node[0].ClearField("input"), "has no input or no output"),
        (lambda made: made.graph.node[0].ClearField("output"), "which nothing in the file makes"),
        (lambda made: made.graph.ClearField("output"), "has 0 outputs of floats"),
        (lambda made: made.ClearField("graph"), "is no ONNX model, or a damaged one"),
        (lambda made: made.ClearField("opset_import"), "is no ONNX model, or a damaged one"),
        (
            lambda made: setattr(made.opset_import[0], "version", 900),
            "operator set 900; read are 7",
        ),
        (lambda made: setattr(made.opset_import[0], "version", -3), "operator set -3"),
    ],
)
def test_a_planted_fault(change: Callable[[Any], None], message: str, tmp_path: Path) -> None:
    made = small()
    change(made)
    path = write(made, tmp_path / "net.onnx")
    zonnx.load(write(small(), tmp_path / "good.onnx"))  # what is imported once is no cost of it
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match=message):
            zonnx.load(path)
        assert tracemalloc.get_traced_memory()[1] < MEGABYTES * 2**20
    finally:
        tracemalloc.stop()


def test_cut_off_anywhere(tmp_path: Path) -> None:
    content = small().SerializeToString()
    path = tmp_path / "net.onnx"
    for end in range(0, len(content) - 1, 7):
        path.write_bytes(content[:end])
        with pytest.raises(ModelFileError, match=r"net\.onnx: "):
            zonnx.load(path)


def test_a_changed_byte_is_read_or_refused(tmp_path: Path) -> None:
    content = small().SerializeToString()
    path = tmp_path / "net.onnx"
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            zonnx.load(path)
        except ZerokaraError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 99, b"PK\x03\x04 a zip", b'{"a": 1}', b"\n" * 9]
)
def test_no_onnx_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="is no ONNX model, or a damaged one"):
        zonnx.load(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no such file"):
        zonnx.load(tmp_path / "none.onnx")
    with pytest.raises(ModelFileError, match="is a folder"):
        zonnx.load(tmp_path)


def field(number: int, content: bytes) -> bytes:
    """A field of bytes as protobuf writes it."""
    length, size = b"", len(content)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def test_deep_nesting(tmp_path: Path) -> None:
    graph = b""
    for _ in range(5000):  # a graph in an attribute of a node of a graph
        graph = field(1, field(5, field(6, graph)))
    path = tmp_path / "net.onnx"
    path.write_bytes(small().SerializeToString() + field(7, graph))
    with pytest.raises(ModelFileError, match="is no ONNX model, or a damaged one"):
        zonnx.load(path)


def test_a_long_chain_needs_no_deep_stack(tmp_path: Path) -> None:
    names = ["x", *(f"v{i}" for i in range(3000))]
    nodes = [node("Relu", a, b) for a, b in pairwise(names)]
    path = write(model(nodes, {}, {"x": ["n", 2]}, [names[-1]]), tmp_path / "net.onnx")
    assert len(nodes) > sys.getrecursionlimit()
    assert len(zonnx.load(path).layers) == 3000
