"""The layer contract beside the numbers: what may not change, and what form gradients have."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.check.findings import Finding
from zerokara.check.subjects import Subject


def changed(subject: Subject, before: dict[str, Array], when: str) -> list[Finding]:
    """What a pass wrote into, in words; puts it back."""
    problems: list[Finding] = []
    for name, array in (subject.arrays | subject.fixed).items():
        if not np.array_equal(array, before[name]):
            cause = "parameter overwritten"
            if name in getattr(subject, "inputs", ()) or name in subject.fixed:
                cause = "input overwritten"
            said = f"{when} changed {name}, which it must only read; work on a copy of it"
            problems.append(Finding(said, cause, name))
            array[...] = before[name]
    return problems


def form_problems(
    subject: Subject, analytic: dict[str, Any], dtype: np.dtype[Any]
) -> list[Finding]:
    """Gradients and an output of another shape or dtype than they must have, in words."""
    problems: list[Finding] = []
    inputs = getattr(subject, "inputs", ())
    if dtype != np.float64:
        said = f"forward turned float64 into {dtype}"
        problems.append(Finding(said, "wrong dtype", "forward"))
    for name, array in subject.arrays.items():
        gradient = analytic[name]
        if not isinstance(gradient, (np.ndarray, np.generic)):
            said = f"the gradient of {name} is {kind_of(gradient)}, expected an array"
            if gradient is None and name in inputs:
                said += "; backward returns nothing for it"
            elif gradient is None:
                said += f"; backward leaves none in d{name} or grads"
            cause = "nothing returned" if gradient is None else "wrong type"
            problems.append(Finding(said, cause, name))
        elif gradient.shape != array.shape:
            said = f"the gradient of {name} has shape {gradient.shape}, expected {array.shape}"
            problems.append(Finding(said, "wrong shape", name))
        elif gradient.dtype != np.float64:
            said = f"the gradient of {name} has dtype {gradient.dtype}, expected float64"
            problems.append(Finding(said, "wrong dtype", name))
    return problems


def float32_problems(subject: Subject) -> list[Finding]:
    """Whether float32 stays float32 in both directions, for a subject made in float32."""
    with np.errstate(all="ignore"):
        out = subject.output()
        gradients = subject.gradients(np.ones(out.shape, out.dtype))
    problems: list[Finding] = []
    if out.dtype != np.float32:
        said = f"forward turned float32 into {out.dtype}"
        problems.append(Finding(said, "float32 not kept", "forward"))
    problems += [
        Finding(
            f"backward gave a {gradient.dtype} gradient of {name} for float32",
            "float32 not kept",
            name,
        )
        for name, gradient in gradients.items()
        if isinstance(gradient, (np.ndarray, np.generic))
        and gradient.dtype != np.float32
        and out.dtype == np.float32
    ]
    return problems


def same(one: Any, other: Any) -> bool:
    """Whether two gradients are equal entry by entry; NaN equals NaN."""
    floats = np.asarray(one).dtype.kind == "f"
    return np.array_equal(one, other, equal_nan=floats)


def kind_of(value: Any) -> str:
    """The name of a class, or of an object's class."""
    return value.__name__ if isinstance(value, type) else type(value).__name__
