"""What the figures are drawn from: MNIST where it is, else the digits that zerokara carries."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from zerokara._types import Array
from zerokara.data.digits import load_digits
from zerokara.data.mnist import MNIST, load_mnist, locate
from zerokara.data.pixels import Pixels
from zerokara.errors import OrderError


@dataclass(frozen=True)
class Material:
    """Images of handwritten digits with labels.

    Attributes:
        name: for titles; says which data these are.
        train, test: images (N, 1, side, side) and labels (N,).
    """

    name: str
    train: tuple[Pixels, Array]
    test: tuple[Pixels, Array]

    @classmethod
    def find(cls, root: str | os.PathLike[str] | None = None) -> Material:
        """MNIST from `root`, or from where `load_mnist` would find it without a download.

        Raises:
            DataError: no MNIST in `root`, or damaged files.
        """
        folder = locate(MNIST, root)
        if folder is not None:
            train, test = load_mnist(normalize="lazy", flatten=False, root=folder)
            return cls("MNIST", train, test)
        train, test = load_digits(normalize="lazy", flatten=False)
        return cls("8x8 digits (MNIST was not found)", train, test)

    @property
    def side(self) -> int:
        return self.train[0].shape[-1]

    @property
    def inputs(self) -> int:
        """Pixels of an image."""
        return self.side**2

    def train_rows(self, count: int | None = None) -> tuple[Pixels, Array]:
        """The first training images as rows (N, side * side), with labels."""
        return _rows(self.train, count)

    def test_rows(self, count: int | None = None) -> tuple[Pixels, Array]:
        """The same of the test images."""
        return _rows(self.test, count)

    def about(self, count: int | None = None) -> str:
        """How many training images are used, and of what."""
        used = min(len(self.train[1]), count or len(self.train[1]))
        return f"{used:,} training images of {self.name}"


def _rows(images: tuple[Pixels, Array], count: int | None) -> tuple[Pixels, Array]:
    x, t = images
    values = x.values[:count]
    return Pixels(values.reshape(len(values), -1), x.scale), np.asarray(t[:count])


@dataclass(frozen=True)
class Given:
    """What every figure's `draw` gets first."""

    found: Material | None
    seed: int = 0

    @property
    def material(self) -> Material:
        """The data.

        Raises:
            OrderError: a figure asks for data that its entry does not announce.
        """
        if self.found is None:
            raise OrderError("figures: this figure's entry must say that it reads data")
        return self.found
