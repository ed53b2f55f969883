"""Numerical differentiation and gradient descent (the book's chapter 4).

Slow and simple on purpose: these are what every analytic gradient is measured against.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.errors import ArgumentError, DtypeError


def numerical_diff(
    f: Callable[[Array], npt.ArrayLike], x: npt.ArrayLike, h: float | None = None
) -> Array:
    """Derivative of a function of one variable at `x`, by central difference (book 4.3).

    Args:
        f: takes and returns a number, or an array entry by entry.
        x: the point, or an array of points.
        h: half the width of the difference; by default the cube root of the dtype's epsilon,
            times |x| where that is above 1.

    Returns:
        An array of x's shape (a scalar for a scalar).

    Raises:
        ArgumentError: `h` is not positive, or so small that x + h equals x.
        DtypeError: `x` is complex or no number.
    """
    x = np.asarray(x)
    if x.dtype.kind in "iub":
        x = x.astype(np.float64)
    _require_float("numerical_diff", x)
    step = _step(x, h)
    above, below = x + step, x - step
    width = above - below
    if not np.all(width):
        raise ArgumentError(f"numerical_diff: h={h} vanishes beside x in {x.dtype}")
    return np.asarray((np.asarray(f(above)) - np.asarray(f(below))) / width)[()]


def numerical_gradient(
    f: Callable[[Array], npt.ArrayLike], x: Array, h: float | None = None
) -> Array:
    """Gradient of a scalar function at an array of any shape, by central difference (book 4.4).

    Each entry of `x` is moved in place, one at a time, and put back, so that the book's idiom
    works in which `f` ignores its argument and reads a network that owns the array::

        numerical_gradient(lambda _: net.loss(x, t), net.params["W1"])

    When `numerical_gradient` returns or raises, `x` is what it was, bit for bit. A list, or an
    array that cannot be written to, is copied and `f` sees the copy.

    Args:
        f: takes an array like `x` and returns one number.
        x: where to differentiate: float16, float32, float64 or longdouble, any shape.
        h: half the width of the difference; by default the cube root of the dtype's epsilon
            (6e-6 in float64, 5e-3 in float32), times |entry| where that is above 1.

    Returns:
        An array of x's shape and dtype.

    Raises:
        DtypeError: `x` holds integers, in which x + h would be cut back to x.
        ArgumentError: `f` does not return one number, or `h` vanishes beside an entry.
    """
    point = x if isinstance(x, np.ndarray) and x.flags.writeable else np.array(x)
    _require_float("numerical_gradient", point)
    gradient = np.zeros(point.shape, point.dtype)
    for index in np.ndindex(point.shape):
        original = point[index]
        step = _step(original, h)
        try:
            point[index] = original + step
            above, f_above = point[index], _one_number(f(point))
            point[index] = original - step
            below, f_below = point[index], _one_number(f(point))
        finally:
            point[index] = original
        if above == below:
            raise ArgumentError(
                f"numerical_gradient: h={h} vanishes beside entry {index} = {original} "
                f"in {point.dtype}"
            )
        gradient[index] = (f_above - f_below) / (np.float64(above) - np.float64(below))
    return gradient


def gradient_descent(
    f: Callable[[Array], npt.ArrayLike],
    init_x: npt.ArrayLike,
    lr: float = 0.01,
    step_num: int = 100,
    *,
    return_path: bool = False,
) -> Array | tuple[Array, Array]:
    """Follow the numerical gradient downhill from `init_x`, which is not written to (book 4.4).

    Args:
        f: a scalar function of an array.
        init_x: the start, any shape.
        lr: learning rate, the length of a step per unit of slope.
        step_num: how many steps.
        return_path: also return every point passed.

    Returns:
        The last point; with `return_path` also an array of shape (step_num + 1, *x.shape) that
        begins with the start.

    Raises:
        DtypeError: `init_x` holds integers.
        ArgumentError: a negative number of steps.
    """
    if step_num < 0:
        raise ArgumentError(f"gradient_descent: step_num must be 0 or more, got {step_num}")
    x = np.array(init_x)
    _require_float("gradient_descent", x)
    path = np.empty((step_num + 1, *x.shape), x.dtype)
    path[0] = x
    for i in range(step_num):
        x -= x.dtype.type(lr) * numerical_gradient(f, x)
        path[i + 1] = x
    return (x, path) if return_path else x


def _step(x: Array, h: float | None) -> Array:
    if h is None:
        # Balances the difference's truncation, about h**2, against its rounding, about eps / h.
        return np.asarray(np.cbrt(np.finfo(x.dtype).eps) * np.maximum(1, np.abs(x)))
    if not h > 0:
        raise ArgumentError(f"h must be above 0, got {h}")
    return np.asarray(h, dtype=x.dtype)


def _one_number(value: npt.ArrayLike) -> np.float64:
    value = np.asarray(value)
    if value.size != 1:
        raise ArgumentError(
            f"numerical_gradient: f must return one number, got an array of shape {value.shape}"
        )
    return np.float64(value.reshape(()))


def _require_float(where: str, x: Array) -> None:
    if x.dtype.kind in "iub":
        raise DtypeError(
            f"{where}: x holds {x.dtype}, in which x + h is cut back to x and the gradient is "
            "garbage; pass floats, for example x.astype(float)"
        )
    if x.dtype.kind != "f":
        raise DtypeError(f"{where}: x must hold real floats, got dtype {x.dtype}")
