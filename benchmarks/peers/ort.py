"""ONNX Runtime: predict only, NumPy in and out, one session."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime
from harness.tasks import Arrays, Task
from onnx import TensorProto, helper, numpy_helper

from peers.base import Array, Peer


class OnnxRuntime(Peer):
    def __init__(self, task: Task, weights: Arrays, x: Array, t: Array, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        model = _model(task, weights)
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


def _model(task: Task, weights: Arrays) -> bytes:
    nodes, arrays, value = [], [], "x"
    depth = len(weights) // 2
    for place in range(depth):
        names = [f"W{place}", f"b{place}"]
        arrays += [
            numpy_helper.from_array(np.ascontiguousarray(weights[2 * place + k]), names[k])
            for k in (0, 1)
        ]
        nodes.append(helper.make_node("Gemm", [value, *names], [f"a{place}"]))
        value = f"a{place}"
        if place < depth - 1:
            nodes.append(helper.make_node("Relu", [value], [f"h{place}"]))
            value = f"h{place}"
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", task.sizes[0]])
    result = helper.make_tensor_value_info(value, TensorProto.FLOAT, ["N", task.sizes[-1]])
    graph = helper.make_graph(nodes, "mlp", [given], [result], arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    encoded: bytes = model.SerializeToString()
    return encoded
