"""The engine: network + loss + optimizer + data become one native program.

Read it in this order: program.py (what a program is), lowering.py (layers to kernels), fusion.py
(kernels that become one), memory.py (the arena), assemble.py (the native program), compile.py and
inference.py (the front doors). docs/engine.md tells the same story at length.
"""

from __future__ import annotations

from zerokara.engine.compile import CompiledStep, compile_step
from zerokara.engine.eager import EagerStep
from zerokara.engine.inference import Inference, compile_inference

__all__ = ["CompiledStep", "EagerStep", "Inference", "compile_inference", "compile_step"]
