"""Random numbers by counter: a function of their place alone, not of what was drawn before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara._philox import philox

_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def uniform(
    key: tuple[int, int], indices: npt.ArrayLike, count: int, stream: int = 0
) -> npt.NDArray[np.float64]:
    """Numbers from 0 to below 1, `count` for each index, shape (len(indices), count).

    Philox4x32-10: the counter is (block, stream, low half and high half of the index), the key
    that of the call, each taken modulo 2**32. An index has the same numbers whichever others stand
    beside it.
    """
    index = np.asarray(indices).astype(np.uint64)[:, np.newaxis]
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    counter = (blocks, stream & 0xFFFFFFFF, index & _LOW, index >> _HALF)
    words = philox(counter, (key[0] & 0xFFFFFFFF, key[1] & 0xFFFFFFFF))
    numbers: npt.NDArray[np.float64] = words.reshape(len(index), -1)[:, :count] * 2.0**-32
    return numbers
