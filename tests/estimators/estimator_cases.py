"""Small data that the tests of the estimators share."""

from __future__ import annotations

from typing import Any

import numpy as np

import zerokara as zk


def digits(count: int = 400) -> tuple[Any, Any]:
    """Return that many of the carried digits, float32 rows and labels."""
    (x, t), _ = zk.data.load_digits()
    return x[:count], t[:count]


def blobs(
    count: int = 90, classes: int = 3, features: int = 5, dtype: Any = np.float64
) -> tuple[Any, Any]:
    """Return well-separated clouds of points and their numbers."""
    rng = np.random.default_rng(5)
    t = np.arange(count) % classes
    x = rng.normal(size=(count, features)) + 3 * np.eye(features)[t]
    return x.astype(dtype), t


def quantities(count: int = 80, outputs: int = 1) -> tuple[Any, Any]:
    """Return points and smooth functions of them, (N,) for one."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(count, 4))
    y = np.tanh(x @ rng.normal(size=(4, outputs)))
    return x, y[:, 0] if outputs == 1 else y


def labels(count: int = 90, number: int = 3) -> tuple[Any, Any]:
    """Return points with several labels each, (N, K) of 0 and 1."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(count, 6))
    return x, (x[:, :number] > 0).astype(np.int64)


def parameters(estimator: Any) -> Any:
    """Return a copy of all that the network has learned."""
    return estimator.network_.flat_params.copy()
