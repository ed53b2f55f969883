"""An ONNX graph in the making: nodes, tensors and their names, each used once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.interop.onnx.package import OPSET, onnx_package


class Writer:
    """Collects nodes in the order in which they run.

    Args:
        dtype: of all floating-point numbers.

    Attributes:
        nodes, tensors: what was collected, as the onnx package holds it.
        opset: the lowest operator set that has all of these operators.
        where: the layer at work, by which nodes and values are named.
    """

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.onnx = onnx_package()
        self.dtype = np.dtype(dtype)
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self.opset = OPSET
        self.where = ""
        self._names: Counter[str] = Counter()

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output and return that output's name."""
        name = self._name(operator)
        output = f"{name}:out"
        self.nodes.append(
            self.onnx.helper.make_node(operator, list(inputs), [output], name, **attributes)
        )
        return output

    def tensor(self, array: Array, name: str) -> str:
        """Add a tensor of fixed numbers; floats take the graph's dtype."""
        array = np.asarray(array)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        name = self._name(name)
        # As safetensors, the format holds memory row by row.
        whole = np.ascontiguousarray(array).reshape(array.shape)
        self.tensors.append(self.onnx.numpy_helper.from_array(whole, name))
        return name

    def number(self, value: float) -> str:
        """Add a single float."""
        return self.tensor(np.asarray(value, self.dtype), "number")

    def call_output(self, value: str, name: str) -> None:
        """Make `name` the name of a value that ends the graph."""
        for node in self.nodes:
            if value in node.output and not self._is_read(value):
                node.output[0] = name
                return
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name], f"{name}:name"))

    def _is_read(self, value: str) -> bool:
        return any(value in node.input for node in self.nodes)

    def _name(self, what: str) -> str:
        name = f"{self.where}.{what}" if self.where else what
        self._names[name] += 1
        count = self._names[name]
        return name if count == 1 else f"{name}.{count}"
