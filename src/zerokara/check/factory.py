"""Making an object of a class from its constructor: given arrays and values, and usual ones."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError

VALUES: dict[str, Any] = {
    "momentum": 0.9,
    "decay": 0.9,
    "eps": 1e-5,
    "epsilon": 1e-5,
    "ratio": 0.5,
    "dropout_ratio": 0.5,
    "rate": 0.5,
    "p": 0.5,
    "alpha": 0.1,
    "slope": 0.1,
    "negative_slope": 0.1,
    "stride": 1,
    "pad": 0,
    "padding": 0,
    "axis": -1,
    "seed": 0,
}
"""What a constructor gets for a parameter of that name without a default."""

SIZES = ("pool_h", "pool_w", "pool_size", "kernel_size", "kernel", "size", "filter_size", "pool")
UNITS = (
    *("units", "outputs", "output_size", "out_features", "filters", "filter_num", "hidden_size"),
    *("n_out", "n_outputs", "num_outputs", "output_dim", "out_dim", "n_units", "num_units"),
)
INPUTS = (
    *("input_size", "in_features", "inputs", "features", "num_features", "dim", "D"),
    *("n_in", "n_inputs", "num_inputs", "input_dim", "in_dim", "n_features", "normalized_shape"),
)
WEIGHTS = ("W", "w", "weight", "weights", "W1")
BIASES = ("b", "bias", "b1")
SCALES = ("gamma", "beta", "scale", "shift", "running_mean", "running_var")
IMAGES = ("stride", "pad", "padding", "pool_h", "pool_w", "filter_size", "pool_size", "kernel_size")


def looks_like_images(kind: type) -> bool:
    """Whether a constructor speaks of strides and windows, so that inputs are (N, C, H, W)."""
    return any(name in IMAGES for name in _parameters(kind))


def candidates(
    kind: type,
    shapes: tuple[Shape, ...],
    arrays: Mapping[str, Shape],
    values: Mapping[str, Any],
    seed: int,
    dtype: npt.DTypeLike,
) -> list[dict[str, Any]]:
    """Arguments to call a constructor with, the likeliest first.

    Args:
        kind: the class.
        shapes: of the inputs, batch axis included.
        arrays: shapes of the arrays that were asked for, by name.
        values: other arguments by name.
        seed: of the arrays.
        dtype: of the arrays.

    Raises:
        ArgumentError: an argument that is unknown to the constructor or that cannot be guessed;
            the message names the option that gives it.
    """
    parameters = _parameters(kind)
    open_ended = any(p.kind == inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for option, names in (("--array", arrays), ("--value", values)):
        for name in names:
            if name not in parameters and not open_ended:
                takes = ", ".join(parameters) or "nothing"
                raise ArgumentError(
                    f"{option} {name}: {kind.__name__}() has no such parameter; it takes {takes}"
                )
    choices = _shape_choices(kind, shapes[0], arrays)
    made = []
    for choice in choices:
        rng = np.random.default_rng(seed)
        arguments: dict[str, Any] = {}
        for name, parameter in parameters.items():
            if name in values:
                arguments[name] = values[name]
            elif name in arrays:
                arguments[name] = _draw(name, arrays[name], rng, dtype)
            elif parameter.default is not inspect.Parameter.empty or parameter.kind in (
                inspect.Parameter.VAR_KEYWORD,
                inspect.Parameter.VAR_POSITIONAL,
            ):
                continue
            elif name in choice:
                arguments[name] = _draw(name, choice[name], rng, dtype)
            else:
                arguments[name] = _usual(kind, name, shapes[0], rng)
        arguments |= {name: value for name, value in values.items() if name not in arguments}
        made.append(arguments)
    return made


def _parameters(kind: type) -> Mapping[str, inspect.Parameter]:
    try:
        signature = inspect.signature(kind)
    except (ValueError, TypeError):
        return {}
    return signature.parameters


def _usual(kind: type, name: str, shape: Shape, rng: np.random.Generator) -> Any:
    if name in VALUES:
        return VALUES[name]
    if name in SIZES:
        return 2
    if name in UNITS:
        return 3
    if name in INPUTS:
        return math.prod(shape[1:])
    if name in ("channels", "in_channels", "C"):
        return shape[1]
    if name == "rng":
        return rng
    if name == "input_shape":
        return shape[1:]
    if name == "dtype":
        return np.float64
    raise ArgumentError(
        f"{kind.__name__}({name}=...) cannot be guessed: add --value {name}=VALUE if it is a "
        f"number or a word, --array {name}=SHAPE (such as --array {name}=3x5) if it is an array"
    )


def _draw(name: str, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Array:
    drawn = rng.standard_normal(shape)
    if name in ("running_var", "var"):
        drawn = np.abs(drawn) + 0.5
    elif name in ("gamma", "scale"):
        drawn = drawn * 0.3 + 1.0
    return drawn.astype(dtype)


def _shape_choices(kind: type, shape: Shape, given: Mapping[str, Shape]) -> list[dict[str, Shape]]:
    """Shapes of weights, biases and scales that may suit inputs of that shape."""
    weight = next((given[name] for name in WEIGHTS if name in given), None)
    bias = next((given[name] for name in BIASES if name in given), None)
    flat = math.prod(shape[1:])
    units = bias[-1] if bias else (5 if flat != 5 else 6)
    images = len(shape) == 4
    if weight is not None:
        weights = [weight]
    elif images and looks_like_images(kind):
        weights = [(bias[0] if bias else 2, shape[1], 2, 2)]
    elif images:
        weights = [(flat, units), (2, shape[1], 2, 2)]
    else:
        weights = [(shape[-1] if len(shape) > 1 else 1, units)]
    features: list[Shape] = [(flat,)]
    if images:
        features += [(shape[1],), (1, shape[1], 1, 1)]
    choices = []
    for each in weights:
        for feature in features:
            choice = dict.fromkeys(WEIGHTS, each) | dict.fromkeys(SCALES, feature)
            choice |= dict.fromkeys(BIASES, (each[0] if len(each) == 4 else each[-1],))
            choices.append(choice)
    return choices
