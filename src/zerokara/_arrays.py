"""Arrays for the big buffers: on a cache line, and on huge pages where the system has them."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

from zerokara._types import Array, Shape

LINE = 64
"""Bytes; a cache line, and the width of the widest vector register."""

HUGE = 1 << 21
"""Bytes of a huge page. A step walks through all parameters: with small pages the processor spends
much of that time looking up where they are."""


def aligned_zeros(shape: int | Shape, dtype: np.dtype[Any]) -> Array:
    """Zeros whose first byte lies on a cache line or, from half a huge page on, on a huge page."""
    shape = (shape,) if isinstance(shape, int) else shape
    size = math.prod(shape) * dtype.itemsize
    huge = size >= HUGE // 2 and hasattr(mmap, "MADV_HUGEPAGE")
    step = HUGE if huge else LINE
    if huge:
        pages = mmap.mmap(-1, -(-size // HUGE) * HUGE + HUGE)
        pages.madvise(mmap.MADV_HUGEPAGE)
        raw: Array = np.frombuffer(pages, np.uint8)
    else:
        raw = np.zeros(size + LINE, np.uint8)
    start = -raw.ctypes.data % step
    return raw[start : start + size].view(dtype).reshape(shape)
