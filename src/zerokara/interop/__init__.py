"""Files of other formats: one module a format, its library imported when it is used.

`zerokara.interop.onnx`, `zerokara.interop.torch_names`, `zerokara.interop.safetensors`,
`zerokara.interop.bookpickle`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerokara.interop import bookpickle, onnx, safetensors, torch_names

__all__ = ["bookpickle", "onnx", "safetensors", "torch_names"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'zerokara.interop' has no attribute {name!r}")
    return importlib.import_module(f"zerokara.interop.{name}")
