"""Proof that a gradient is right: backpropagation measured against numerical differentiation."""

from __future__ import annotations

from zerokara.check.findings import Finding
from zerokara.check.gradcheck import gradcheck
from zerokara.check.report import Entry, GradientError, Report, Row

__all__ = ["Entry", "Finding", "GradientError", "Report", "Row", "gradcheck"]
