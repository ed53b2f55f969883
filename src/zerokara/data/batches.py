"""Who is drawn when: the mini-batches of a training, step by step, from a seed."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from zerokara.errors import ArgumentError

Indices: TypeAlias = npt.NDArray[np.int64]

SAMPLINGS = ("shuffle", "choice")


class Batches:
    """The batches of indices that a training over ``count`` samples draws.

    * ``sampling="shuffle"``: an epoch is a permutation cut into batches of ``batch_size``; every
      sample comes exactly once, and the last batch is smaller where the cut leaves a rest. A
      ``batch_size`` above ``count`` gives one batch of all samples.
    * ``sampling="choice"``: every batch is ``batch_size`` draws with replacement, as
      ``np.random.choice`` in *Deep Learning from Scratch* 4.5.2; an epoch is
      ``max(count // batch_size, 1)`` batches. A ``batch_size`` above ``count`` repeats samples.

    Any epoch, and so any step, is made from the seed and its own number alone: a training that
    goes on at step 1000 draws what it would have drawn, without the 1000 steps before.
    The arrays handed out are int64 and read-only.

    Raises:
        ArgumentError: ``count`` or ``batch_size`` below 1, ``seed`` below 0, one of them not a
            whole number, or an unknown ``sampling``.
    """

    def __init__(
        self, count: int, batch_size: int, sampling: str = "shuffle", seed: int = 0
    ) -> None:
        self.count = _whole("count", count, least=1)
        self.batch_size = _whole("batch_size", batch_size, least=1)
        self.seed = _whole("seed", seed, least=0)
        if sampling not in SAMPLINGS:
            raise ArgumentError(
                f"Batches: sampling must be 'shuffle' or 'choice', got {sampling!r}"
            )
        self.sampling = sampling
        # The last epoch drawn: steps come in order, and an epoch is drawn as a whole.
        self._drawn: tuple[int, Indices] | None = None

    @property
    def steps_per_epoch(self) -> int:
        if self.sampling == "shuffle":
            return -(-self.count // self.batch_size)
        return max(self.count // self.batch_size, 1)

    @property
    def bounds(self) -> Indices:
        """Where batches begin in ``indices``: batch i is ``[bounds[i], bounds[i + 1])``.

        Shape (steps_per_epoch + 1,), the same for every epoch.
        """
        bounds = np.arange(self.steps_per_epoch + 1, dtype=np.int64) * self.batch_size
        if self.sampling == "shuffle":
            bounds[-1] = self.count
        return bounds

    def indices(self, epoch: int) -> Indices:
        """All indices of one epoch (counted from 0) in the order drawn, shape (bounds[-1],)."""
        epoch = _whole("epoch", epoch, least=0)
        if self._drawn is not None and self._drawn[0] == epoch:
            return self._drawn[1]
        if self.sampling == "shuffle":
            drawn = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        else:
            total = self.steps_per_epoch * self.batch_size
            rng = np.random.default_rng([self.seed, epoch, 1])
            drawn = rng.integers(0, self.count, size=total, dtype=np.int64)
        indices = drawn.astype(np.int64, copy=False)  # a 32-bit platform permutes in int32
        indices.flags.writeable = False
        self._drawn = (epoch, indices)
        return indices

    def epoch(self, index: int) -> list[Indices]:
        """The batches of epoch ``index`` (counted from 0), in order."""
        return np.split(self.indices(index), self.bounds[1:-1])

    def batch(self, step: int) -> Indices:
        """The batch of global step ``step`` (counted from 0 over all epochs)."""
        epoch, place = divmod(_whole("step", step, least=0), self.steps_per_epoch)
        start = place * self.batch_size
        return self.indices(epoch)[start : start + self.batch_size]

    def steps(self, start_step: int, stop_step: int) -> Iterator[tuple[int, Indices]]:
        """``(step, batch)`` for every step from ``start_step`` up to, without, ``stop_step``."""
        start_step = _whole("start_step", start_step, least=0)
        stop_step = _whole("stop_step", stop_step, least=0)
        return ((step, self.batch(step)) for step in range(start_step, stop_step))

    def __repr__(self) -> str:
        return (
            f"Batches(count={self.count}, batch_size={self.batch_size}, "
            f"sampling={self.sampling!r}, seed={self.seed})"
        )


def _whole(name: str, number: int, least: int) -> int:
    try:
        whole = operator.index(number)
    except TypeError:
        whole = least - 1
    if whole < least or isinstance(number, bool):
        raise ArgumentError(f"Batches: {name} must be a whole number from {least}, got {number!r}")
    return whole
