"""Pace: when files are written, so that little is lost and little time is spent on it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

WRITE_SHARE = 0.05
"""At most this share of the time goes into files, those aside that a number of steps asks for."""


class Pace:
    """Says when a checkpoint is due: at the ends of epochs, and between them.

    Args:
        steps: after every so many steps, counted from the first of all; None is not.
        seconds: and when so many have passed since the last.
        wanted: whether there are to be any.
    """

    def __init__(self, steps: int | None, seconds: float, wanted: bool) -> None:
        self.steps, self.seconds, self.wanted = steps, seconds, wanted
        self.cost = 0.0
        self.last = time.perf_counter()

    def step_is_due(self, step: int, epoch_ends: bool) -> bool:
        """Whether to write after step `step`, where the epoch does not say so itself."""
        if not self.wanted:
            return False
        if self.steps is not None and step % self.steps == 0:
            return True
        passed = time.perf_counter() - self.last
        return not epoch_ends and passed >= max(self.seconds, self.cost / WRITE_SHARE)

    def most_steps(self, step: int, count: int) -> int:
        """Of `count` steps after `step`, those that are to be made before the next writing."""
        if not self.wanted or self.steps is None:
            return count
        return min(count, self.steps - step % self.steps)

    def epoch_is_due(self) -> bool:
        """Whether to write at the end of an epoch: not when it would take more than its share."""
        return time.perf_counter() - self.last >= self.cost / WRITE_SHARE

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Around the writing of files, to learn how long that takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.last = time.perf_counter()
            self.cost = self.last - began
