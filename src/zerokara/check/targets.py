"""Targets for a loss that is checked: labels, one-hot rows or values."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerokara._types import Array

KINDS = ("labels", "one-hot", "values")


def drawn_targets(x: Array, seed: int) -> dict[str, Any]:
    """Targets of every kind for scores (N, C); those of more or fewer axes have values alone."""
    rng = np.random.default_rng(seed + 1)
    values = rng.uniform(0.1, 0.9, x.shape)
    if x.ndim != 2:
        return {"values": values}
    # Every class before any comes twice, and never the labels 0, 1, 2, ... in order.
    labels = np.resize(np.arange(x.shape[1])[::-1], len(x)).astype(np.int64)
    return {"labels": labels, "one-hot": np.eye(x.shape[1])[labels], "values": values}
