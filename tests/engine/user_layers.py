"""Layers and losses such as users write, well or badly."""

from __future__ import annotations

from typing import Any

import numpy as np

import zerokara as zk


class KeepsInput(zk.layers.Layer):
    """tanh, with the gradient made from the input that it was given: y is not kept."""

    def forward(self, x: Any, *, training: bool = False) -> Any:
        self._keep(x)
        return np.tanh(x)

    def backward(self, dout: Any) -> Any:
        return dout * (1 - np.tanh(self._kept()) ** 2)


class Scale(zk.layers.Layer):
    """y = x * w + c, entry by entry."""

    def build(self, input_shape: Any, rng: Any, dtype: Any) -> Any:
        self.add_param("w", rng.normal(1, 0.1, input_shape).astype(dtype))
        self.add_param("c", np.zeros(input_shape, dtype))
        return input_shape

    def forward(self, x: Any, *, training: bool = False) -> Any:
        self._keep(x)
        return x * self.params["w"] + self.params["c"]

    def backward(self, dout: Any) -> Any:
        self.grads["w"] = (dout * self._kept()).sum(axis=0)
        self.grads["c"] = dout.sum(axis=0)
        return dout * self.params["w"]


class Blend(zk.layers.Layer):
    """0.25 a + a b, of two inputs."""

    def build_many(self, shapes: Any, rng: Any, dtype: Any) -> Any:
        return shapes[0]

    def forward(self, a: Any, b: Any, *, training: bool = False) -> Any:
        self._keep((a, b))
        return 0.25 * a + a * b

    def backward(self, dout: Any) -> Any:
        a, b = self._kept()
        return dout * (0.25 + b), dout * a


class Straight(zk.ReLU):
    """A subclass whose gradient is another than ReLU's."""

    def backward(self, dout: Any) -> Any:
        return dout * 0.5


class Same(zk.layers.Layer):
    """Gives back what it is given, the very array."""

    def forward(self, x: Any, *, training: bool = False) -> Any:
        return x

    def backward(self, dout: Any) -> Any:
        return dout


class Fold(zk.layers.Layer):
    """(2, 3) an input sample to (6,)."""

    def build(self, input_shape: Any, rng: Any, dtype: Any) -> Any:
        return (6,)

    def forward(self, x: Any, *, training: bool = False) -> Any:
        return x.reshape(len(x), 6)

    def backward(self, dout: Any) -> Any:
        return dout.reshape(len(dout), 2, 3)


class Cubic(zk.layers.loss.Loss):
    """sum |x - t|**3 / N."""

    def check(self, x: Any, t: Any) -> Any:
        return np.asarray(t)

    def forward(self, x: Any, t: Any, *, training: bool = False) -> Any:
        self._keep(x - t)
        return (np.abs(x - t) ** 3).sum() / len(x)

    def backward(self, dout: Any = 1.0) -> Any:
        d = self._kept()
        return dout * 3 * d * np.abs(d) / len(d)


class Sharper(zk.SoftmaxWithLoss):
    """Softmax of twice the scores."""

    def forward(self, x: Any, t: Any, *, training: bool = False) -> Any:
        return super().forward(2 * x, t, training=training)

    def backward(self, dout: Any = 1.0) -> Any:
        return 2 * super().backward(dout)


class Moody(Same):
    """Raises or writes when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.bad_call, self.where = 0, -1, "forward"
        self.error: BaseException = RuntimeError("no more")
        self.modes: list[bool] = []

    def forward(self, x: Any, *, training: bool = False) -> Any:
        self.modes.append(training)
        self._maybe("forward")
        return x

    def backward(self, dout: Any) -> Any:
        self._maybe("backward")
        return dout

    def _maybe(self, where: str) -> None:
        if where == self.where:
            self.calls += 1
            if self.calls == self.bad_call:
                raise self.error


class Writes(Same):
    """Breaks the contract of layers: writes into what it is given."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def forward(self, x: Any, *, training: bool = False) -> Any:
        if self.where == "forward":
            x[...] = 0
        return x

    def backward(self, dout: Any) -> Any:
        if self.where == "backward":
            dout *= 2
        return dout
