"""``common.gradient``: the book's numerical differentiation (chapter 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara import gradient
from zerokara._types import Array
from zerokara.book.traps import teach
from zerokara.errors import DtypeError

__all__ = ["np", "numerical_gradient", "numerical_gradient_2d"]

H = 1e-4
"""Half the width of the book's differences."""


def numerical_gradient(f: Callable[[Array], Any], x: npt.ArrayLike) -> Array:
    """The gradient of f, which returns one number, at `x` of any shape.

    Each entry of `x` is moved in place by 1e-4 up and down and put back, also when f raises.
    Integers are copied to float64 first, and the script is told.

    Raises:
        DtypeError: `x` holds no real numbers.
        ArgumentError: f does not return one number.
    """
    return gradient.numerical_gradient(f, _point(x), h=H)


def numerical_gradient_2d(f: Callable[[Array], Any], X: npt.ArrayLike) -> Array:
    """The gradient of f at each row of `X` (N, D) by itself, or at `X` (D,)."""
    points = _point(X)
    if points.ndim == 1:
        return gradient.numerical_gradient(f, points, h=H)
    return np.array([gradient.numerical_gradient(f, row, h=H) for row in points], points.dtype)


def _point(x: npt.ArrayLike) -> Array:
    given = np.asarray(x)
    if given.dtype.kind in "iub":
        teach(
            "integers",
            f"numerical_gradient got {given.dtype}, in which x + 0.0001 is cut back to x and every "
            "slope comes out wrong; a float copy is used, and an f that ignores its argument does "
            "not see it: write 3.0 instead of 3, or x.astype(float)",
        )
        return given.astype(np.float64)
    if given.dtype.kind != "f":
        raise DtypeError(f"numerical_gradient: expected real numbers, got dtype {given.dtype}")
    if given.dtype.itemsize < 8:
        teach(
            "few digits",
            f"numerical_gradient in {given.dtype}: a difference over 0.0002 keeps few digits of it;"
            " compare gradients in float64",
        )
    return given
