"""What is varied in a search, and between which bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from zerokara.errors import ArgumentError
from zerokara.optimizers import OPTIMIZERS

if TYPE_CHECKING:
    from optuna.trial import Trial

SCALES = ("log", "linear")
NEAR = 0.05
"""So near to an end of its range, as a share of it, a good value may have a better one beyond."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; on a logarithmic scale or a linear one."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def suggest(self, trial: Trial, name: str) -> float:
        """What the sampler proposes."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def edge(self, value: float) -> str:
        """'lower' or 'upper' for a value near that end, else nothing."""
        if self.whole and self.high - self.low < 10:
            return {self.low: "lower", self.high: "upper"}.get(value, "")
        low, high, at = (math.log(n) if self.log else n for n in (self.low, self.high, value))
        place = (at - low) / (high - low)
        return "lower" if place < NEAR else "upper" if place > 1 - NEAR else ""

    def words(self) -> list[Any]:
        """It as JSON can hold it; `as_range` reads it again."""
        return [self.low, self.high, SCALES[not self.log]]

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}, {SCALES[not self.log]}"


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def suggest(self, trial: Trial, name: str) -> Any:
        """What the sampler proposes."""
        return trial.suggest_categorical(name, self.values)

    def edge(self, value: Any) -> str:
        """Choices have no ends."""
        return ""

    def words(self) -> dict[str, Any]:
        """It as JSON can hold it; `as_range` reads it again."""
        return {"choices": list(self.values)}

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


Space: TypeAlias = dict[str, Range | Choice]

KNOWN: dict[str, Range | Choice] = {
    "lr": Range(1e-4, 1.0, log=True),
    # The book's range (6.5.3).
    "weight_decay": Range(1e-8, 1e-4, log=True),
    "hidden": Range(16, 256, log=True, whole=True),
    "depth": Range(1, 4, whole=True),
    "dropout": Range(0.0, 0.5),
    "optimizer": Choice(tuple(OPTIMIZERS)),
}
"""What can be varied without saying more. `lr` without a range depends on the optimizer."""

_ADAPTIVE = ("RMSProp", "Adam", "AdamW")
# The least and the greatest that mean something.
_LIMITS = {
    "lr": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
    "hidden": (1, 1_000_000),
    "depth": (1, 1000),
    "dropout": (0.0, 0.999),
}


def make_space(
    vary: Iterable[str], ranges: Mapping[str, Any] | None = None, optimizer: str | None = None
) -> Space:
    """What is varied, by name and in this order.

    Args:
        vary: names of `KNOWN`, or others that `ranges` has.
        ranges: for some of them (low, high), (low, high, 'log' or 'linear'), or a list of choices.
        optimizer: the one that all trials share, if they do: it says which rates are sensible.

    Raises:
        ArgumentError: nothing to vary, a name twice, unknown or without a range, a range for what
            is not varied, bounds that mean nothing.
    """
    names = [vary] if isinstance(vary, str) else list(vary)
    given = dict(ranges or {})
    if not names or len(set(names)) != len(names):
        raise ArgumentError(f"search: vary must name each hyperparameter once, got {names}")
    for name in given:
        if name not in names:
            raise ArgumentError(
                f"search: there is a range for {name}, which is not varied; add it to vary "
                f"({','.join([*names, name])})"
            )
    space: Space = {}
    for name in names:
        if name in given:
            space[name] = as_range(name, given[name])
        elif name in KNOWN:
            space[name] = KNOWN[name]
        else:
            raise ArgumentError(
                f"search: {name!r} cannot be varied without a range; known are {', '.join(KNOWN)}"
            )
    if "lr" in space and "lr" not in given and "optimizer" not in space and optimizer:
        adaptive = optimizer in _ADAPTIVE
        space["lr"] = Range(1e-5, 1e-1, log=True) if adaptive else Range(1e-3, 1.0, log=True)
    return space


def as_range(name: str, given: Any) -> Range | Choice:
    """What was given for a name, checked.

    Raises:
        ArgumentError: neither two bounds nor choices, or some that mean nothing there.
    """
    if isinstance(given, Range | Choice):
        given = given.words()
    if isinstance(given, Mapping):
        given = list(given.get("choices", ()))
        return _choice(name, given)
    if isinstance(given, list) and not _bounds_as_json(given):
        return _choice(name, given)
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) not in (2, 3):
        raise ArgumentError(
            f"search: the range of {name} must be (low, high), (low, high, 'log' or 'linear') or "
            f"a list of choices, got {given!r}"
        )
    known = KNOWN.get(name)
    if isinstance(known, Choice):
        raise ArgumentError(f"search: {name} takes a list of choices, got {given!r}")
    low, high, *rest = (n.item() if isinstance(n, np.generic) else n for n in given)
    if not _are_numbers(low, high):
        raise ArgumentError(f"search: the bounds of {name} must be numbers, got {given!r}")
    scale = rest[0] if rest else None
    if rest and scale not in SCALES:
        raise ArgumentError(f"search: the scale of {name} must be log or linear, got {scale!r}")
    whole = known.whole if known else isinstance(low, int) and isinstance(high, int)
    log = scale == "log" if scale else bool(known and known.log)
    if whole and not (float(low).is_integer() and float(high).is_integer()):
        raise ArgumentError(f"search: the bounds of {name} must be whole, got {low} and {high}")
    least, most = _LIMITS.get(name, (-math.inf, math.inf))
    if not (least <= low < high <= most and math.isfinite(low) and math.isfinite(high)):
        raise ArgumentError(
            f"search: the range of {name} must rise and lie in {least:g} to {most:g}, got {low:g} "
            f"to {high:g}"
        )
    if log and not low > 0:
        raise ArgumentError(
            f"search: a logarithmic range of {name} must begin above 0, got {low:g}; or make it "
            "linear"
        )
    return Range(low, high, log, whole)


def _bounds_as_json(given: list[Any]) -> bool:
    """Whether it is what `Range.words` says, and no list of choices."""
    return len(given) == 3 and given[2] in SCALES and _are_numbers(*given[:2])


def _are_numbers(*given: Any) -> bool:
    return all(isinstance(n, int | float) and not isinstance(n, bool) for n in given)


def can_be_passed(name: str, words: Sequence[Any], side: str) -> bool:
    """Whether a range could be wider at that end, 'lower' or 'upper', and mean something."""
    least, most = _LIMITS.get(name, (-math.inf, math.inf))
    return bool(words[0] > least) if side == "lower" else bool(words[1] < most)


def _choice(name: str, values: list[Any]) -> Choice:
    values = [each.item() if isinstance(each, np.generic) else each for each in values]
    if name == "optimizer":
        values = [optimizer_name(value) for value in values]
    least, most = _LIMITS.get(name, (-math.inf, math.inf))
    for value in values:
        if not isinstance(value, str | int | float | bool) and value is not None:
            raise ArgumentError(f"search: a choice of {name} must be a word or number: {value!r}")
        if name in _LIMITS and (isinstance(value, bool | str | None) or not least <= value <= most):
            raise ArgumentError(
                f"search: a choice of {name} must lie in {least:g} to {most:g}, got {value!r}"
            )
        if name in ("hidden", "depth") and not isinstance(value, int):
            raise ArgumentError(f"search: a choice of {name} must be whole, got {value!r}")
    if len(values) < 2 or len(set(values)) != len(values):
        raise ArgumentError(f"search: {name} needs two choices or more, each once, got {values}")
    return Choice(tuple(values))


def optimizer_name(given: Any) -> str:
    """The name as the class has it, from any spelling of its letters.

    Raises:
        ArgumentError: there is none.
    """
    by_name = {name.lower(): name for name in OPTIMIZERS}
    if str(given).lower() not in by_name:
        *first, last = OPTIMIZERS
        raise ArgumentError(
            f"search: optimizer {given!r} is unknown; expected {', '.join(first)} or {last}"
        )
    return by_name[str(given).lower()]


def value_in_words(value: Any) -> str:
    """A hyperparameter in few characters."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def params_in_words(params: Mapping[str, Any]) -> str:
    """Hyperparameters in one line."""
    return " ".join(f"{name}={value_in_words(value)}" for name, value in params.items())
