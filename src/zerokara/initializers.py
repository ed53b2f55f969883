"""Initial values of weights (the book's section 6.2).

An initializer is called with the fan-in, the fan-out, a shape, a generator and a dtype, and
returns the array. Numbers are drawn in float64 and rounded, so that a float32 network and its
float64 shadow start from the same place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Seed, Shape
from zerokara.errors import ArgumentError

Initializer: TypeAlias = "Callable[[int, int, Shape, np.random.Generator, npt.DTypeLike], Array]"


def as_generator(rng: Seed) -> np.random.Generator:
    """A generator from a seed, or the generator itself."""
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)


def std(value: float) -> Initializer:
    """Gaussian with the given standard deviation, whatever the layer's size."""
    if not value >= 0:
        raise ArgumentError(f"std: a standard deviation is 0 or more, got {value}")
    return lambda fan_in, fan_out, shape, rng, dtype: _normal(value, shape, rng, dtype)


def xavier(
    fan_in: int, fan_out: int, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike
) -> Array:
    """Gaussian of std 1 / sqrt(fan_in), the book's form of Glorot and Bengio 2010.

    It is LeCun's (`lecun_normal`); that paper's own form, with both fans, is `glorot_normal`.
    """
    return _normal(1.0 / np.sqrt(max(fan_in, 1)), shape, rng, dtype)


def he(
    fan_in: int, fan_out: int, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike
) -> Array:
    """Gaussian of std sqrt(2 / fan_in), for layers before ReLU (He et al. 2015)."""
    return _normal(np.sqrt(2.0 / max(fan_in, 1)), shape, rng, dtype)


def he_uniform(
    fan_in: int, fan_out: int, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike
) -> Array:
    """Uniform of the same deviation as `he`: from -sqrt(6 / fan_in) to sqrt(6 / fan_in)."""
    return _uniform(np.sqrt(2.0 / max(fan_in, 1)), shape, rng, dtype)


def glorot_normal(
    fan_in: int, fan_out: int, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike
) -> Array:
    """Gaussian of std sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return _normal(np.sqrt(2.0 / max(fan_in + fan_out, 1)), shape, rng, dtype)


def glorot_uniform(
    fan_in: int, fan_out: int, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike
) -> Array:
    """Uniform up to sqrt(6 / (fan_in + fan_out)) either way (Glorot and Bengio 2010)."""
    return _uniform(np.sqrt(2.0 / max(fan_in + fan_out, 1)), shape, rng, dtype)


def lecun_uniform(
    fan_in: int, fan_out: int, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike
) -> Array:
    """Uniform of std 1 / sqrt(fan_in) (LeCun et al. 1998); the Gaussian one is `xavier`."""
    return _uniform(1.0 / np.sqrt(max(fan_in, 1)), shape, rng, dtype)


def orthogonal(
    fan_in: int, fan_out: int, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike
) -> Array:
    """Rows or columns, whichever are fewer, of length 1 and at right angles (Saxe et al. 2014).

    A shape of more axes, such as filters, counts as a matrix of its first axis against the rest.
    """
    rows = shape[0] if shape else 1
    columns = math.prod(shape[1:])
    drawn = rng.standard_normal((max(rows, columns), min(rows, columns)))
    if not drawn.any():
        # The blank generator of a network that is about to be loaded: nothing to be turned.
        return np.zeros(shape, dtype)
    q, r = np.linalg.qr(drawn)
    # Without these signs the matrices would not be uniform among the orthogonal ones.
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return np.array(q if rows >= columns else q.T).reshape(shape).astype(dtype)


def initializer(choice: str | float | Initializer) -> Initializer:
    """The initializer meant by a name of `BY_NAME`, a standard deviation or a function.

    Raises:
        ArgumentError: an unknown name.
    """
    if callable(choice):
        return choice
    if isinstance(choice, str):
        if choice.lower() not in BY_NAME:
            raise ArgumentError(
                f"initial values {choice!r} are unknown; expected {', '.join(BY_NAME)}, a number "
                "(the standard deviation) or a function"
            )
        return BY_NAME[choice.lower()]
    return std(choice)


def _normal(scale: float, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Array:
    return np.asarray(scale * rng.standard_normal(shape)).astype(dtype)


def _uniform(scale: float, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Array:
    """Uniform around 0 with that standard deviation."""
    # random gives [0, 1); as 2 u - 1 its deviation is 1 / sqrt(3).
    return np.asarray(scale * np.sqrt(3.0) * (2 * rng.random(shape) - 1)).astype(dtype)


BY_NAME: dict[str, Initializer] = {
    "xavier": xavier,
    "he": he,
    "lecun": xavier,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he,
    "he_uniform": he_uniform,
    "lecun_normal": xavier,
    "lecun_uniform": lecun_uniform,
    "orthogonal": orthogonal,
}
"""Every initializer by its name. The first two are the book's; the longer names are the field's."""
