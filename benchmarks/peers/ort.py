"""ONNX Runtime: predict only, NumPy in and out, one session."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from harness.networks import Affine, Conv, Layer, MaxPool, Relu, output_shapes
from harness.tasks import Task
from onnx import TensorProto, helper, numpy_helper

from peers.base import Array, Peer


class OnnxRuntime(Peer):
    def __init__(self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        model = _model(layers, task.input_shape)
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        raise NotImplementedError("ONNX Runtime is asked to predict only")

    def scores(self, rows: Array) -> Array:
        return np.asarray(self.session.run(None, {"x": rows})[0])

    def set_rows(self, rows: list[Array]) -> None:
        self.rows = [{"x": r} for r in rows]

    def predict(self, calls: int) -> None:
        run, rows = self.session.run, self.rows
        for call in range(calls):
            run(None, rows[call % len(rows)])


class _Graph:
    """Nodes one after the other, each reading what the one before it wrote."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []
        self.value = "x"

    def add(self, kind: str, arrays: tuple[Array, ...] = (), **attributes: Any) -> None:
        place = len(self.nodes)
        names = [f"array{place}_{k}" for k in range(len(arrays))]
        for name, array in zip(names, arrays, strict=True):
            self.arrays.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        out = f"value{place}"
        self.nodes.append(helper.make_node(kind, [self.value, *names], [out], **attributes))
        self.value = out


def _model(layers: list[Layer], shape: tuple[int, ...]) -> bytes:
    graph, image = _Graph(), len(shape) > 1
    for layer in layers:
        match layer:
            case Affine(W, b):
                if image:
                    graph.add("Flatten")
                    image = False
                graph.add("Gemm", (W, b))
            case Conv(W, b, pad):
                graph.add("Conv", (W, b), pads=[pad] * 4)
            case Relu():
                graph.add("Relu")
            case MaxPool(size):
                graph.add("MaxPool", kernel_shape=[size] * 2, strides=[size] * 2)
            case _:
                raise NotImplementedError(f"{layer} in a prediction")
    classes = output_shapes(layers, shape)[-1]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])
    result = helper.make_tensor_value_info(graph.value, TensorProto.FLOAT, ["N", *classes])
    whole = helper.make_graph(graph.nodes, "network", [given], [result], graph.arrays)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    encoded: bytes = model.SerializeToString()
    return encoded
