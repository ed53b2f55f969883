"""Samples: inputs and targets that were checked as a whole, handed out by the batch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from zerokara import native
from zerokara._types import Array
from zerokara.data.pixels import Pixels
from zerokara.errors import ArgumentError, DtypeError, ShapeError, ZerokaraError
from zerokara.layers import weighting
from zerokara.network import Network

BLOCK = 4096
"""Rows that a check looks at in one go, so that it takes no second copy of the data."""

# What native.gather_rows takes; other numbers are drawn by NumPy and converted by the network.
_GATHERED = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))


class Samples:
    """A set to train or test on.

    Args:
        net: the network that it is for.
        x: an array or `Pixels` of shape (N, *input shape), or a mapping of input names to such.
        t: targets of N samples.
        weight: how much each sample counts, (N,); None: all alike.
    """

    def __init__(self, net: Network, x: Any, t: Any, weight: Array | None = None) -> None:
        named = x if isinstance(x, Mapping) else {next(iter(net.inputs)): x}
        self.dtype = net.dtype
        self.inputs: dict[str, Array | Pixels] = {
            name: value if isinstance(value, Pixels) else np.asarray(value)
            for name, value in named.items()
        }
        self.t: Array = np.asarray(t)
        self.weight = weight

    def __len__(self) -> int:
        return len(self.t)

    def draw(self, indices: Array) -> tuple[dict[str, Array], Array]:
        """The inputs by name and the targets of one batch."""
        feeds = {name: self._rows(source, indices) for name, source in self.inputs.items()}
        return feeds, self.t[indices]

    def _rows(self, source: Array | Pixels, indices: Array) -> Array:
        if isinstance(source, Pixels):
            # To float32 whatever the network's dtype: the same bits as from an array of floats.
            return native.gather_rows(source.values, indices, np.float32, source.scale)
        if source.dtype in _GATHERED:
            return native.gather_rows(source, indices, self.dtype)
        return source[indices]


def checked_samples(
    net: Network, given: Any, which: str, where: str = "fit", sample_weight: Any = None
) -> Samples:
    """The samples of a pair (x, t) after a look at every entry; `which` is 'train' or 'test'.

    Raises:
        ArgumentError: no pair, inputs missing or unknown, no samples, an input that is NaN or
            infinite (naming its row).
        ShapeError: shapes or lengths that do not fit.
        DtypeError: inputs, targets or weights that are no numbers.
        LabelError: targets that do not fit the network's loss.
    """
    where = f"{where}: {which}"
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise ArgumentError(f"{where} must be a pair (x, t), got {_kind(given)}")
    x, t = given
    if not isinstance(x, Mapping) and len(net.inputs) != 1:
        raise ArgumentError(
            f"{where}: the network has the inputs {', '.join(net.inputs)}; "
            "give x as a mapping of these names to arrays"
        )
    try:
        samples = Samples(net, x, t)
    except ValueError as error:  # NumPy on rows of different lengths
        raise ShapeError(f"{where}: x and t must be arrays ({error})") from None
    if samples.inputs.keys() != net.inputs.keys():
        raise ArgumentError(
            f"{where}: the network has the inputs {', '.join(net.inputs)}, "
            f"got {', '.join(map(str, samples.inputs)) or 'none'}"
        )
    _check_shapes(net, samples, where)
    for name, source in samples.inputs.items():
        if not isinstance(source, Pixels):
            _check_finite(f"{where}: input {name!r}", source, net.dtype)
    _check_finite(f"{where}: target", samples.t, net.dtype)
    _check_targets(net, samples, where)
    if sample_weight is not None:
        samples.weight = _checked_weights(net, sample_weight, len(samples), where)
    return samples


def _checked_weights(net: Network, weight: Any, count: int, where: str) -> Array:
    loss = net.loss_layer
    assert loss is not None  # targets have been checked with it
    if "sample_weight" not in inspect.signature(type(loss).forward).parameters:
        raise ArgumentError(
            f"{where}: {type(loss).__name__}.forward takes no sample_weight; give it that "
            "argument, or leave the weights out"
        )
    return weighting.checked(where, weight, (count,))


def _check_shapes(net: Network, samples: Samples, where: str) -> None:
    if samples.t.ndim == 0:
        raise ShapeError(f"{where}: t must hold one target a sample, got a single value")
    if samples.t.dtype.kind not in "fiub":
        raise DtypeError(f"{where}: targets must be numbers, got dtype {samples.t.dtype}")
    for name, source in samples.inputs.items():
        wanted = net.inputs[name].shape
        if source.dtype.kind not in "fiub":
            raise DtypeError(f"{where}: input {name!r} must be numbers, got dtype {source.dtype}")
        if source.ndim == 0 or source.shape[1:] != wanted:
            expected = ", ".join(["N", *map(str, wanted)]) + ("" if wanted else ",")
            raise ShapeError(
                f"{where}: input {name!r} must have shape ({expected}), got {source.shape}"
            )
        if len(source) != len(samples):
            raise ShapeError(
                f"{where}: input {name!r} has {len(source)} samples, t has {len(samples)}; "
                "expected as many targets as samples"
            )
    if not len(samples):
        raise ArgumentError(f"{where} holds no samples")


def _check_finite(what: str, source: Array, dtype: np.dtype[Any]) -> None:
    if source.dtype.kind != "f":
        return
    for start in range(0, len(source), BLOCK):
        block = source[start : start + BLOCK]
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found below
            bad = ~np.isfinite(block.astype(dtype, copy=False)).reshape(len(block), -1).all(axis=1)
        if bad.any():
            row = int(np.argmax(bad))
            values = np.ravel(block[row])
            with np.errstate(over="ignore", invalid="ignore"):
                worst = values[~np.isfinite(values.astype(dtype))][0]
            raise ArgumentError(
                f"{what} row {start + row} holds {worst}, which is no finite {dtype}; "
                "remove or replace such rows"
            )


def _check_targets(net: Network, samples: Samples, where: str) -> None:
    loss = net.loss_layer
    if loss is None:
        raise ArgumentError(
            f"{where}: {net!r} has no loss; give one when it is made, "
            "such as loss=SoftmaxWithLoss()"
        )
    try:
        loss.check(blank_scores(net, len(samples)), samples.t)
    except ZerokaraError as error:
        raise type(error)(f"{where}: {error}") from None


def blank_scores(net: Network, rows: int) -> Array:
    """Scores of 0 for so many samples, which take the memory of one number."""
    return np.broadcast_to(np.zeros((), net.dtype), (rows, *net.output_shape))


def _kind(given: Any) -> str:
    if isinstance(given, tuple | list):
        return f"a {type(given).__name__} of {len(given)}"
    return type(given).__name__
