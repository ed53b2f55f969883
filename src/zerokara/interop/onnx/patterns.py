"""Groups of operators that together are one layer of ours: GELU and Softplus."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from zerokara._types import Array
from zerokara.interop.onnx.reading import Op

FAR = 15.0
"""From here on softplus(x) is x to float32's rounding; PyTorch writes x itself from 20 on."""


def find_layers(ops: list[Op], number: Callable[[str], Array | None]) -> list[Op]:
    """Each x * 0.5 * (1 + erf(x / sqrt(2))) as one operator Gelu, whatever the order of factors.

    And each softplus(x) that is x where x is large as one Softplus.

    Args:
        ops: in order; those that are replaced stay, and nothing needs them any more.
        number: a tensor's array by its name, None where the name is a computed value.
    """
    finder = _Finder({name: op for op in ops for name in op.outputs if name}, number)
    result = []
    for op in ops:
        kind, base = "Gelu", ""
        if op.kind == "Mul" and len(op.inputs) == 2:
            base = finder.gelu_of(op)
        elif op.kind == "Where" and len(op.inputs) == 3:
            kind, base = "Softplus", finder.softplus_of(op)
        result.append(Op(kind, "", op.name, [base], op.outputs[:1]) if base else op)
    return result


@dataclass
class _Finder:
    makers: dict[str, Op]
    number: Callable[[str], Array | None]

    def gelu_of(self, op: Op) -> str:
        """What a product is the GELU of, or nothing."""
        halved = self._times(op, 0.5)
        if halved:  # (x * (1 + erf)) * 0.5
            product = self.makers.get(halved)
            return self._x_times_bent(product) if product is not None else ""
        for one, other in (op.inputs, op.inputs[::-1]):
            maker = self.makers.get(one)
            half = self._times(maker, 0.5) if maker is not None and maker.kind == "Mul" else ""
            if half and self._bent(half) == other:  # ((1 + erf) * 0.5) * x
                return other
            if half and self._bent(other) == half:  # (x * 0.5) * (1 + erf)
                return half
        return ""

    def softplus_of(self, op: Op) -> str:
        """x of Where(x > 20, x, Softplus(x)), or nothing."""
        above, x, rest = op.inputs
        test, softplus = self.makers.get(above), self._made_by(rest, "Softplus")
        if softplus is None or softplus.inputs != [x] or test is None or test.kind != "Greater":
            return ""
        limit = self.number(test.inputs[1]) if test.inputs[:1] == [x] and test.inputs[1:] else None
        return x if limit is not None and limit.size == 1 and limit.reshape(())[()] > FAR else ""

    def _x_times_bent(self, op: Op) -> str:
        if op.kind == "Mul" and len(op.inputs) == 2:
            for x, bent in (op.inputs, op.inputs[::-1]):
                if self._bent(bent) == x:
                    return x
        return ""

    def _bent(self, name: str) -> str:
        """x where the value is 1 + erf(x / sqrt(2)), else nothing."""
        erf = self._made_by(self._with_number(self.makers.get(name), "Add", 1.0), "Erf")
        scaled = self.makers.get(erf.inputs[0]) if erf is not None else None
        return self._with_number(scaled, "Mul", math.sqrt(0.5)) or self._with_number(
            scaled, "Div", math.sqrt(2)
        )

    def _times(self, op: Op | None, factor: float) -> str:
        return self._with_number(op, "Mul", factor)

    def _made_by(self, name: str, kind: str) -> Op | None:
        op = self.makers.get(name)
        return op if op is not None and op.kind == kind and len(op.inputs) == 1 else None

    def _with_number(self, op: Op | None, kind: str, wanted: float) -> str:
        """The other input of an operator that has this number as one, or nothing."""
        if op is None or op.kind != kind or len(op.inputs) != 2:
            return ""
        sides = [op.inputs] if kind == "Div" else [op.inputs, op.inputs[::-1]]
        for value, constant in sides:
            array = self.number(constant)
            if array is not None and array.size == 1:
                found = float(array.reshape(()))
                if math.isclose(found, wanted, rel_tol=1e-5):
                    return value
        return ""
