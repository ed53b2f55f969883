"""The perceptron and the gates that are made of it (the book's chapter 2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara import functions
from zerokara._types import Array
from zerokara.errors import ShapeError


class Perceptron:
    """step(x . w + b): 1 where the weighted sum of the inputs is above 0, else 0.

    Args:
        w: weights, shape (D,).
        b: bias.

    Raises:
        ShapeError: weights that are no vector.
    """

    def __init__(self, w: npt.ArrayLike, b: float) -> None:
        self.w = np.array(w, np.float64)
        self.b = float(b)
        if self.w.ndim != 1:
            raise ShapeError(f"Perceptron: w must be a vector, got shape {self.w.shape}")

    def predict(self, x: npt.ArrayLike) -> Array:
        """0 or 1 for one sample (D,), or an array of them for a batch (N, D).

        Raises:
            ShapeError: samples of another length.
        """
        x = np.asarray(x, np.float64)
        if x.ndim not in (1, 2) or x.shape[-1] != self.w.size:
            raise ShapeError(
                f"Perceptron: x must be (D,) or (N, D) with D = {self.w.size}, got {x.shape}"
            )
        return functions.step(x @ self.w + self.b)[()]

    def __call__(self, *x: float) -> int:
        """The answer for one sample given number by number, such as ``AND(0, 1)``."""
        return int(self.predict(x))


AND = Perceptron([0.5, 0.5], -0.7)
NAND = Perceptron([-0.5, -0.5], 0.7)
OR = Perceptron([0.5, 0.5], -0.2)


def XOR(x1: float, x2: float) -> int:
    """Exclusive or, which takes two layers: AND of NAND and OR (book 2.5)."""
    return AND(NAND(x1, x2), OR(x1, x2))
