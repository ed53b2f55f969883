"""What the doctor tries beside the gradients themselves: other douts, batches, sizes and dtypes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.check.findings import Finding
from zerokara.check.measuring import Settings, measure_all
from zerokara.check.rules import float32_problems
from zerokara.check.subjects import Subject

Make = Callable[[tuple[Array, ...], Any, npt.DTypeLike], Subject]
"""Makes a subject around a new object, from inputs, targets (or None) and a dtype."""

LARGE = 1e4


def dout_honoured(make: Make, inputs: tuple[Array, ...], t: Any, seed: int) -> list[Finding]:
    """Whether 2 and -3 times dout give 2 and -3 times every gradient."""
    subject = make(inputs, t, np.float64)
    out = subject.output()
    dout = np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, out.shape))
    base = subject.gradients(dout.copy())
    found = []
    for factor in (2.0, -3.0):
        subject.output()
        scaled = subject.gradients(factor * dout)
        for name, gradient in base.items():
            if gradient is None or scaled[name] is None:
                continue
            one, other = np.asarray(gradient), np.asarray(scaled[name])
            if one.shape == other.shape and not np.allclose(other, factor * one, rtol=1e-6):
                if np.array_equal(one, other):
                    said = f"{name}: dout is ignored: {factor:g} * dout gives the same gradient"
                    found.append(Finding(said + ". Multiply by dout", "dout ignored", name))
                else:
                    said = f"{name}: {factor:g} * dout does not give {factor:g} * the gradient"
                    found.append(Finding(said, "not linear in dout", name))
        if found:
            break
    return found


def batch_of_one(
    make: Make, inputs: tuple[Array, ...], t: Any, seed: int, tolerance: float
) -> list[Finding]:
    """Whether one sample alone is right too."""
    subject = make(tuple(x[:1] for x in inputs), None if t is None else t[:1], np.float64)
    found = measure_all(subject, np.random.default_rng(seed), Settings(tolerance, max_entries=64))
    said = [
        Finding(f"with a batch of one: {problem}", problem.cause, problem.where)
        for problem in found.problems
    ]
    # One sure sample has a gradient so small that the rounding of its scores hides it.
    floor = 1e-9 * max(1.0, *(float(np.max(np.abs(x))) for x in inputs))
    wrong = [
        row
        for row in found.rows
        if row.worst is not None
        and row.wrong
        and not abs(row.worst.analytic - row.worst.numeric) <= floor
    ]
    return said + [
        Finding(f"right here, and wrong for a batch of one: {row.worst}", "batch of one", row.name)
        for row in wrong
    ]


def empty_batch(make: Make, inputs: tuple[Array, ...], t: Any) -> None:
    """One pass of no samples at all; raises what the object raises."""
    subject = make(inputs, t, np.float64)
    names = list(subject.arrays)[: len(inputs)]
    for name in names:
        subject.arrays[name] = subject.arrays[name][:0]
    if t is not None:
        subject.fixed["t"] = subject.fixed["t"][:0]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        out = subject.output()
        subject.gradients(np.ones(out.shape))


def large_inputs(
    make: Make, inputs: tuple[Array, ...], t: Any
) -> tuple[list[Finding], list[Finding]]:
    """Defects and notes at inputs of about 10,000: NaN is a defect, infinity is not."""
    subject = make(tuple(x * LARGE for x in inputs), t, np.float64)
    with warnings.catch_warnings(record=True) as warned, np.errstate(under="ignore"):
        warnings.simplefilter("always")
        out = subject.output()
        gradients = subject.gradients(np.ones(out.shape))
    with np.errstate(all="ignore"):
        usual = make(inputs, t, np.float64).output()
    shares = usual.ndim == 2 and bool(np.allclose(usual.sum(axis=1), 1) and np.all(usual > 0))
    softmax = t is not None or shares
    cause = "softmax without the shift" if softmax else "overflow"
    arrays = {"the output": out} | {
        f"the gradient of {name}": np.asarray(g) for name, g in gradients.items() if g is not None
    }
    for name, array in arrays.items():
        if array.dtype.kind == "f" and np.isnan(array).any():
            why = (
                "exp overflows; subtract the greatest score of each row first: "
                "np.exp(x - x.max(axis=-1, keepdims=True))"
                if softmax
                else "something overflows: infinity divided by infinity, or times 0"
            )
            return [Finding(f"inputs of about 10,000 turn {name} into NaN: {why}", cause)], []
    notes = []
    if not np.all(np.isfinite(out)):
        notes.append(Finding("inputs of about 10,000 give infinity", cause))
    numeric = [each for each in warned if issubclass(each.category, RuntimeWarning)]
    texts = list(dict.fromkeys(str(each.message).partition(" encountered")[0] for each in numeric))
    if texts:
        notes.append(
            Finding(
                f"inputs of about 10,000 make NumPy warn ({', '.join(texts)}); the numbers are "
                "right nevertheless",
                cause,
            )
        )
    return [], notes


def ties(
    make: Make, inputs: tuple[Array, ...], t: Any, seed: int, tolerance: float
) -> list[Finding]:
    """Whether gradients at zeros and at equal neighbours lie between the slopes of both sides."""
    tied = []
    for x in inputs:
        x = x.copy()
        if x.ndim >= 2 and len(x) >= 3:
            first = x[0].reshape(-1)
            first[::2] = 0.0
            second = x[1].reshape(-1)
            second[1::2] = second[0 : 2 * (len(second) // 2) : 2]
        tied.append(x)
    subject = make(tuple(tied), t, np.float64)
    names = list(subject.arrays)[: len(inputs)]
    with np.errstate(all="ignore"):
        if not np.all(np.isfinite(subject.output())):
            return []
        subject.arrays = {name: subject.arrays[name] for name in names}
        only = _OnlyInputs(subject)
        found = measure_all(only, np.random.default_rng(seed), Settings(tolerance))
    return [
        Finding(
            f"right elsewhere, and wrong at a kink or a tie: {row.worst}",
            "wrong at the kink only",
            row.name,
        )
        for row in found.rows
        if row.wrong
    ]


class _OnlyInputs(Subject):
    """A subject of which the inputs alone are measured."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject.label)
        self.inner = subject
        self.arrays, self.fixed = dict(subject.arrays), subject.fixed

    def output(self) -> Array:
        return self.inner.output()

    def gradients(self, dout: Array) -> dict[str, Any]:
        found = self.inner.gradients(dout)
        return {name: found[name] for name in self.arrays}


def float32(make: Make, inputs: tuple[Array, ...], t: Any) -> list[Finding]:
    """Whether float32 goes in and comes out."""
    return float32_problems(make(inputs, t, np.float32))
