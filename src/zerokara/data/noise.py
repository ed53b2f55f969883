"""Random numbers by counter: a function of their place alone, not of what was drawn before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
ROUNDS = 10


def uniform(
    key: tuple[int, int], indices: npt.ArrayLike, count: int, stream: int = 0
) -> npt.NDArray[np.float64]:
    """Numbers from 0 to below 1, `count` for each index, shape (len(indices), count).

    Philox4x32-10 (Salmon et al. 2011): the counter is (block, stream, low half and high half of
    the index), the key that of the call, each taken modulo 2**32. An index has the same numbers
    whichever others stand beside it.
    """
    index = np.asarray(indices).astype(np.uint64)
    blocks = -(-count // 4)
    x0 = np.broadcast_to(np.arange(blocks, dtype=np.uint64), (len(index), blocks))
    x1 = np.full(x0.shape, stream & 0xFFFFFFFF, np.uint64)
    x2 = np.broadcast_to((index & _LOW)[:, np.newaxis], x0.shape)
    x3 = np.broadcast_to((index >> _HALF)[:, np.newaxis], x0.shape)
    k0, k1 = (part & 0xFFFFFFFF for part in key)
    for _ in range(ROUNDS):
        a, b = _MULTIPLIERS[0] * x0, _MULTIPLIERS[1] * x2
        x0, x1 = (b >> _HALF) ^ x1 ^ np.uint64(k0), b & _LOW
        x2, x3 = (a >> _HALF) ^ x3 ^ np.uint64(k1), a & _LOW
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    words = np.stack([x0, x1, x2, x3], axis=-1).reshape(len(index), -1)[:, :count]
    numbers: npt.NDArray[np.float64] = words * 2.0**-32
    return numbers
