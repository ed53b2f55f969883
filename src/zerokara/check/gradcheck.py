"""gradcheck: the analytic gradients of a layer, loss or network against numerical ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zerokara.check.book import BookSubject, own_copy, takes_targets
from zerokara.check.findings import BrokenError
from zerokara.check.measuring import Measured, Settings, measure_all
from zerokara.check.noise import kept_noise
from zerokara.check.report import Report
from zerokara.check.rules import float32_problems, kind_of
from zerokara.check.subjects import LayerSubject, NetworkSubject, Subject
from zerokara.errors import ArgumentError
from zerokara.layers import Layer, Loss
from zerokara.network import Network


def gradcheck(
    subject: Any,
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
        subject: a layer (built on the copy where it has no parameters yet), a loss, a network, or
            an object of your own with forward and backward, in the style of the book.
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
    if not isinstance(subject, (Layer, Network, type)) and hasattr(subject, "forward"):
        if named:
            raise ArgumentError(
                f"gradcheck: {kind_of(subject)} takes its inputs by position, got {[*named]}"
            )
        inputs, t = _split_targets(subject, inputs, t)
        return check_book(subject, inputs, t, settings, seed, training)
    checked = _subject(subject, inputs, t, named, training, seed)
    fresh = None
    if isinstance(checked, LayerSubject):
        fresh = lambda: _subject(subject, inputs, t, named, training, seed)  # noqa: E731
    try:
        found = measure_all(checked, np.random.default_rng(seed), settings, fresh)
        if isinstance(checked, LayerSubject) and not found.problems:
            given = inputs if t is None else (*inputs, t)
            twin = LayerSubject(subject, given, training, seed, np.float32)
            found.problems.extend(float32_problems(twin))
    except BrokenError as error:
        found = Measured([error.finding], [], [])
    return report_of(checked.label, found, tolerance)


@kept_noise()
def check_book(
    thing: Any, inputs: tuple[Any, ...], t: Any, settings: Settings, seed: int, training: bool
) -> Report:
    """`gradcheck` of an object of the user's own, on copies of it."""

    def fresh() -> Subject:
        return BookSubject(own_copy(thing), inputs, t, training, np.float64)

    try:
        found = measure_all(fresh(), np.random.default_rng(seed), settings, fresh)
    except BrokenError as error:
        found = Measured([error.finding], [], [])
    return report_of(kind_of(thing), found, settings.tolerance)


def report_of(label: str, found: Measured, tolerance: float) -> Report:
    """What was measured, as a report."""
    parts = tuple(found.rows), tuple(found.problems), tolerance, tuple(found.causes)
    return Report(label, *parts)


def _split_targets(thing: Any, inputs: tuple[Any, ...], t: Any) -> tuple[tuple[Any, ...], Any]:
    """The last input of a loss is its targets."""
    forward = getattr(thing, "forward", None)
    if t is None and len(inputs) > 1 and callable(forward) and takes_targets(forward):
        return inputs[:-1], inputs[-1]
    if not inputs:
        raise ArgumentError(f"gradcheck: {kind_of(thing)} needs at least one input")
    return inputs, t


def _subject(
    subject: Any,
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
