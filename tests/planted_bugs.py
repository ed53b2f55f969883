"""A right layer and what goes wrong in layers: each class here differs from it in one thing."""

from __future__ import annotations

import numpy as np

import zerokara as zk


class Linear(zk.Layer):
    """A right affine layer, from which the bugs below differ in one line each."""

    def build(self, input_shape, rng, dtype):
        self.add_param("W", rng.standard_normal((*input_shape, 3)).astype(dtype))
        self.add_param("b", rng.standard_normal(3).astype(dtype))
        return (3,)

    def forward(self, x, *, training=False):
        self._keep(x)
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        x = self._kept()
        self.grads["W"] = x.T @ dout
        self.grads["b"] = dout.sum(axis=0)
        return dout @ self.params["W"].T


class Sign(Linear):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads["W"] = -self.grads["W"]
        return dx


class TimesN(Linear):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads["W"] = self.grads["W"] * len(dout)
        return dx


class BiasOfFirstRow(Linear):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads["b"] = dout[0]
        return dx


class BiasNotSummed(Linear):
    def backward(self, dout):
        self.grads["b"] = dout
        return dout @ self.params["W"].T


class OneGradientTooMany(Linear):
    def backward(self, dout):
        return super().backward(dout), dout


class WrongShape(Linear):
    def backward(self, dout):
        return super().backward(dout).sum(axis=0)


class Transposed(Linear):
    """Square, so that the shapes hide it."""

    def backward(self, dout):
        super().backward(dout)
        return dout @ self.params["W"]


class DoutIgnored(Linear):
    def backward(self, dout):
        return super().backward(np.ones_like(dout))


class DoutOverwritten(Linear):
    def backward(self, dout):
        dx = super().backward(dout)
        dout *= 0
        return dx


class OneEntry(Linear):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads["W"][1, 2] *= 1.001
        return dx


class Zeros(Linear):
    def backward(self, dout):
        return np.zeros_like(super().backward(dout))


class NotANumber(Linear):
    def backward(self, dout):
        return super().backward(dout) * np.nan


class OneNotANumber(Linear):
    def backward(self, dout):
        dx = super().backward(dout)
        dx[2, 1] = np.nan
        return dx


class Accumulated(Linear):
    def backward(self, dout):
        x = self._kept()
        self.grads["W"] += x.T @ dout
        self.grads["b"] = dout.sum(axis=0)
        return dout @ self.params["W"].T


class InputOverwritten(Linear):
    def forward(self, x, *, training=False):
        out = super().forward(x.copy(), training=training)
        x -= 1
        return out


class ParameterOverwritten(Linear):
    def backward(self, dout):
        dx = super().backward(dout)
        self.params["b"] -= 0.1 * self.grads["b"]
        return dx


class Float32Inside(Linear):
    def backward(self, dout):
        return super().backward(dout).astype(np.float32)


class GradsSwapped(Linear):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads = dict(self.grads)
        self.grads["W"] = self._kept().T @ dout
        return dx


class OwnReference(Linear):
    def build(self, input_shape, rng, dtype):
        shape = super().build(input_shape, rng, dtype)
        self.W = self.params["W"]
        return shape

    def forward(self, x, *, training=False):
        self._keep(x)
        return x @ self.W + self.params["b"]


class Random(Linear):
    def forward(self, x, *, training=False):
        return super().forward(x) * np.random.default_rng().random()


class AllowsFloat64Only(Linear):
    def forward(self, x, *, training=False):
        return super().forward(x) + np.zeros(3)


class NoGradient(Linear):
    def backward(self, dout):
        super().backward(dout)


class SevenAtKink(zk.ReLU):
    def backward(self, dout):
        return np.where(self._kept() == 0, 7 * dout, super().backward(dout))


PLANTED = {
    Sign: "W at [",
    TimesN: "W at [",
    BiasOfFirstRow: "b at [",
    BiasNotSummed: "backward failed: parameter 'b' has shape (3,), cannot assign shape (3, 3)",
    OneGradientTooMany: "OneGradientTooMany() returned 2 gradients for 1 inputs",
    WrongShape: "the gradient of x has shape (3,), expected (3, 3)",
    Transposed: "x at [",
    DoutIgnored: "at [",
    DoutOverwritten: "backward changed the dout that it was given",
    OneEntry: "W at [1, 2]: backward says",
    Zeros: "x at [",
    NotANumber: "x at [0, 0]: backward says nan",
    OneNotANumber: "x at [2, 1]: backward says nan",
    Accumulated: "a second backward gives another gradient of W",
    InputOverwritten: "forward changed x",
    ParameterOverwritten: "backward changed b",
    Float32Inside: "the gradient of x has dtype float32, expected float64",
    GradsSwapped: "backward swapped grads['W'] for another array",
    OwnReference: "keeps its own reference to parameter 'W' in self.W",
    Random: "two forward passes of the same inputs give different outputs",
    AllowsFloat64Only: "forward turned float32 into float64",
    NoGradient: "the gradient of x is NoneType, expected an array",
}
