"""The door to the compiled core: what is there, and one call a kernel, with or without it.

The only Python file that imports ``zerokara._core``. Every function here gives the same bits from
the compiled kernel and from NumPy, so that nothing else has to ask which of them is at work.

``ZEROKARA_NATIVE=0`` in the environment turns the core off, ``ZEROKARA_ISA=NAME`` chooses the
instruction set; both are read once, when this module is imported.
"""

from __future__ import annotations

import importlib.util
import math
import os
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.errors import ArgumentError, DtypeError, ShapeError

_SOURCE_DTYPES = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))
# The dtypes that can be asked for, each with its largest finite number.
_LARGEST = {np.dtype(t): float(np.finfo(t).max) for t in (np.float32, np.float64)}
_OFF = ("0", "false", "off", "no")
_ON = ("", "1", "true", "on", "yes")


def _load() -> tuple[ModuleType | None, str]:
    """Return the extension, or None with the reason why there is none."""
    wish = os.environ.get("ZEROKARA_NATIVE", "").strip().lower()
    if wish in _OFF:
        return None, f"turned off by ZEROKARA_NATIVE={wish} in the environment"
    if wish not in _ON:
        raise ArgumentError(f"ZEROKARA_NATIVE is {wish!r}; expected 0 (off) or 1 (on)")
    if importlib.util.find_spec("zerokara._core") is None:
        return None, "not built: this is the pure-Python form of zerokara"
    try:
        from zerokara import _core
    except ImportError as error:
        reason = f"built, but it cannot be loaded: {error}"
        warnings.warn(
            f"the native core of zerokara is {reason}. Everything works without it, more slowly. "
            "Install zerokara again, or set ZEROKARA_NATIVE=0 to run without it on purpose.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None, reason
    name = os.environ.get("ZEROKARA_ISA", "").strip()
    if name:
        try:
            _core.set_isa(name)
        except ValueError as error:
            raise ArgumentError(f"ZEROKARA_ISA: {error}") from None
    return _core, ""


_core, reason = _load()
available: bool = _core is not None


def isa() -> str:
    """Return the instruction set that the kernels use, or ``"numpy"`` without the core."""
    return "numpy" if _core is None else str(_core.isa())


def isas() -> list[str]:
    """Return the instruction sets that this machine can run, the best one last."""
    return [] if _core is None else list(_core.isas())


def set_isa(name: str) -> None:
    """Use another instruction set from now on, for tests and measurements.

    Raises:
        ArgumentError: this machine cannot run it, or the core is not there.
    """
    if _core is None:
        raise ArgumentError(f"set_isa({name!r}): the native core is {reason}")
    try:
        _core.set_isa(name)
    except ValueError as error:
        raise ArgumentError(f"set_isa: {error}") from None


def cpu_features() -> dict[str, bool]:
    """Return what this processor can run, by name; empty without the core."""
    return {} if _core is None else dict(_core.cpu_features())


def max_threads() -> int:
    """Return how many threads a kernel may use (``OMP_NUM_THREADS`` and threadpoolctl set it)."""
    return 1 if _core is None else int(_core.max_threads())


def program_type(dtype: np.dtype[Any]) -> Any:
    """The native class of programs for float32 or float64; the core must be available."""
    assert _core is not None
    return _core.Program32 if dtype == np.float32 else _core.Program64


def lanes(dtype: np.dtype[Any]) -> int:
    """How many numbers of this dtype a vector of the instruction set holds; 1 without the core."""
    return 1 if _core is None else int(_core.lanes(dtype.itemsize))


def source(rows: Array, scale: float) -> Any:
    """A data set that programs draw from: (N, columns) of uint8, float32 or float64."""
    assert _core is not None
    return _core.Source(rows, scale)


def optimizer_settings(*numbers: float) -> Any:
    """An optimizer's numbers in the order of `_core.OptimizerSettings`."""
    assert _core is not None
    return _core.OptimizerSettings(*numbers)


def gather_rows(
    source: Array,
    indices: npt.ArrayLike,
    dtype: npt.DTypeLike | None = None,
    scale: float = 1.0,
    out: Array | None = None,
) -> Array:
    """Return ``source[indices].astype(dtype) * scale``, without the arrays in between.

    Args:
        source: (N, ...) of uint8, float32 or float64; may be read-only or strided.
        indices: (M,) integers in [0, N); none counts from the end.
        dtype: float32 or float64; the dtype of ``out`` when it is given, else float32.
        scale: a finite factor, rounded to ``dtype`` first.
        out: (M, ...) of ``dtype``, C-contiguous, overlapping nothing; written and returned.

    Returns:
        (M, ...) of ``dtype``.

    Raises:
        DtypeError: a dtype is not one of those above.
        ShapeError: ``source`` has no rows' axis, ``indices`` is not 1-D, or ``out`` does not fit.
        ArgumentError: an index is out of range (nothing is written), ``scale`` is not finite, or
            ``out`` cannot be written to.
    """
    if not isinstance(source, np.ndarray) or source.dtype not in _SOURCE_DTYPES:
        given = source.dtype if isinstance(source, np.ndarray) else type(source).__name__
        raise DtypeError(
            f"gather_rows: source is {given}; expected an array of uint8, float32 or float64"
        )
    if source.ndim == 0:
        raise ShapeError("gather_rows: source has shape (); expected (N, ...)")
    if dtype is None:
        dtype = np.float32 if out is None else out.dtype
    kind: np.dtype[Any] = np.dtype(dtype)
    if kind not in _LARGEST:
        raise DtypeError(f"gather_rows: dtype is {kind}; expected float32 or float64")
    scale = float(scale)
    if not abs(scale) <= _LARGEST[kind]:  # says no to nan too
        raise ArgumentError(f"gather_rows: scale is {scale}; expected a number finite in {kind}")

    index = _as_index(indices, len(source))
    shape = (len(index), *source.shape[1:])
    if out is None:
        result = np.empty(shape, kind)
    else:
        _check_out(out, shape, kind, source, index)
        result = out

    columns = math.prod(source.shape[1:])
    if result.size == 0:
        _check_index(index, len(source))
    elif _core is not None and source[:1].flags.c_contiguous and source.flags.aligned:
        # A view: the rows are dense, so only the distance between them is kept.
        rows = source.reshape(len(source), columns)
        try:
            _core.gather_rows(rows, index, result.reshape(len(index), columns), scale)
        except IndexError:
            _check_index(index, len(source))
            raise
    else:
        _check_index(index, len(source))
        _gather_rows(source, index, result, scale)
    return result


def _gather_rows(source: Array, index: Array, out: Array, scale: float) -> None:
    """Do the same as the kernel, to the bit."""
    # The kernel is as silent as the hardware about a float64 that becomes inf in float32.
    with np.errstate(all="ignore"):
        out[...] = source[index]
        np.multiply(out, out.dtype.type(scale), out=out)


def _as_index(indices: npt.ArrayLike, rows: int) -> npt.NDArray[np.int64]:
    index = np.asarray(indices)
    if index.ndim != 1:
        raise ShapeError(f"gather_rows: indices have shape {index.shape}; expected (M,)")
    if index.dtype.kind not in "iu":
        if index.size:
            raise DtypeError(f"gather_rows: indices are {index.dtype}; expected integers")
        index = index.astype(np.int64)  # an empty list has no dtype of its own
    if index.dtype == np.uint64:
        _check_index(index, rows)  # before a huge one wraps around
    return np.ascontiguousarray(index, dtype=np.int64)


def _check_index(index: Array, rows: int) -> None:
    bad = (index < 0) | (index >= rows)
    if bad.any():
        at = int(np.argmax(bad))
        raise ArgumentError(
            f"gather_rows: indices[{at}] is {index[at]}; the source has {rows} rows, so an index "
            f"must be at least 0 and below {rows}"
        )


def _check_out(
    out: Array, shape: tuple[int, ...], dtype: np.dtype[Any], source: Array, index: Array
) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != dtype:
        given = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
        raise DtypeError(f"gather_rows: out is {given}; expected an array of {dtype}")
    if out.shape != shape:
        raise ShapeError(f"gather_rows: out has shape {out.shape}; expected {shape}")
    if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
        raise ArgumentError("gather_rows: out must be C-contiguous, aligned and writable")
    if np.may_share_memory(out, source) or np.may_share_memory(out, index):
        raise ArgumentError("gather_rows: out overlaps the source or the indices; give it its own")
