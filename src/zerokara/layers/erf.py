"""The complementary error function, which NumPy lacks."""

from __future__ import annotations

import numpy as np

from zerokara._types import Array

FURTHEST = 28.0
"""From here on erfc is 0, in float64 too."""

CENTRE = 4.0

# (1 + 2 z) exp(z**2) erfc(z) is smooth from z = 0, where it is 1, to infinity, where it is
# 2 / sqrt(pi). In t = (z - 4) / (z + 4), from -1 to 1, its Chebyshev series falls below 2e-17
# after 25 terms (the way of Shepherd and Laframboise 1981). These are the coefficients of t**0,
# t**1, ... of that series, interpolated at 40 Chebyshev points in 60 digits.
SERIES = (
    1.2329951186255526,
    -0.1396211168405623,
    0.015379652102619604,
    0.06809705425466908,
    -0.10103906603630056,
    0.0937328349990944,
    -0.06633036581218697,
    0.03716751552655567,
    -0.016197734059799265,
    0.005031970067657489,
    -0.0007577732613730956,
    -0.00019925714661091188,
    0.0001506214900124047,
    -2.4397746422436416e-05,
    -1.1221287012353486e-05,
    5.706604414895734e-06,
    2.919733377963012e-07,
    -8.210939042560568e-07,
    7.746992727017941e-08,
    1.0633855618594884e-07,
    -2.05606492756992e-08,
    -1.234686604382353e-08,
    3.1695881915648173e-09,
    9.311744978232572e-10,
    -2.659599690242689e-10,
)


def erfc(x: Array) -> Array:
    """1 - erf(x), the shape and float dtype of `x`; small values keep their relative accuracy.

    In float64 within 4.5e-16 of the truth and, for positive x, within a relative 2.3e-16 times
    5 + x**2, down to the smallest normal number.
    """
    z = np.minimum(np.abs(x), FURTHEST)
    t = (z - CENTRE) / (z + CENTRE)
    total = np.full_like(t, SERIES[-1])
    for coefficient in reversed(SERIES[:-1]):
        total *= t
        total += coefficient
    total *= np.exp(-z * z) / (1 + 2 * z)
    return np.asarray(np.where(x < 0, 2 - total, total))
