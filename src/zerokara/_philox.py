"""Philox4x32-10: random words as a function of a counter and a key, and of nothing else.

Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". Any word can be computed without
those before it, so whoever needs some of them gets the same at any thread count and after a resume.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara._types import Array

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
ROUNDS = 10


def philox(counter: tuple[npt.ArrayLike, ...], key: tuple[int, int]) -> Array:
    """Four words of 32 bits for each counter, as uint64 of shape (..., 4).

    Args:
        counter: four arrays of integers below 2**32 that broadcast to one shape (...).
        key: two integers below 2**32.
    """
    x0, x1, x2, x3 = np.broadcast_arrays(*(np.asarray(c, np.uint64) for c in counter))
    k0, k1 = key
    for _ in range(ROUNDS):
        a, b = _MULTIPLIERS[0] * x0, _MULTIPLIERS[1] * x2
        x0, x1 = (b >> _HALF) ^ x1 ^ np.uint64(k0), b & _LOW
        x2, x3 = (a >> _HALF) ^ x3 ^ np.uint64(k1), a & _LOW
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([x0, x1, x2, x3], axis=-1)


def halves(number: int) -> tuple[int, int]:
    """The low and the high 32 bits of a number below 2**64."""
    return number & 0xFFFFFFFF, number >> 32
