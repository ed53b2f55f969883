"""The slope of a computation along one line, by differences, with what is known of its error.

Outputs are subtracted entry by entry before they are weighted by `dout`, so what does not depend
on the moved number cancels exactly and adds no rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from zerokara._types import Array
from zerokara.check.report import Verdict

# Powers of two, so that x + h and x - h are exact for most x. The widest step has the least
# rounding (eps / h); the narrower ones serve where the function bends or breaks within it.
STEPS = tuple(2.0**-power for power in (10, 13, 16, 19))

# Above this |x| the steps grow with x, or they would vanish in its rounding.
LARGE = 2.0**13

EPS = float(np.finfo(np.float64).eps)

# How many units of rounding an output that moves may carry: some tens of operations deep, all
# erring the same way.
MOVED = 64 * EPS

# An output that stands still may still depend on the moved number, by less than its own rounding
# and that of a step or two before it, such as a saturated sigmoid.
STILL = 4 * EPS


@dataclass(frozen=True)
class Slope:
    """A measured slope.

    Attributes:
        value: the central difference of fourth order.
        noise: the error that rounding alone may have made in `value` or in the gradient beside it.
        left, right: the slopes of the two sides, each output's weighted by its dout.
        broken: whether their sums disagree by more than smoothness and rounding allow.
    """

    value: float
    noise: float
    left: Array
    right: Array
    broken: bool

    def of_sides(self) -> Slope:
        """The mean of both sides' slopes instead, each of second order.

        Where a function bends anew at the point, as ELU does at 0, the central difference of
        fourth order is off by as much as the step, and this one by its square.
        """
        mean = (float(np.sum(self.left)) + float(np.sum(self.right))) / 2
        return replace(self, value=mean, noise=2 * self.noise)

    def between(self) -> tuple[float, float]:
        """The least and the greatest slope that a choice of sides gives.

        Each output may choose its own side: an entry that is shared by two windows of a pooling
        may be the greatest of one and not of the other.
        """
        low = float(np.sum(np.minimum(self.left, self.right)))
        return low, float(np.sum(np.maximum(self.left, self.right)))


def measure(
    outputs: Callable[[float], Array],
    here: Array,
    dout: Array,
    size: float,
    analytic: float,
    tolerance: float,
) -> tuple[float, float, Verdict]:
    """Compare a gradient with the slope along a line.

    Args:
        outputs: the computation's output for a distance from the point; a new array each time.
        here: its output at the point.
        dout: weights that make one number of it.
        size: the greatest magnitude among the numbers that move.
        analytic: the slope to compare with.
        tolerance: the relative error allowed.

    Returns:
        The numerical slope, the relative error, and 'right', 'wrong' or 'kink'.
    """
    unit = max(1.0, size / LARGE)
    first = _slope(outputs, here, dout, STEPS[0] * unit, tolerance)
    error = relative_error(analytic, first, tolerance)
    if error <= tolerance and not first.broken:
        return first.value, error, "right"
    narrower = [_slope(outputs, here, dout, step * unit, tolerance) for step in STEPS[1:]]
    slopes = [first, *narrower]
    if all(slope.broken for slope in slopes):
        last = slopes[-1]
        low, high = last.between()
        slack = last.noise + tolerance * max(abs(low), abs(high))
        kink = low - slack <= analytic <= high + slack  # False for NaN
        middle = (low + high) / 2
        return middle, math.inf if not kink else 0.0, "kink" if kink else "wrong"
    # The step is chosen without a look at `analytic`: a step so narrow that rounding drowns the
    # answer would agree with anything.
    _, best = min(
        (
            (_doubt(each, place), each[place])
            for each in (slopes, [slope.of_sides() for slope in slopes])
            for place in range(len(each))
        ),
        key=lambda pair: pair[0],
    )
    error = relative_error(analytic, best, tolerance)
    return best.value, error, "right" if error <= tolerance else "wrong"


def relative_error(analytic: float, slope: Slope, tolerance: float) -> float:
    """|a - n| over the greater magnitude; infinite for NaN.

    The divisor is at least noise / tolerance: a difference that rounding alone explains is not
    held against anyone, and that floor grows and shrinks with the outputs themselves.
    """
    difference = abs(analytic - slope.value)
    if not math.isfinite(difference):
        return math.inf
    divisor = max(abs(analytic), abs(slope.value), slope.noise / tolerance)
    return difference / divisor if divisor else 0.0


def _slope(
    outputs: Callable[[float], Array], here: Array, dout: Array, h: float, tolerance: float
) -> Slope:
    up, up2, down, down2 = outputs(h), outputs(2 * h), outputs(-h), outputs(-2 * h)
    value = float(np.sum(dout * (8 * (up - down) - (up2 - down2)))) / (12 * h)
    right = dout * (4 * (up - here) - (up2 - here)) / (2 * h)
    left = dout * (4 * (here - down) - (here - down2)) / (2 * h)
    sizes = np.abs(dout) * np.maximum(np.abs(up2), np.abs(down2))
    if np.ndim(up) == 0:
        # A loss, which may be far smaller than the 1 that goes into its logarithm.
        sizes = np.maximum(sizes, np.abs(dout))
    moved = (up2 != here) | (down2 != here) | (up != here) | (down != here)
    noise = (MOVED * float(np.sum(sizes[moved])) + STILL * float(np.sum(sizes))) / h
    # Where a function is smooth both sides miss the slope by the same h**2 term, and differ by a
    # term of h**3 alone.
    one, other = float(np.sum(left)), float(np.sum(right))
    allowed = 10 * tolerance * max(abs(one), abs(other)) + 4 * noise
    return Slope(value, noise, left, right, not abs(other - one) <= allowed)


def _doubt(slopes: list[Slope], place: int) -> float:
    """How far a slope may be off: its rounding, and how much another step changes it."""
    slope = slopes[place]
    other = slopes[place + 1] if place + 1 < len(slopes) else slopes[place - 1]
    doubt = slope.noise + abs(slope.value - other.value)
    return math.inf if slope.broken or not math.isfinite(doubt) else doubt
