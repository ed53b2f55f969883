"""``common.optimizer``: the book's section 6.1, over dictionaries of arrays or of plain numbers.

`update(params, grads)` changes arrays in place and exchanges numbers. The rules are those of the
book's code, to the place of each epsilon; `zerokara.optimizers` has the papers'.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.errors import ShapeError

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "np"]

EPS = 1e-7
"""What the book adds to a root before it divides by it."""


class _Rule:
    """One update of every parameter; its state is zeros of the same shapes at first."""

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def update(self, params: MutableMapping[str, Any], grads: Mapping[str, Any]) -> None:
        """One step downhill.

        Raises:
            ShapeError: a parameter without a gradient of its shape.
        """
        for key, value in params.items():
            if key not in grads or np.shape(grads[key]) != np.shape(value):
                given = np.shape(grads[key]) if key in grads else "none"
                raise ShapeError(
                    f"{type(self).__name__}: params[{key!r}] has shape {np.shape(value)}, its "
                    f"gradient {given}"
                )
        self._before(params)
        for key, value in list(params.items()):
            if isinstance(value, np.ndarray):
                self._move(key, value, grads[key])
            else:
                point = np.array(value, _float_of(value))
                self._move(key, point, np.asarray(grads[key]))
                params[key] = point[()]

    def _before(self, params: Mapping[str, Any]) -> None:
        """What comes once before all parameters."""

    def _move(self, key: str, p: Array, g: Array) -> None:
        raise NotImplementedError

    @staticmethod
    def _zeros(params: Mapping[str, Any]) -> dict[str, Array]:
        return {key: np.zeros(np.shape(p), _float_of(p)) for key, p in params.items()}


def _float_of(value: Any) -> np.dtype[Any]:
    dtype = np.asarray(value).dtype
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


class SGD(_Rule):
    """p -= lr g."""

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__(lr)

    def _move(self, key: str, p: Array, g: Array) -> None:
        p -= self.lr * g


class Momentum(_Rule):
    """v = momentum v - lr g; p += v."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(lr)
        self.momentum = momentum
        self.v: Any = None

    def _before(self, params: Mapping[str, Any]) -> None:
        if self.v is None:
            self.v = self._zeros(params)

    def _move(self, key: str, p: Array, g: Array) -> None:
        v = self.v[key]
        v *= self.momentum
        v -= self.lr * g
        p += v


class Nesterov(Momentum):
    """Momentum that looks ahead: p += momentum v - lr g with the new v (Bengio et al. 2012)."""

    def _move(self, key: str, p: Array, g: Array) -> None:
        step = self.lr * g
        v = self.v[key]
        v *= self.momentum
        v -= step
        p += self.momentum * v - step


class AdaGrad(_Rule):
    """h += g g; p -= lr g / (sqrt(h) + 1e-7)."""

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__(lr)
        self.h: Any = None

    def _before(self, params: Mapping[str, Any]) -> None:
        if self.h is None:
            self.h = self._zeros(params)

    def _move(self, key: str, p: Array, g: Array) -> None:
        h = self.h[key]
        h += g * g
        p -= self.lr * g / (np.sqrt(h) + EPS)


class RMSprop(AdaGrad):
    """h = decay_rate h + (1 - decay_rate) g g; p -= lr g / (sqrt(h) + 1e-7)."""

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        super().__init__(lr)
        self.decay_rate = decay_rate

    def _move(self, key: str, p: Array, g: Array) -> None:
        h = self.h[key]
        h *= self.decay_rate
        h += (1 - self.decay_rate) * g * g
        p -= self.lr * g / (np.sqrt(h) + EPS)


class Adam(_Rule):
    """Moments m and v, each moved towards g and g g; their start at 0 is made up for in the rate.

    p -= lr sqrt(1 - beta2**t) / (1 - beta1**t) m / (sqrt(v) + 1e-7), t = `iter` (Kingma and Ba
    2015, the form at the end of their section 2).
    """

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        super().__init__(lr)
        self.beta1, self.beta2 = beta1, beta2
        self.iter = 0
        self.m: Any = None
        self.v: Any = None
        self._rate = 0.0

    def _before(self, params: Mapping[str, Any]) -> None:
        if self.m is None:
            self.m, self.v = self._zeros(params), self._zeros(params)
        self.iter += 1
        t = self.iter
        self._rate = float(self.lr * np.sqrt(1 - self.beta2**t) / (1 - self.beta1**t))

    def _move(self, key: str, p: Array, g: Array) -> None:
        m, v = self.m[key], self.v[key]
        m += (1 - self.beta1) * (g - m)
        v += (1 - self.beta2) * (g * g - v)
        p -= self._rate * m / (np.sqrt(v) + EPS)
