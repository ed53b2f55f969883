"""The relatives of ReLU: activations that bend at 0, sharply or smoothly."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from zerokara import functions
from zerokara._types import Array
from zerokara.errors import ArgumentError
from zerokara.layers.base import Layer
from zerokara.layers.erf import erfc

FAR = 40.0
"""From here on the normal distribution has nothing left, in float64 too."""


class LeakyReLU(Layer):
    """y = x where x > 0, else negative_slope * x (Maas et al. 2013).

    dy/dx is 1 where x > 0 and negative_slope elsewhere, at 0 too.

    Args:
        negative_slope: from 0, which is ReLU.

    Raises:
        ArgumentError: a slope that is negative or not finite.
    """

    init_before: ClassVar[str | None] = "he"

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = _from_zero("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        y = np.asarray(np.where(x > 0, x, self.negative_slope * x))
        self._keep(y)
        return y

    def backward(self, dout: Array) -> Array:
        # Not y > 0: where the input was NaN that would give the gradient of a negative number.
        y: Array = self._kept()
        return np.where(y <= 0, self.negative_slope * dout, dout)

    def config(self) -> dict[str, Any]:
        return {"negative_slope": self.negative_slope}


class ELU(Layer):
    """y = x where x > 0, else alpha (exp(x) - 1) (Clevert et al. 2016).

    dy/dx is 1 where x > 0 and alpha exp(x) = y + alpha elsewhere.

    Args:
        alpha: -alpha is what y approaches on the left; from 0.

    Raises:
        ArgumentError: an alpha that is negative or not finite.
    """

    init_before: ClassVar[str | None] = "he"

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = _from_zero("ELU", "alpha", alpha)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        # exp is only taken of numbers that are not positive, so no input overflows.
        y = np.asarray(np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0))))
        self._keep(y)
        return y

    def backward(self, dout: Array) -> Array:
        y: Array = self._kept()
        return np.where(y > 0, dout, dout * (y + self.alpha))

    def config(self) -> dict[str, Any]:
        return {"alpha": self.alpha}


class GELU(Layer):
    """y = x Phi(x), with Phi the normal distribution's share below x (Hendrycks and Gimpel 2016).

    Phi(x) = erfc(-x / sqrt(2)) / 2 and dy/dx = Phi(x) + x exp(-x**2 / 2) / sqrt(2 pi).

    Args:
        approximate: 'none' for this exact form; 'tanh' for the form that GPT-2 was trained with,
            Phi(x) ~ (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2.

    Raises:
        ArgumentError: another word.
    """

    init_before: ClassVar[str | None] = "he"

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ArgumentError(
                f"GELU: approximate must be 'none' (exact) or 'tanh', got {approximate!r}"
            )
        self.approximate = approximate

    def forward(self, x: Array, *, training: bool = False) -> Array:
        # Further out Phi is 0 or 1 and its slope 0, and powers of x could overflow.
        near = np.clip(x, -FAR, FAR)
        share, slope = _normal(near) if self.approximate == "none" else _tanh_normal(near)
        self._keep(share + near * slope)
        return np.asarray(x * share)

    def backward(self, dout: Array) -> Array:
        derivative: Array = self._kept()
        return np.asarray(dout * derivative)

    def config(self) -> dict[str, Any]:
        return {} if self.approximate == "none" else {"approximate": self.approximate}


class SiLU(Layer):
    """y = x sigmoid(x), also called Swish (Elfwing et al. 2018).

    With s = sigmoid(x), dy/dx = s (1 + x (1 - s)).
    """

    init_before: ClassVar[str | None] = "he"

    def forward(self, x: Array, *, training: bool = False) -> Array:
        share = functions.sigmoid(x)
        self._keep((x, share))
        return np.asarray(x * share)

    def backward(self, dout: Array) -> Array:
        x, share = self._kept()
        return np.asarray(dout * (share * (1 + x * (1 - share))))


class Softplus(Layer):
    """y = log(1 + exp(x)), a smooth ReLU; dy/dx = sigmoid(x) (Dugas et al. 2001)."""

    init_before: ClassVar[str | None] = "he"

    def forward(self, x: Array, *, training: bool = False) -> Array:
        self._keep(x)
        # The same number: exp is only taken of numbers that are not positive.
        return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))

    def backward(self, dout: Array) -> Array:
        x: Array = self._kept()
        return np.asarray(dout * functions.sigmoid(x))


def _normal(x: Array) -> tuple[Array, Array]:
    """The normal distribution's share below x, and its slope, the density."""
    share = 0.5 * erfc(-x / math.sqrt(2))
    return share, np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _tanh_normal(x: Array) -> tuple[Array, Array]:
    """The same two by the approximation with tanh; 1 + tanh(u) = 2 sigmoid(2 u)."""
    scale, cubic = 2 * math.sqrt(2 / math.pi), 0.044715
    share = functions.sigmoid(scale * (x + cubic * x**3))
    return share, share * (1 - share) * (scale * (1 + 3 * cubic * x * x))


def _from_zero(layer: str, name: str, value: float) -> float:
    if not 0 <= value < math.inf:
        raise ArgumentError(f"{layer}: {name} must be 0 or more and finite, got {value}")
    return float(value)
