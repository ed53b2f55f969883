"""The two packages that ONNX needs, asked for when they are used."""

from __future__ import annotations

from typing import Any

from zerokara.errors import MissingExtraError

IR_VERSION = 8
"""What is written; runtimes from 2021 on read it, and packages of today would write 13 or more."""

OPSET = 13
"""What is written where it suffices."""

OPSET_LAYER_NORMALIZATION = 17
"""The first operator set with LayerNormalization, and the last that is written."""


def onnx_package() -> Any:
    """The package `onnx`, which knows the format.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise MissingExtraError(
            f"ONNX files need the package onnx ({error}): pip install 'zerokara[onnx]'"
        ) from None
    return onnx


def runtime_package() -> Any | None:
    """ONNX Runtime, or None where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    return onnxruntime
