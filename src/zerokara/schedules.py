"""Schedules: how the learning rate changes from update to update.

A schedule is a factor by which an optimizer's learning rate is multiplied, so that one number,
`lr`, stays the greatest rate whatever the form: ``Adam(lr=0.01, schedule=Cosine())``. It counts the
optimizer's own updates from 0 and carries nothing along: a training that goes on at update 1000
has the rate that it would have had.
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from zerokara.errors import ArgumentError, MissingMethodError


class Schedule:
    """What all schedules share. A schedule of one's own overrides `factor`, and `config`.

    Attributes:
        open: whether its length was left open, and is that of the training.
    """

    own: ClassVar[tuple[str, ...]] = ()  #: constructor arguments

    def factor(self, step: int) -> float:
        """What the learning rate of update `step`, counted from 0, is multiplied by."""
        raise MissingMethodError(f"{type(self).__name__} has no factor")

    @property
    def open(self) -> bool:
        return False

    def bound(self, end: int) -> Schedule:
        """The same, its length, where that was left open, being `end` updates; `fit` calls it."""
        return self

    def config(self) -> dict[str, Any]:
        """The name and the constructor's arguments, as JSON can hold them."""
        return {"name": type(self).__name__} | {key: getattr(self, key) for key in self.own}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={getattr(self, key)!r}" for key in self.own)
        return f"{type(self).__name__}({given})"

    def _count(self, name: str, value: Any, least: int = 1) -> int:
        try:
            whole = operator.index(value)
        except TypeError:
            whole = least - 1
        if whole < least or isinstance(value, bool):
            raise ArgumentError(
                f"{type(self).__name__}: {name} must be a whole number from {least}, got {value!r}"
            )
        return whole

    def _share(self, name: str, value: float) -> float:
        if not 0 <= value <= 1:
            raise ArgumentError(f"{type(self).__name__}: {name} must be in 0..1, got {value}")
        return float(value)


class Constant(Schedule):
    """The same rate throughout."""

    def factor(self, step: int) -> float:
        return 1.0


class StepDecay(Schedule):
    """The rate times `factor` after every `every` updates: factor ** (step // every)."""

    own = ("every", "by")

    def __init__(self, every: int, by: float = 0.1) -> None:
        self.every = self._count("every", every)
        self.by = self._share("by", by)

    def factor(self, step: int) -> float:
        return float(self.by ** (step // self.every))


class _Long(Schedule):
    """A schedule of a length, which may be left open: None is to the end of the training."""

    def __init__(self, steps: int | None) -> None:
        self.steps = None if steps is None else self._count("steps", steps)
        self._length = self.steps

    @property
    def open(self) -> bool:
        return self.steps is None

    def bound(self, end: int) -> Self:
        if self.steps is not None:
            return self
        twin = copy.copy(self)
        twin._length = max(end, 1)
        return twin

    @property
    def length(self) -> int:
        """How many updates it takes.

        Raises:
            ArgumentError: it was left open, and no training has said it.
        """
        if self._length is None:
            raise ArgumentError(
                f"{type(self).__name__}: its length was left open, which zk.fit fills in; "
                f"elsewhere say it, {type(self).__name__}(steps=...)"
            )
        return self._length


class Cosine(_Long):
    """From 1 down to `end` along half a cosine (Loshchilov and Hutter 2017, without restarts).

    end + (1 - end) (1 + cos(pi step / steps)) / 2, and `end` afterwards.

    Args:
        steps: its length in updates; None is to the end of the training.
        end: the share of the rate that is left at the end, 0 to 1.
    """

    own = ("steps", "end")

    def __init__(self, steps: int | None = None, end: float = 0.0) -> None:
        super().__init__(steps)
        self.end = self._share("end", end)

    def factor(self, step: int) -> float:
        return _between(1.0, self.end, min(step / self.length, 1.0))


class OneCycle(_Long):
    """Up from `start` to 1 and down to `end`, both along half a cosine (Smith and Topin 2018).

    The rate is greatest `warm` of the way in. Of update s of n it is what PyTorch's `OneCycleLR`
    gives without cycling the momentum.

    Args:
        steps: its length in updates; None is to the end of the training.
        warm: the share of the length in which the rate rises, 0 to 1.
        start, end: the shares of the rate at the first and at the last update, 0 to 1.
    """

    own = ("steps", "warm", "start", "end")

    def __init__(
        self,
        steps: int | None = None,
        warm: float = 0.3,
        start: float = 1 / 25,
        end: float = 1 / 250_000,
    ) -> None:
        super().__init__(steps)
        self.warm = self._share("warm", warm)
        self.start = self._share("start", start)
        self.end = self._share("end", end)

    def factor(self, step: int) -> float:
        top, last = self.warm * self.length - 1, self.length - 1
        if step <= top:
            return _between(self.start, 1.0, step / top if top > 0 else 1.0)
        top = max(top, 0.0)
        return _between(1.0, self.end, min((step - top) / max(last - top, 1e-9), 1.0))


class Warmup(Schedule):
    """A straight line up to 1 in `steps` updates, and then another schedule (Goyal et al. 2017).

    Update s of the line has start + (1 - start) (s + 1) / (steps + 1), so that none is wasted on a
    rate of 0; update `steps` is the other's first.

    Args:
        steps: the updates of the line.
        then: what follows, counted from its own 0; by default a constant rate.
        start: the share of the rate that the line comes from, 0 to 1.
    """

    own = ("steps", "then", "start")

    def __init__(
        self,
        steps: int,
        then: Schedule | Mapping[str, Any] | None = None,
        start: float = 0.0,
    ) -> None:
        self.steps = self._count("steps", steps)
        self.then = Constant() if then is None else schedule("Warmup: then", then)
        self.start = self._share("start", start)

    def factor(self, step: int) -> float:
        if step >= self.steps:
            return self.then.factor(step - self.steps)
        return self.start + (1 - self.start) * (step + 1) / (self.steps + 1)

    @property
    def open(self) -> bool:
        return self.then.open

    def bound(self, end: int) -> Warmup:
        twin = copy.copy(self)
        twin.then = self.then.bound(end - self.steps)
        return twin

    def config(self) -> dict[str, Any]:
        return super().config() | {"then": self.then.config()}


SCHEDULES: dict[str, type[Schedule]] = {
    kind.__name__: kind for kind in (Constant, StepDecay, Cosine, OneCycle, Warmup)
}
"""Every schedule by its class name."""


def schedule(where: str, given: Any) -> Schedule:
    """A schedule, or one made again from what its `config` gave.

    Raises:
        ArgumentError: neither, an unknown name, or arguments that are not its own.
    """
    if isinstance(given, Schedule):
        return given
    if not isinstance(given, Mapping):
        made = f"; make one with {given.__name__}(...)" if isinstance(given, type) else ""
        raise ArgumentError(f"{where} must be a Schedule, got {given!r}{made}")
    arguments = dict(given)
    name = arguments.pop("name", None)
    if name not in SCHEDULES:
        raise ArgumentError(f"{where}: {name!r} is unknown; expected {', '.join(SCHEDULES)}")
    kind = SCHEDULES[name]
    if not arguments.keys() <= set(kind.own):
        raise ArgumentError(f"{where}: {name} takes {kind.own}, got {tuple(arguments)}")
    made_again: Schedule = kind(**arguments)
    return made_again


def _between(first: float, last: float, share: float) -> float:
    """Along half a cosine from `first`, where `share` is 0, to `last`, where it is 1."""
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2
