"""The samples that a search trains on and those that it judges by: the same ones in each trial."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.data.pixels import Pixels
from zerokara.errors import ArgumentError
from zerokara.training.validation import split_rows


def split(train: tuple[Any, Any], share: float, seed: int) -> tuple[Any, Any]:
    """((x, t), (x, t)): what is left to train on, and the share that is kept out by the seed.

    The rows are those that ``zk.fit(validation=share, seed=seed)`` draws.

    Raises:
        ArgumentError: a share that leaves one of them without a sample, x and t of other lengths.
    """
    x, t = train
    source, labels = _array(x), np.asarray(t)
    if len(source) != len(labels):
        raise ArgumentError(f"search: x has {len(source)} samples and t has {len(labels)}")
    rows, kept = split_rows(len(labels), share, seed)
    return (_rows(source, rows), labels[rows]), (_rows(source, kept), labels[kept])


def fingerprint(*pairs: tuple[Any, Any]) -> str:
    """What tells these samples from others."""
    digest = hashlib.blake2b(digest_size=16)
    for pair in pairs:
        for each in pair:
            source = _array(each)
            values = source.values if isinstance(source, Pixels) else source
            scale = source.scale if isinstance(source, Pixels) else 1.0
            digest.update(repr((values.shape, values.dtype.str, scale)).encode())
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _array(x: Any) -> Pixels | Array:
    source = x if isinstance(x, Pixels) else np.asarray(x)
    if source.ndim == 0 or source.dtype == object:
        raise ArgumentError(
            "search: expected (x, t), x an array or Pixels of shape (N, ...) and N targets, got a "
            f"{type(x).__name__}"
        )
    return source


def _rows(source: Pixels | Array, rows: Any) -> Pixels | Array:
    if isinstance(source, Pixels):
        return Pixels(source.values[rows], source.scale)
    taken: Array = source[rows]
    return taken
