"""Networks as ONNX files and back: `save` and `load`, with the extra ``zerokara[onnx]``.

Written are IR version 8 and opset 13 (17 with LayerNormalization), which older runtimes read.
docs/onnx.md has the operators. Format: https://onnx.ai/onnx/repo-docs/IR.html.
"""

from __future__ import annotations

from zerokara.interop.onnx.loading import load
from zerokara.interop.onnx.preprocessing import Preprocessing
from zerokara.interop.onnx.saving import Exported, save

__all__ = ["Exported", "Preprocessing", "load", "save"]
