"""Inference as a program: what `net.predict` runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zerokara import native
from zerokara._types import Array
from zerokara.data.pixels import Pixels
from zerokara.engine.assemble import assemble, python_calls
from zerokara.engine.describe import ProgramText, describe
from zerokara.engine.fusion import fuse
from zerokara.engine.lowering import lower
from zerokara.engine.memory import lay_out
from zerokara.engine.program import Call, Gather
from zerokara.engine.sources import source
from zerokara.network import Network

ROWS, SMALL_BYTES = (384, 1024), 2**22
"""Rows at a time: the first number, or up to the second where slots stay below so many bytes.
Each time threads wait for one another, and what leaves their caches is slow to read."""

LEAST_ROWS, ARENA_BYTES = 24, 2**24
"""Fewer rows at a time where those of images would take more memory than this."""


class Inference:
    """Calls a network's inference program; `compile_inference` makes it."""

    def __init__(self, net: Network) -> None:
        self._plan = lower(net, training=False)
        fuse(self._plan)
        size, lanes = net.dtype.itemsize, native.lanes(net.dtype)
        lay_out(self._plan, 1, size, lanes)
        lay_out(self._plan, _rows_at_a_time(self._plan.arena_size * size), size, lanes)
        self._native = assemble(net, self._plan, [])
        self._isa = native.isa()
        self._python = python_calls(net, self._plan, self._native, None)
        self._net = net
        self._names = list(net.inputs)
        self._columns = int(np.prod(net.output_shape))
        # One input, a vector as result and no Python layer: a short way through the core.
        self._short: Callable[[Any], Any] | None = None
        if len(self._names) == 1 and len(net.output_shape) == 1 and self._python is None:
            shape = net.inputs[self._names[0]].shape
            self._native.short_way(list(shape), self._columns, np.empty, net.dtype)
            self._short = self._native.scores

    @property
    def program(self) -> ProgramText:
        """The program in words."""
        packed, zeros = self._native.packed_size(), self._native.leaves_zeros_out()
        return describe(self._net, self._plan, self._isa, packed, zeros, None)

    def __call__(self, x: Any) -> Array:
        """Scores of shape (N, *output shape), or of one sample given without the batch axis."""
        if self._short is not None and type(x) is np.ndarray:
            scores: Array | None = self._short(x)
            if scores is not None:
                return scores
        feeds, single = self._feeds(x)
        sources = [source(feeds[name], self._net.dtype) for name in self._names]
        rows = 1 if single else len(feeds[self._names[0]])
        out = np.empty((rows, *self._net.output_shape), self._net.dtype)
        self._native.predict(sources, out.reshape(rows, self._columns), self._python)
        return np.asarray(out[0])[()] if single else out

    def _feeds(self, x: Any) -> tuple[dict[str, Any], bool]:
        """Inputs by name; `Pixels` and uint8 arrays stay what they are."""
        net = self._net
        given = x if isinstance(x, Mapping) else dict.fromkeys(self._names[:1], x)
        if len(given) == len(self._names) == 1:
            ((name, value),) = given.items()
            shape = net.inputs[name].shape if name in net.inputs else None
            kept = isinstance(value, Pixels) or (
                isinstance(value, np.ndarray) and value.dtype == np.uint8
            )
            if kept and shape is not None and value.shape[1:] == shape and value.ndim > len(shape):
                return {name: value}, False
        return net.convert_inputs(x)


def _rows_at_a_time(row_bytes: int) -> int:
    usual, most = ROWS
    many, small = ARENA_BYTES // row_bytes, SMALL_BYTES // row_bytes
    return max(LEAST_ROWS, min(usual, many), min(most, small))


def compile_inference(net: Network) -> Inference | None:
    """The program, or None where the maths does as well: no core, or no layer with a kernel."""
    if not native.available or not net.flat_params.size:
        return None
    inference = Inference(net)
    kernels = inference._plan.kernels
    if all(isinstance(kernel, Call | Gather) for kernel in kernels):
        return None
    return inference
