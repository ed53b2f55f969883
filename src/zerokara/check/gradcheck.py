"""gradcheck: the analytic gradients of a layer, loss or network against numerical ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.check.differences import measure
from zerokara.check.report import Entry, Index, Report, Row
from zerokara.check.rules import changed, float32_problems, form_problems, kind_of, same
from zerokara.check.subjects import LayerSubject, NetworkSubject, Subject
from zerokara.errors import ArgumentError, ShapeError
from zerokara.layers import Layer, Loss
from zerokara.network import Network

SAMPLED = 16
"""Of a large array, so many of the greatest gradients and so many drawn ones are measured too."""


@dataclass(frozen=True)
class Settings:
    """How closely and at how many places to measure."""

    tolerance: float
    max_entries: int
    directions: int

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise ArgumentError(
                f"gradcheck: tolerance must be between 0 and 1, got {self.tolerance}"
            )
        if self.max_entries < SAMPLED:
            raise ArgumentError(
                f"gradcheck: max_entries must be {SAMPLED} or more, got {self.max_entries}"
            )
        if self.directions < 1:
            raise ArgumentError(f"gradcheck: directions must be 1 or more, got {self.directions}")

    def describe(self, size: int, measured: int) -> str:
        """What was measured of an array, in words."""
        if size <= self.max_entries:
            return "every entry"
        return f"{self.directions} directions, {measured - self.directions} of {size:,} entries"


def gradcheck(
    subject: Layer | Network,
    *inputs: Any,
    t: Any = None,
    tolerance: float = 1e-7,
    seed: int = 0,
    training: bool = True,
    max_entries: int = 2000,
    directions: int = 8,
    **named: Any,
) -> Report:
    """Measure every gradient of a layer, a loss or a network against differences (book 5.7.3).

    Works in float64 on a copy; `subject` and the inputs are left as they are. An array of up to
    `max_entries` is measured at every entry; of a larger one, along random directions and at a
    few entries, and the report says so. Output gradients are random and not constant, because
    under a constant one the gradient of softmax is 0 and so is that of many a mistake.

    A slope agrees if |a - n| / max(|a|, |n|, floor) is within `tolerance`. The floor is what the
    rounding of the outputs could explain, divided by the tolerance, so it scales with them. Where
    the slopes of the two sides differ, such as for ReLU at 0, the entry is counted as a kink:
    neither right nor, if the gradient lies between the two, wrong.

    Beside the numbers it checks the layer contract: what was given is not written to, a second
    backward gives the same, shapes and dtypes are kept.

    Args:
        subject: a layer (built on the copy where it has no parameters yet), a loss, or a network.
        inputs: for a layer its inputs, (N, ...) each; for a loss x and t; for a network x, or a
            mapping of names to arrays, and t. Without t a network's output itself is checked.
        t: targets, if not given by position.
        tolerance: relative error allowed.
        seed: of the output gradient, the directions, and the parameters where they are built.
        training: the mode of the forward pass; randomness such as dropout needs False.
        max_entries: how large an array may be to be measured entry by entry.
        directions: how many random directions for the larger ones.
        named: a network's inputs by name.

    Returns:
        A report: `ok`, `worst`, `rows`, `problems`; `print` shows it as a table.

    Raises:
        ArgumentError: no such subject, missing or empty inputs, NaN among them, a tolerance that
            is not between 0 and 1.
        DtypeError: inputs that are not real numbers.
    """
    settings = Settings(tolerance, max_entries, directions)
    checked = _subject(subject, inputs, t, named, training, seed)
    problems, rows = _measure_all(checked, np.random.default_rng(seed), settings)
    if isinstance(checked, LayerSubject) and not problems:
        problems += float32_problems(subject, inputs, t, training, seed)
    return Report(checked.label, tuple(rows), tuple(problems), tolerance)


def _measure_all(
    subject: Subject,
    rng: np.random.Generator,
    settings: Settings,
) -> tuple[list[str], list[Row]]:
    before = {name: array.copy() for name, array in (subject.arrays | subject.fixed).items()}
    out = subject.output()
    problems = changed(subject, before, "forward")
    if isinstance(subject, LayerSubject) and subject.is_loss and out.ndim:
        return [*problems, f"a loss must be one number, got shape {out.shape}"], []
    if not np.array_equal(out, subject.output(), equal_nan=True):
        return [
            *problems,
            "two forward passes of the same inputs give different outputs; fresh randomness "
            "cannot be measured: pass training=False or fix it",
        ], []
    dout = rng.uniform(0.5, 1.5, out.shape) * rng.choice([-1.0, 1.0], out.shape)
    dout = np.asarray(dout)
    given = dout.copy()
    try:
        analytic = subject.gradients(given)
    except ShapeError as error:
        return [*problems, f"backward failed: {error}"], []
    if not np.array_equal(given, dout):
        problems.append("backward changed the dout that it was given; work on a new array")
    problems += changed(subject, before, "backward")
    again = subject.gradients(dout.copy())
    for name, gradient in analytic.items():
        if not same(gradient, again[name]):
            problems.append(
                f"a second backward gives another gradient of {name}; backward must assign, not "
                "add, and keep what forward remembered"
            )
    problems += subject.broken_rules() + form_problems(subject, analytic, out.dtype)
    rows = []
    for name, array in subject.arrays.items():
        array[...] = before[name]
        gradient = analytic[name]
        if isinstance(gradient, (np.ndarray, np.generic)) and gradient.shape == array.shape:
            rows.append(_measure_array(subject, name, np.asarray(gradient), dout, rng, settings))
    return problems, rows


def _measure_array(
    subject: Subject,
    name: str,
    analytic: Array,
    dout: Array,
    rng: np.random.Generator,
    settings: Settings,
) -> Row:
    array = subject.arrays[name]
    flat = array.reshape(-1)  # a view: all arrays of a subject are contiguous
    point = flat.copy()
    slopes = np.asarray(analytic, np.float64).reshape(-1)
    numeric = np.full(array.shape, np.nan)
    entries: list[Entry] = []
    for index, moving, vector in _lines(array.shape, slopes, rng, settings):
        start = point[moving]

        def outputs(distance: float, moving: slice = moving, step: Array = vector) -> Array:
            flat[moving] = point[moving] + distance * step
            return subject.output()

        expected = float(slopes[moving] @ vector)
        try:
            with np.errstate(all="ignore"):
                size = float(np.abs(start).max())
                value, error, verdict = measure(outputs, dout, size, expected, settings.tolerance)
        finally:
            flat[moving] = start
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
        greatest = np.argsort(-sizes, kind="stable")[:SAMPLED].tolist()
        drawn = rng.choice(slopes.size, SAMPLED, replace=False).tolist()
        places = list(dict.fromkeys(greatest + drawn))
    for place in places:
        index: Index = tuple(map(int, np.unravel_index(place, shape)))
        yield index, slice(place, place + 1), np.ones(1)


def _subject(
    subject: Layer | Network,
    inputs: tuple[Any, ...],
    t: Any,
    named: Mapping[str, Any],
    training: bool,
    seed: int,
) -> Subject:
    if isinstance(subject, Network):
        given = list(inputs)
        if len(given) == 2 and t is None:
            t = given.pop()
        if len(given) > 1 or (given and named):
            raise ArgumentError("gradcheck: a network takes x and t, or its inputs by name and t")
        feeds: Mapping[str, Any] = named
        if given and isinstance(given[0], Mapping):
            feeds = given[0]
        elif given:
            if len(subject.inputs) != 1:
                raise ArgumentError(
                    f"gradcheck: {subject!r} has the inputs {', '.join(subject.inputs)}; give "
                    "them by name"
                )
            feeds = {next(iter(subject.inputs)): given[0]}
        return NetworkSubject(subject, feeds, t, training)
    if not isinstance(subject, Layer):
        made = " (a class: make a layer of it first)" if isinstance(subject, type) else ""
        raise ArgumentError(
            f"gradcheck: expected a layer, a loss or a network, got {kind_of(subject)}{made}"
        )
    if named:
        raise ArgumentError(f"gradcheck: {subject!r} takes its inputs by position, got {[*named]}")
    if t is not None:
        if not isinstance(subject, Loss):
            raise ArgumentError(f"gradcheck: {subject!r} is no loss and takes no targets t")
        inputs = (*inputs, t)
    if not inputs:
        raise ArgumentError(f"gradcheck: {subject!r} needs at least one input to be checked at")
    return LayerSubject(subject, inputs, training, seed, np.float64)
