"""Dropout (the book's 6.4.3; Srivastava et al. 2014)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from zerokara._philox import halves, philox
from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, OrderError
from zerokara.layers.base import Layer


class Dropout(Layer):
    """In training each number is dropped, that is made 0, with probability `ratio`.

    What stays is divided by 1 - ratio, so that inference has nothing to do. The noise of the k-th
    forward pass in training depends on the seed and on k alone, whatever the machine: see
    `kept_entries`. Seed and k are state: a model file keeps them, and a copy goes on alike.

    Args:
        ratio: from 0 to below 1.
        scale_at_test: scale as the book does: in training what stays is left as it is, and in
            inference everything is multiplied by 1 - ratio. Weights that were learned this way
            need it.
        seed: of the noise; by default drawn when a network is built, from the network's own.

    Raises:
        ArgumentError: a ratio out of range, a seed that is negative or above 64 bits.
    """

    init_before: ClassVar[str | None] = None

    def __init__(
        self, ratio: float = 0.5, *, scale_at_test: bool = False, seed: int | None = None
    ) -> None:
        super().__init__()
        if not 0 <= ratio < 1:
            raise ArgumentError(f"Dropout: ratio must be from 0 to below 1, got {ratio}")
        if seed is not None and not 0 <= seed < 2**64:
            raise ArgumentError(f"Dropout: seed must be from 0 to below 2**64, got {seed}")
        self.ratio = float(ratio)
        self.scale_at_test = bool(scale_at_test)
        self.seed = seed
        if seed is not None:
            self._start(seed)

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        if not self.state:
            self._start(int(rng.integers(2**63)))
        return input_shape

    def forward(self, x: Array, *, training: bool = False) -> Array:
        if training:
            factor = self._noise(x.shape).astype(x.dtype)
            if not self.scale_at_test:
                factor /= x.dtype.type(1 - self.ratio)
        else:
            factor = np.asarray(1 - self.ratio if self.scale_at_test else 1, x.dtype)
        self._keep(factor)
        return np.asarray(x * factor)

    def backward(self, dout: Array) -> Array:
        factor: Array = self._kept()
        return np.asarray(dout * factor)

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"ratio": self.ratio}
        if self.scale_at_test:
            config["scale_at_test"] = True
        if self.seed is not None:
            config["seed"] = self.seed
        return config

    def _start(self, seed: int) -> None:
        self.state.bind("noise", np.array([seed, 0], np.uint64))

    def _noise(self, shape: Shape) -> npt.NDArray[np.bool_]:
        if not self.state:
            raise OrderError(
                f"{self!r}: has no noise before it is part of a network; Dropout(seed=0) stands "
                "alone"
            )
        seed, passes = map(int, self.state["noise"])
        self.state["noise"][1] += 1
        return kept_entries(seed, passes, shape, self.ratio)


def kept_entries(seed: int, passes: int, shape: Shape, ratio: float) -> npt.NDArray[np.bool_]:
    """Which entries stay: a function of its arguments, with nothing carried from call to call.

    Each entry has a number u of 32 bits and stays where u >= ratio * 2**32. Its bits are halves of
    words of Philox4x32-10 (Salmon et al. 2011), whose key is the seed, low half first, and whose
    counter is (block, sample, low half and high half of passes). Entries of a sample, in C order,
    lie in groups of 64, which eight blocks share so that a machine with vectors computes them side
    by side: the high halves of their first words, the low halves of those, the high halves of their
    second words, and so on. That gives the upper 16 bits of u. The lower 16 are drawn alike, by
    blocks with numbers 2**31 higher; one entry in 65,536 needs them, so a kernel seldom does.
    """
    samples, entries = shape[0], int(np.prod(shape[1:], dtype=np.int64))
    groups = -(-entries // 64)
    blocks, sample = np.arange(8 * groups), np.arange(samples)[:, np.newaxis]

    def halves_in_order(first_block: int) -> Array:
        words = philox((first_block + blocks, sample, *halves(passes)), halves(seed))
        high_and_low = np.stack([words >> np.uint64(16), words & np.uint64(0xFFFF)], axis=-1)
        by_block = high_and_low.reshape(samples, groups, 8, 8)
        return by_block.swapaxes(2, 3).reshape(samples, -1)[:, :entries]

    u = halves_in_order(0) << np.uint64(16) | halves_in_order(LOWER)
    least = min(round(ratio * 2**32), 2**32 - 1)
    return np.asarray(u >= least).reshape(shape)


LOWER = 2**31
"""The first block of those that the lower bits come from."""
