"""The order of the Taylor remainder: evidence for a gradient that hangs on no step size.

With the right gradient g, f(x + s v) - f(x) - s <g, v> shrinks with s**2; with a wrong one it
shrinks with s alone.
"""

from __future__ import annotations

import math

import numpy as np

from zerokara._types import Array
from zerokara.check.subjects import Subject

STEPS = tuple(2.0**-power for power in range(4, 18, 2))

# A remainder is believed where it stands so far above what rounding can do to it.
ABOVE_NOISE = 100.0


def remainder_order(
    subject: Subject, name: str, gradient: Array, dout: Array, rng: np.random.Generator
) -> float | None:
    """By which power of the step the remainder shrinks along a random direction of one array.

    Args:
        subject: what is measured; left as it was.
        name: one of `subject.arrays`.
        gradient: its gradient as backward gave it, of the array's shape.
        dout: the weights of the outputs.
        rng: draws the direction.

    Returns:
        About 2 where the gradient is right, about 1 where it is wrong; None where the remainder
        is all rounding, as for a right gradient of a linear function.
    """
    array = subject.arrays[name]
    point = array.copy()
    vector = rng.standard_normal(array.shape)
    vector /= max(float(np.linalg.norm(vector)), np.finfo(np.float64).tiny)
    slope = float(np.sum(gradient * vector))
    steps: list[float] = []
    sizes: list[float] = []
    try:
        with np.errstate(all="ignore"):
            here = subject.output()
            noise = 4 * np.finfo(np.float64).eps * float(np.sum(np.abs(dout * here)))
            for step in STEPS:
                array[...] = point + step * vector
                there = subject.output()
                remainder = abs(float(np.sum(dout * (there - here))) - step * slope)
                if not math.isfinite(remainder):
                    continue
                if remainder > ABOVE_NOISE * (noise + np.finfo(np.float64).eps * abs(step * slope)):
                    steps.append(math.log(step))
                    sizes.append(math.log(remainder))
    finally:
        array[...] = point
    if len(steps) < 3:
        return None
    # The widest steps still feel the third order, and a kink within them.
    return float(np.polyfit(steps[-4:], sizes[-4:], 1)[0])
