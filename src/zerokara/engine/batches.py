"""The batches that a step is given: checked before anything is computed."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zerokara.errors import ArgumentError, DtypeError

Indices: TypeAlias = npt.NDArray[np.int64]


def checked_size(batch_size: Any) -> int:
    """A batch size as an int.

    Raises:
        ArgumentError: no whole number, or below 1.
    """
    whole = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    if not whole or batch_size < 1:
        raise ArgumentError(
            f"compile_step: batch_size must be a whole number from 1, got {batch_size!r}"
        )
    return int(batch_size)


def checked_batch(indices: npt.ArrayLike, batch_size: int) -> Indices:
    """The indices of one batch, which may still be out of range: see `in_range`.

    Raises:
        ArgumentError: none, too many, or not a vector.
        DtypeError: no integers.
    """
    batch = _integers("indices", indices)
    if not 1 <= len(batch) <= batch_size:
        raise ArgumentError(_size_message(len(batch), batch_size))
    return batch


def checked_batches(
    indices: npt.ArrayLike, bounds: npt.ArrayLike, batch_size: int, samples: int
) -> tuple[Indices, Indices]:
    """Indices and bounds, where batch i is ``indices[bounds[i]:bounds[i + 1]]``.

    Raises:
        ArgumentError: bounds that do not rise or leave the indices, a batch that is too large, an
            index out of range.
        DtypeError: no integers.
    """
    drawn, cuts = _integers("indices", indices), _integers("bounds", bounds)
    if not len(cuts):
        raise ArgumentError("step: bounds must hold at least one number, got none")
    sizes = np.diff(cuts)
    if cuts[0] < 0 or cuts[-1] > len(drawn) or (len(sizes) and sizes.min() < 1):
        raise ArgumentError(
            f"step: bounds must rise from 0 or more to at most {len(drawn)}, the number of indices"
        )
    if len(sizes) and sizes.max() > batch_size:
        raise ArgumentError(_size_message(int(sizes.max()), batch_size))
    return in_range(drawn, samples), cuts


def _integers(what: str, given: npt.ArrayLike) -> Indices:
    if isinstance(given, np.ndarray) and given.dtype == np.int64 and given.ndim == 1:
        return np.require(given, requirements=["C", "A"])
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise DtypeError(f"step: {what} must be a vector of integers ({error})") from None
    if array.dtype.kind not in "iu" and array.size:
        raise DtypeError(f"step: {what} must be integers, got dtype {array.dtype}")
    if array.ndim != 1:
        raise ArgumentError(f"step: {what} must be a vector, got shape {array.shape}")
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise ArgumentError(f"step: {what} hold {array.max()}, beyond any sample")
    return np.require(array, np.int64, ["C", "A"])


def in_range(drawn: Indices, samples: int) -> Indices:
    """The indices, each of which is a sample's.

    Raises:
        ArgumentError: naming the first that is not.
    """
    # Read as unsigned, a negative index is a huge one: one pass sees both faults.
    if len(drawn) and int(drawn.view(np.uint64).max()) >= samples:
        place = int(np.flatnonzero((drawn < 0) | (drawn >= samples))[0])
        raise ArgumentError(
            f"step: index {drawn[place]} at position {place} is out of range for {samples} samples"
        )
    return drawn


def _size_message(given: int, batch_size: int) -> str:
    if given < 1:
        return "step: a batch must hold at least one sample, got none"
    return (
        f"step: a batch of {given} samples, but the program was made for at most {batch_size}; "
        "give compile_step a larger batch_size"
    )
