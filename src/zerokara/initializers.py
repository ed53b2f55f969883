"""Initial values of weights (the book's section 6.2).

An initializer is called with the fan-in, the fan-out, a shape, a generator and a dtype, and
returns the array. Numbers are drawn in float64 and rounded, so that a float32 network and its
float64 shadow start from the same place.
"""

from __future__ import annotations

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
    """Gaussian of std 1 / sqrt(fan_in), the book's form of Glorot and Bengio 2010."""
    return _normal(1.0 / np.sqrt(max(fan_in, 1)), shape, rng, dtype)


def he(
    fan_in: int, fan_out: int, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike
) -> Array:
    """Gaussian of std sqrt(2 / fan_in), for layers before ReLU (He et al. 2015)."""
    return _normal(np.sqrt(2.0 / max(fan_in, 1)), shape, rng, dtype)


def initializer(choice: str | float | Initializer) -> Initializer:
    """The initializer meant by a name ('xavier', 'he'), a standard deviation or a function.

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


BY_NAME: dict[str, Initializer] = {"xavier": xavier, "he": he}
