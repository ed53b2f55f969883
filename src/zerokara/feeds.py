"""What a network is given, as batches of its dtype: inputs, and its output's gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, DtypeError, ShapeError
from zerokara.layers import Input


def as_batches(
    who: object, inputs: Mapping[str, Input], dtype: np.dtype[Any], x: Any, named: Mapping[str, Any]
) -> tuple[dict[str, Array], bool]:
    """Inputs by name as batches, and whether one sample was given without the batch axis.

    Args:
        who: the network, for messages.
        inputs: what it takes, by name.
        x: the value of its only input, a mapping of names to values, or None.
        named: the values by name, where `x` is None.

    Raises:
        ArgumentError: inputs missing or unknown.
        ShapeError: an input of another shape, or batches of several sizes.
        DtypeError: an input that is not of numbers.
    """
    given = named
    if isinstance(x, Mapping):
        given = x
    elif x is not None:
        if len(inputs) != 1:
            raise ArgumentError(f"{who!r} has the inputs {', '.join(inputs)}; give them by name")
        given = {next(iter(inputs)): x}
    if set(given) != set(inputs):
        raise ArgumentError(
            f"{who!r} takes the inputs {', '.join(inputs)}, got "
            f"{', '.join(map(str, given)) or 'none'}"
        )
    feeds = {name: _converted(name, inputs[name].shape, v, dtype) for name, v in given.items()}
    single = {name: feed.ndim == len(inputs[name].shape) for name, feed in feeds.items()}
    if all(single.values()):
        return {name: feed[np.newaxis] for name, feed in feeds.items()}, True
    if any(single.values()) or len({len(feed) for feed in feeds.values()}) > 1:
        shapes = ", ".join(f"{name} {feed.shape}" for name, feed in feeds.items())
        raise ShapeError(f"{who!r}: inputs must share one batch size, got {shapes}")
    return feeds, False


def _converted(name: str, shape: Shape, value: Any, dtype: np.dtype[Any]) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"input {name!r}: expected numbers, got dtype {array.dtype}")
    if array.shape not in ((*array.shape[:1], *shape), shape):
        raise ShapeError(
            f"input {name!r}: expected shape {('N', *shape)} or {shape}".replace("'N'", "N")
            + f", got {array.shape}"
        )
    return array.astype(dtype, copy=False)


def output_gradient(
    who: object, dout: npt.ArrayLike, dtype: np.dtype[Any], rows: int, shape: Shape, single: bool
) -> Array:
    """`dout` as a batch of `rows`, for outputs of such a shape.

    Raises:
        ShapeError: it has another shape than the output had.
    """
    wanted = shape if single else (rows, *shape)
    dout = np.asarray(dout, dtype)
    if dout.shape != wanted:
        raise ShapeError(f"{who!r}: dout must have the output's shape {wanted}, got {dout.shape}")
    return dout[np.newaxis] if single else dout
