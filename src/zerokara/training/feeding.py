"""Feeding: where the samples of a step lie, as they are or in a new variant each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np

from zerokara._types import Array
from zerokara.data.augment import Augment
from zerokara.data.batches import Indices
from zerokara.engine.samples import Samples, blank_scores
from zerokara.errors import ArgumentError, DtypeError, ShapeError, ZerokaraError
from zerokara.network import Network

BUFFER_ROWS = 2048
"""Variants of so many samples are made at a time, or those of one batch where it is larger."""

Variants: TypeAlias = Callable[..., Array]
"""``augment(x, indices, epoch, seed)``: see `zerokara.data.Augment`."""


class Feed(Protocol):
    """What the steps of a training read.

    Attributes:
        samples: what a compiled step is made for.
        most_rows: how many rows one `place` may be asked for, None for any number.
    """

    samples: Samples
    most_rows: int | None

    def place(self, epoch: int, indices: Indices) -> Indices:
        """The indices, in `samples`, of the samples that are drawn in that epoch."""
        ...


class Direct:
    """The samples as they are."""

    most_rows: int | None = None

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def place(self, epoch: int, indices: Indices) -> Indices:
        return indices


class Augmented:
    """Variants, made into a buffer that the steps read.

    Args:
        net: the network that is trained, of one input.
        given: the samples themselves.
        augment: makes the variants.
        seed: what they are drawn by, beside epoch and index.
        batch_size: the most samples of one step.

    Raises:
        ArgumentError: a network of several inputs.
        ShapeError: samples that are no images.
    """

    def __init__(
        self, net: Network, given: Samples, augment: Variants, seed: int, batch_size: int
    ) -> None:
        if len(net.inputs) != 1:
            raise ArgumentError(
                f"fit: augment is for networks of one input, this has {', '.join(net.inputs)}"
            )
        if not callable(augment):
            raise DtypeError(
                f"fit: augment must be callable, such as zk.data.Augment(shift=2), got {augment!r}"
            )
        self.name, node = next(iter(net.inputs.items()))
        if isinstance(augment, Augment):
            augment.check(node.shape)
        self.given, self.augment, self.seed = given, augment, seed
        self.most_rows: int | None = max(BUFFER_ROWS // batch_size, 1) * batch_size
        self.x = np.zeros((self.most_rows, *node.shape), net.dtype)
        # Of the dtype that a compiled step reads in place, so that it sees what is written later.
        self.t = np.zeros(
            (self.most_rows, *given.t.shape[1:]),
            np.int64 if _wants_integers(net, given.t) else net.dtype,
        )
        weight = None if given.weight is None else np.zeros(self.most_rows)
        self.samples = Samples(net, {self.name: self.x}, self.t, weight)

    def place(self, epoch: int, indices: Indices) -> Indices:
        feeds, t = self.given.draw(indices)
        variants = self.augment(feeds[self.name], indices, epoch, self.seed)
        wanted = (len(indices), *self.x.shape[1:])
        if np.shape(variants) != wanted:
            raise ShapeError(
                f"fit: augment gave an array of shape {np.shape(variants)}, expected {wanted}"
            )
        self.x[: len(indices)] = variants
        self.t[: len(indices)] = t
        if self.samples.weight is not None and self.given.weight is not None:
            self.samples.weight[: len(indices)] = self.given.weight[indices]
        return np.arange(len(indices))


def _wants_integers(net: Network, t: Array) -> bool:
    """Whether the loss takes these targets as integers alone."""
    loss = net.loss_layer
    if loss is None or t.dtype.kind not in "iu":
        return False
    try:
        loss.check(blank_scores(net, 1), t[:1].astype(net.dtype))
    except ZerokaraError:
        return True
    return False


def words_of(augment: Variants | None) -> Any:
    """What an augmentation is, for a checkpoint to compare."""
    if augment is None:
        return None
    if isinstance(augment, Augment):
        return {"name": "Augment", **augment.config()}
    return getattr(augment, "__qualname__", type(augment).__qualname__)
