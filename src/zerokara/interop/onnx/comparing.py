"""The exported file held against the network: ONNX Runtime runs it on random samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.errors import ModelFileError
from zerokara.interop.onnx.package import runtime_package

SAMPLES = 8
"""How many random samples are compared; more than one, so that a frozen batch axis would show."""

LARGEST_DIFFERENCE = 1e-3
"""Of the greatest output, or of 1 where that is less; beyond it the file is not written."""

# What ONNX Runtime raises, by name: its classes have no common parent of its own.
_REFUSALS = (
    "EPFail",
    "EngineError",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "NoModel",
    "NoSuchFile",
    "NotImplemented",
    "RuntimeException",
)


def compare(
    content: bytes,
    inputs: Mapping[str, Array],
    expected: Callable[[], Array],
    output: str,
) -> tuple[float | None, str]:
    """The greatest difference of one output, or None and why there is none.

    Args:
        content: the file.
        inputs: what it is run on, by name.
        expected: gives what the network says to the same.
        output: the name of the output to compare.

    Raises:
        ModelFileError: the difference is too large for rounding.
    """
    runtime = runtime_package()
    if runtime is None:
        return None, "ONNX Runtime is not installed: pip install onnxruntime"
    refusals = refusals_of(runtime)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        (theirs,) = session.run([output], dict(inputs))
    except refusals as error:
        return None, f"ONNX Runtime {runtime.__version__} does not run it: {_short(error)}"
    ours = np.asarray(expected())
    theirs = np.asarray(theirs)
    if ours.shape != theirs.shape:
        raise ModelFileError(
            f"ONNX Runtime gives {output!r} of shape {theirs.shape}, the network {ours.shape}; "
            "nothing was written"
        )
    if not np.all(np.isfinite(ours)):
        return None, "the network's own outputs are not finite"
    # Not `difference > limit`: a NaN of theirs must be seen.
    difference = float(np.max(np.abs(ours - theirs), initial=0))
    limit = LARGEST_DIFFERENCE * max(1.0, float(np.max(np.abs(ours), initial=0)))
    if not difference <= limit:
        raise ModelFileError(
            f"ONNX Runtime differs from the network by {difference:.3g} in {output!r}, more than "
            "rounding explains; nothing was written"
        )
    return difference, ""


def refusals_of(runtime: Any) -> tuple[type[Exception], ...]:
    """The exceptions by which ONNX Runtime refuses a file."""
    state = runtime.capi.onnxruntime_pybind11_state
    return tuple(getattr(state, name) for name in _REFUSALS if hasattr(state, name))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
