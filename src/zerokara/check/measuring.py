"""Measuring a subject: two passes, the rules they must keep, and every array's slopes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.check.causes import Evidence, explain
from zerokara.check.differences import measure
from zerokara.check.findings import BrokenError, Finding
from zerokara.check.kinks import hidden_kinks
from zerokara.check.report import Entry, Index, Row
from zerokara.check.rules import changed, form_problems, same
from zerokara.check.subjects import NetworkSubject, Subject
from zerokara.check.taylor import remainder_order
from zerokara.errors import ArgumentError, ShapeError


@dataclass(frozen=True)
class Settings:
    """How closely and at how many places to measure.

    Of an array with more than `max_entries` those many random directions are measured, and
    `sampled` of the greatest gradients and as many drawn ones.
    """

    tolerance: float = 1e-7
    max_entries: int = 2000
    directions: int = 8
    sampled: int = 16

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise ArgumentError(
                f"gradcheck: tolerance must be between 0 and 1, got {self.tolerance}"
            )
        if self.max_entries < self.sampled:
            raise ArgumentError(
                f"gradcheck: max_entries must be {self.sampled} or more, got {self.max_entries}"
            )
        if self.directions < 1:
            raise ArgumentError(f"gradcheck: directions must be 1 or more, got {self.directions}")

    def describe(self, size: int, measured: int) -> str:
        """What was measured of an array, in words."""
        if size <= self.max_entries:
            return "every entry"
        return f"{self.directions} directions, {measured - self.directions} of {size:,} entries"


@dataclass(frozen=True)
class Measured:
    """What was found: broken rules, a row for each array, and what explains the wrong ones."""

    problems: list[Finding]
    rows: list[Row]
    causes: list[Finding]


def measure_all(
    subject: Subject,
    rng: np.random.Generator,
    settings: Settings,
    fresh: Callable[[], Subject] | None = None,
) -> Measured:
    """Measure every array of a subject.

    Args:
        subject: what to measure; its arrays are left as they were.
        rng: of the output gradient and the directions.
        settings: how closely.
        fresh: makes another such subject, which tells stale memories from wrong formulas.
    """
    before = {name: array.copy() for name, array in (subject.arrays | subject.fixed).items()}
    problems: list[Finding] = []
    if fresh is not None:
        _see_something_else(subject)
    out = subject.output()
    problems += changed(subject, before, "forward")
    if getattr(subject, "is_loss", False) and out.ndim:
        said = f"a loss must be one number, got shape {out.shape}"
        return Measured([*problems, Finding(said, "loss is no number", "forward")], [], [])
    if not np.array_equal(out, subject.output(), equal_nan=True):
        said = (
            "two forward passes of the same inputs give different outputs; fresh randomness "
            "cannot be measured: pass training=False or fix it"
        )
        return Measured([*problems, Finding(said, "not repeatable", "forward")], [], [])
    changed(subject, before, "forward")  # once more; it was said already
    dout = np.asarray(rng.uniform(0.5, 1.5, out.shape) * rng.choice([-1.0, 1.0], out.shape))
    given = dout.copy()
    try:
        analytic = subject.gradients(given)
    except ShapeError as error:
        said = f"backward failed: {error}"
        cause = "not summed over the batch" if f"({len(dout)}," in said else "wrong shape"
        return Measured([*problems, Finding(said, cause, "backward")], [], [])
    problems += _rules_of_backward(subject, analytic, before, given, dout)
    problems += subject.broken_rules() + form_problems(subject, analytic, out.dtype)
    subject.output()  # anew, for what a first backward may have spoiled
    other = _quietly(lambda: subject.gradients(_another(dout)))
    rows: list[Row] = []
    misshapen: dict[str, Row] = {}
    for name, array in subject.arrays.items():
        array[...] = before[name]
        said_here = analytic[name]
        if isinstance(said_here, (np.ndarray, np.generic)):
            fits = said_here.shape == array.shape
            gradient = np.asarray(said_here) if fits else np.zeros(array.shape)
            row = measure_array(subject, name, gradient, dout, rng, settings)
            if fits:
                rows.append(row)
            else:
                misshapen[name] = row
    suspects = {row.name: row for row in rows if row.wrong} | misshapen
    if not suspects:
        return Measured(problems, rows, [])
    first = None if fresh is None else _quietly(lambda: _first_gradients(fresh(), dout))
    numeric = {row.name: row.numeric for row in (*rows, *misshapen.values())}
    causes = [
        explain(
            Evidence(
                name,
                np.asarray(analytic[name], np.float64),
                row.numeric,
                dout,
                out,
                before,
                numeric,
                tuple(getattr(subject, "inputs", ())) or (next(iter(subject.arrays)),),
                _array_of(other, name),
                _array_of(first, name),
            )
        )
        for name, row in suspects.items()
    ]
    if isinstance(subject, NetworkSubject):
        causes = []  # a layer's mistake reaches every gradient before it: check the layer itself
    return Measured(problems, rows, causes)


def _rules_of_backward(
    subject: Subject,
    analytic: dict[str, Any],
    before: dict[str, Array],
    given: Array,
    dout: Array,
) -> list[Finding]:
    problems = []
    if not np.array_equal(given, dout):
        said = "backward changed the dout that it was given; work on a new array"
        problems.append(Finding(said, "dout overwritten", "dout"))
    problems += changed(subject, before, "backward")
    again = subject.gradients(dout.copy())
    for name, gradient in analytic.items():
        if not same(gradient, again[name]):
            adds = gradient is not None and np.allclose(again[name], 2 * np.asarray(gradient))
            said = (
                f"a second backward gives another gradient of {name}; backward must assign, not "
                "add, and keep what forward remembered"
            )
            cause = "gradients added up" if adds else "second backward differs"
            problems.append(Finding(said, cause, name))
    return problems


def _see_something_else(subject: Subject) -> None:
    """One forward at other inputs, so that what is remembered too long shows in the numbers."""
    kept = dict(subject.arrays)
    for name in getattr(subject, "inputs", ()):
        # Another array, not other numbers in the same one: what is remembered may be the array.
        subject.arrays[name] = np.ascontiguousarray(
            0.75 * kept[name][::-1] if kept[name].ndim else 0.75 * kept[name]
        )
    _quietly(subject.output)
    subject.arrays.update(kept)


def _first_gradients(subject: Subject, dout: Array) -> dict[str, Any]:
    subject.output()
    return subject.gradients(dout.copy())


def _another(dout: Array) -> Array:
    return np.asarray(dout * np.linspace(1.5, 3.0, dout.size).reshape(dout.shape))


def _quietly(call: Callable[[], Any]) -> Any:
    """A side question, whose failure is no finding: the main passes come to the same place."""
    try:
        with np.errstate(all="ignore"):
            return call()
    except Exception:  # the user's code may raise anything
        return None


def _array_of(gradients: dict[str, Any] | None, name: str) -> Array | None:
    found = None if gradients is None else gradients.get(name)
    return None if found is None else np.asarray(found, np.float64)


def measure_array(
    subject: Subject,
    name: str,
    analytic: Array,
    dout: Array,
    rng: np.random.Generator,
    settings: Settings,
) -> Row:
    """Compare one array's gradient with slopes along its entries, or along directions."""
    array = subject.arrays[name]
    flat = array.reshape(-1)  # a view: all arrays of a subject are contiguous
    point = flat.copy()
    slopes = np.asarray(analytic, np.float64).reshape(-1)
    numeric = np.full(array.shape, np.nan)
    entries: list[Entry] = []
    here = subject.output()
    for index, moving, vector in _lines(array.shape, slopes, rng, settings):
        start = point[moving]

        def outputs(distance: float, moving: slice = moving, step: Array = vector) -> Array:
            flat[moving] = point[moving] + distance * step
            out = subject.output()
            if out.shape != here.shape:
                said = f"forward gives {out.shape} where it gave {here.shape} for other numbers"
                raise BrokenError(Finding(f"{said} of the same shape", "wrong shape", "forward"))
            return out

        expected = float(slopes[moving] @ vector)
        try:
            with np.errstate(all="ignore"):
                size = float(np.abs(start).max())
                value, error, verdict = measure(
                    outputs, here, dout, size, expected, settings.tolerance
                )
        finally:
            flat[moving] = start
        # No error at all: the sides have slopes of their own, and this is not between them.
        no_slope = verdict == "wrong" and math.isinf(error) and math.isfinite(expected)
        if no_slope and hidden_kinks(subject, name, moving, vector, dout, expected, rng):
            error, verdict = 0.0, "kink"
        if not isinstance(index, str):
            numeric[index] = value
        entries.append(Entry(name, index, expected, value, error, verdict))
    counts = Counter(entry.verdict for entry in entries)
    compared = [entry for entry in entries if entry.verdict != "kink"]
    return Row(
        name,
        array.shape,
        settings.describe(array.size, len(entries)),
        counts["right"],
        counts["wrong"],
        counts["kink"],
        max(compared, key=lambda entry: entry.error, default=None),
        analytic,
        numeric,
        remainder_order(subject, name, slopes.reshape(array.shape), dout, rng),
    )


def _lines(
    shape: tuple[int, ...], slopes: Array, rng: np.random.Generator, settings: Settings
) -> Iterator[tuple[Index, slice, Array]]:
    """Along what to measure: every entry of a small array; of a large one directions and some."""
    places: Sequence[int] = range(slopes.size)
    if slopes.size > settings.max_entries:
        for number in range(settings.directions):
            vector = rng.standard_normal(slopes.size)
            yield f"direction {number + 1}", slice(None), vector / np.linalg.norm(vector)
        # Random directions hardly see one wrong entry, so the greatest and some others are looked
        # at. NaN counts as the greatest.
        sizes = np.where(np.isnan(slopes), np.inf, np.abs(slopes))
        greatest = np.argsort(-sizes, kind="stable")[: settings.sampled].tolist()
        drawn = rng.choice(slopes.size, settings.sampled, replace=False).tolist()
        places = list(dict.fromkeys(greatest + drawn))
    for place in places:
        index: Index = tuple(map(int, np.unravel_index(place, shape)))
        yield index, slice(place, place + 1), np.ones(1)
