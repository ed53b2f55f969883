"""Pictures: what a training did, and what a network looks like."""

from __future__ import annotations
