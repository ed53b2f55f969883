"""ONNX models for the tests: made from their nodes, and run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="ONNX files need the package onnx")


def node(kind: str, inputs: str, outputs: str, domain: str = "", **attributes: Any) -> Any:
    """A node; names stand with spaces between them."""
    name = f"{kind}_{outputs.split()[0] if outputs else 'none'}"
    return onnx.helper.make_node(
        kind, inputs.split(), outputs.split(), name=name, domain=domain, **attributes
    )


def model(
    nodes: Sequence[Any],
    tensors: Mapping[str, Any],
    inputs: Mapping[str, Sequence[Any]],
    outputs: Sequence[str] = ("y",),
    *,
    opset: int = 17,
    kind: int = 1,
) -> Any:
    """A model whose arrays keep their dtype; `kind` is that of inputs and outputs."""
    helper = onnx.helper
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in tensors.items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, ir_version=8, opset_imports=imports)


def write(made: Any, path: Path) -> Path:
    """Write a model and return where."""
    path.write_bytes(made.SerializeToString())
    return path


def run(path: Path, x: Any, output: str | None = None) -> np.ndarray:
    """What ONNX Runtime says; `x` is one array or several by name."""
    runtime = pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = runtime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    feeds = x if isinstance(x, dict) else {session.get_inputs()[0].name: x}
    return np.asarray(session.run([output] if output else None, feeds)[-1])


def floats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random float32 numbers of both signs."""
    return rng.standard_normal(shape).astype(np.float32)


def small() -> Any:
    """A network of one layer, 4 to 3."""
    rng = np.random.default_rng(0)
    tensors = {"W": floats(rng, 4, 3), "b": floats(rng, 3)}
    nodes = [node("Gemm", "x W b", "a"), node("Relu", "a", "r"), node("Softmax", "r", "y")]
    return model(nodes, tensors, {"x": ["n", 4]})
