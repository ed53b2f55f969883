"""The layer contract beside the numbers: what may not change, and what form gradients have."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.check.subjects import LayerSubject, Subject


def changed(subject: Subject, before: dict[str, Array], when: str) -> list[str]:
    """What a pass wrote into, in words; puts it back."""
    problems = []
    for name, array in (subject.arrays | subject.fixed).items():
        if not np.array_equal(array, before[name]):
            problems.append(f"{when} changed {name}, which it must only read")
            array[...] = before[name]
    return problems


def form_problems(subject: Subject, analytic: dict[str, Any], dtype: np.dtype[Any]) -> list[str]:
    """Gradients and an output of another shape or dtype than they must have, in words."""
    problems = []
    if dtype != np.float64:
        problems.append(f"forward turned float64 into {dtype}")
    for name, array in subject.arrays.items():
        gradient = analytic[name]
        if not isinstance(gradient, (np.ndarray, np.generic)):
            problems.append(f"the gradient of {name} is {kind_of(gradient)}, expected an array")
        elif gradient.shape != array.shape:
            problems.append(
                f"the gradient of {name} has shape {gradient.shape}, expected {array.shape}"
            )
        elif gradient.dtype != np.float64:
            problems.append(f"the gradient of {name} has dtype {gradient.dtype}, expected float64")
    return problems


def float32_problems(
    layer: Any, inputs: tuple[Any, ...], t: Any, training: bool, seed: int
) -> list[str]:
    """Whether float32 stays float32 in both directions."""
    given = inputs if t is None else (*inputs, t)
    subject = LayerSubject(layer, given, training, seed, np.float32)
    with np.errstate(all="ignore"):
        out = subject.output()
        gradients = subject.gradients(np.ones(out.shape, out.dtype))
    problems = []
    if out.dtype != np.float32:
        problems.append(f"forward turned float32 into {out.dtype}")
    problems += [
        f"backward gave a {gradient.dtype} gradient of {name} for float32"
        for name, gradient in gradients.items()
        if gradient.dtype != np.float32 and out.dtype == np.float32
    ]
    return problems


def same(one: Any, other: Any) -> bool:
    """Whether two gradients are equal entry by entry; NaN equals NaN."""
    floats = np.asarray(one).dtype.kind == "f"
    return np.array_equal(one, other, equal_nan=floats)


def kind_of(value: Any) -> str:
    """The name of a class, or of an object's class."""
    return value.__name__ if isinstance(value, type) else type(value).__name__
