"""Normalization: activations of mean 0 and variance 1, then a learned scale and shift."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, DtypeError, OrderError, ShapeError
from zerokara.layers.base import Layer


class Normalization(Layer):
    """What both normalizations share: eps, and the parameters gamma (ones) and beta (zeros)."""

    # The scale of what comes in is taken out again, so this only says what stands well with ReLU.
    init_before: ClassVar[str | None] = "he"

    def __init__(self, eps: float) -> None:
        super().__init__()
        if not 0 < eps < math.inf:
            raise ArgumentError(f"{type(self).__name__}: eps must be above 0 and finite, got {eps}")
        self.eps = float(eps)

    @property
    def gamma(self) -> Array:
        return self._param("gamma")

    @property
    def beta(self) -> Array:
        return self._param("beta")

    def multiply_adds(self, input_shape: Shape, output_shape: Shape) -> int:
        return math.prod(output_shape)

    def _param(self, name: str) -> Array:
        if name not in self.params:
            raise OrderError(
                f"{self!r}: {name} does not exist before the layer is part of a network; "
                f"{type(self).__name__}.from_arrays(gamma, beta) makes a layer that stands alone"
            )
        return self.params[name]

    def _adopt(self, gamma: Array, beta: Array) -> None:
        where = f"{type(self).__name__}.from_arrays"
        if gamma.shape != beta.shape or not gamma.ndim:
            raise ShapeError(
                f"{where}: gamma and beta must have one shape, got {gamma.shape} and {beta.shape}"
            )
        if gamma.dtype.kind != "f" or beta.dtype != gamma.dtype:
            raise DtypeError(
                f"{where}: gamma and beta must share a float dtype, got {gamma.dtype} and "
                f"{beta.dtype}"
            )
        self.add_param("gamma", gamma)
        self.add_param("beta", beta)

    def _start(self, shape: Shape, dtype: npt.DTypeLike) -> None:
        """Make the parameters, or see that those which are there fit."""
        if "gamma" not in self.params:
            self.add_param("gamma", np.ones(shape, dtype))
            self.add_param("beta", np.zeros(shape, dtype))
        elif self.gamma.shape != shape:
            raise ShapeError(
                f"{self!r}: gamma has shape {self.gamma.shape}; the input needs {shape}"
            )


class BatchNormalization(Normalization):
    """gamma (x - mean) / sqrt(variance + eps) + beta, feature by feature (Ioffe and Szegedy 2015).

    Rows (N, D) have a mean and a variance for each of the D features, taken over the batch; images
    (N, C, H, W) have them for each of the C channels, over the batch and all places. Variances are
    biased, that is divided by the count, in the book too (6.3).

    In training those are the batch's own, and the running ones follow them:
    running = momentum * running + (1 - momentum) * the batch's. In inference the running ones
    serve; they begin with mean 0 and variance 1, so before the first step x stays as it is.

    A training batch with a single number for a feature, such as one row, has no variance, and
    would come out as beta whatever came in. It is normalized by the running values instead, which
    it leaves as they are. So a last batch of one row is no error and learns like any other.

    Parameters: gamma, beta of shape (D,) or (C,). State: running_mean, running_var of that shape.

    Args:
        momentum: the share of the old in the running values, from 0 to below 1. (PyTorch's
            momentum is 1 minus this, and its running variance is the unbiased one.)
        eps: keeps the divisor above 0; by default the book's 10e-7.

    Raises:
        ArgumentError: a momentum or an eps out of range.
    """

    def __init__(self, momentum: float = 0.9, eps: float = 1e-6) -> None:
        super().__init__(eps)
        if not 0 <= momentum < 1:
            raise ArgumentError(
                f"BatchNormalization: momentum must be from 0 to below 1, got {momentum}"
            )
        self.momentum = float(momentum)

    @classmethod
    def from_arrays(
        cls,
        gamma: Array,
        beta: Array,
        running_mean: Array | None = None,
        running_var: Array | None = None,
        *,
        momentum: float = 0.9,
        eps: float = 1e-6,
    ) -> Self:
        """A layer around float arrays of shape (D,) or (C,) that exist already.

        gamma and beta are shared until the layer becomes part of a network; the running values
        are copied, and by default 0 and 1.
        """
        gamma, beta = np.asarray(gamma), np.asarray(beta)
        if gamma.ndim != 1:
            raise ShapeError(
                f"BatchNormalization.from_arrays: expected gamma of shape (D,), got {gamma.shape}"
            )
        layer = cls(momentum, eps)
        layer._adopt(gamma, beta)
        layer._start_running(gamma.shape, gamma.dtype)
        for name, given in (("running_mean", running_mean), ("running_var", running_var)):
            if given is not None:
                layer.state[name] = given
        if not np.all(layer.state["running_var"] >= 0):
            raise ArgumentError(
                "BatchNormalization.from_arrays: a running variance is 0 or more, got "
                f"{layer.state['running_var'].min():g}"
            )
        return layer

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        if len(input_shape) not in (1, 3):
            raise ShapeError(
                f"{self!r}: takes samples of shape (D,) or images (C, H, W), got {input_shape}"
            )
        self._start(input_shape[:1], dtype)
        if not self.state:
            self._start_running(input_shape[:1], dtype)
        return input_shape

    def forward(self, x: Array, *, training: bool = False) -> Array:
        axes, features = self._layout(x)
        own = training and x.size > len(self.gamma)
        if own:
            mean, var = x.mean(axis=axes), x.var(axis=axes)
            self._follow("running_mean", mean)
            self._follow("running_var", var)
        else:
            mean, var = self.state["running_mean"], self.state["running_var"]
        std = np.sqrt(var + self.eps)
        normal = (x - mean.reshape(features)) / std.reshape(features)
        self._keep((normal, std, axes, features, own))
        return np.asarray(normal * self.gamma.reshape(features) + self.beta.reshape(features))

    def backward(self, dout: Array) -> Array:
        normal, std, axes, features, own = self._kept()
        dbeta, dgamma = dout.sum(axis=axes), (dout * normal).sum(axis=axes)
        self.grads["beta"], self.grads["gamma"] = dbeta, dgamma
        if own:
            # A batch's own mean and variance move with x, so what dout has in common with a
            # constant and with the normalized values goes through neither.
            common = dbeta.reshape(features) + normal * dgamma.reshape(features)
            dout = dout - common / (dout.size // len(dgamma))
        return np.asarray(dout * (self.gamma / std).reshape(features))

    def config(self) -> dict[str, Any]:
        return {"momentum": self.momentum, "eps": self.eps}

    def _start_running(self, shape: Shape, dtype: npt.DTypeLike) -> None:
        self.state.bind("running_mean", np.zeros(shape, dtype))
        self.state.bind("running_var", np.ones(shape, dtype))

    def _follow(self, name: str, batch: Array) -> None:
        running = self.state[name]
        moved = self.momentum * running + (1 - self.momentum) * batch
        # One bad batch, which ends a training, must not spoil them for good.
        np.copyto(running, moved, where=np.isfinite(moved))

    def _layout(self, x: Array) -> tuple[tuple[int, ...], Shape]:
        """The axes that a feature is averaged over, and the shape that gamma takes beside x."""
        count = len(self.gamma)
        if x.ndim not in (2, 4) or x.shape[1] != count:
            raise ShapeError(
                f"{self!r}: x of shape {x.shape} does not fit gamma of shape ({count},); expected "
                f"(N, {count}) or images (N, {count}, H, W)"
            )
        return ((0,), (1, count)) if x.ndim == 2 else ((0, 2, 3), (1, count, 1, 1))


class LayerNormalization(Normalization):
    """gamma (x - mean) / sqrt(variance + eps) + beta, sample by sample (Ba et al. 2016).

    Mean and biased variance are taken over the last axis, or all axes from `axis` on; what stands
    before has its own. Training and inference are the same, and batches of one nothing special.

    Parameters: gamma, beta of the shape that is averaged over: (D,) for (N, D) and (N, T, D).

    Args:
        axis: the first of the axes; -1 is the last one alone, 1 all but the batch axis.
        eps: keeps the divisor above 0.

    Raises:
        ArgumentError: an axis of 0, which is the batch; an eps out of range.
    """

    def __init__(self, axis: int = -1, eps: float = 1e-5) -> None:
        super().__init__(eps)
        if axis == 0 or axis != int(axis):
            raise ArgumentError(
                f"LayerNormalization: axis must be a whole number other than 0, the batch axis, "
                f"got {axis}"
            )
        self.axis = int(axis)

    @classmethod
    def from_arrays(cls, gamma: Array, beta: Array, *, eps: float = 1e-5) -> Self:
        """A layer around float arrays of the shape to be averaged over, shared as in Affine."""
        gamma, beta = np.asarray(gamma), np.asarray(beta)
        layer = cls(-max(gamma.ndim, 1), eps)
        layer._adopt(gamma, beta)
        return layer

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        first = self.axis - 1 if self.axis > 0 else len(input_shape) + self.axis
        if not 0 <= first < len(input_shape):
            raise ShapeError(
                f"{self!r}: axis {self.axis} is none of (N, ...) with samples of shape "
                f"{input_shape}"
            )
        self._start(input_shape[first:], dtype)
        return input_shape

    def forward(self, x: Array, *, training: bool = False) -> Array:
        axes = self._axes(x)
        mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
        std = np.sqrt(var + self.eps)
        normal = (x - mean) / std
        self._keep((normal, std))
        return np.asarray(normal * self.gamma + self.beta)

    def backward(self, dout: Array) -> Array:
        normal, std = self._kept()
        axes = self._axes(dout)
        before = tuple(range(dout.ndim - self.gamma.ndim))
        self.grads["beta"] = dout.sum(axis=before)
        self.grads["gamma"] = (dout * normal).sum(axis=before)
        slope = dout * self.gamma
        common = slope.mean(axis=axes, keepdims=True)
        common = common + normal * (slope * normal).mean(axis=axes, keepdims=True)
        return np.asarray((slope - common) / std)

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis, "eps": self.eps}

    def _axes(self, x: Array) -> tuple[int, ...]:
        shape = self.gamma.shape
        if x.ndim <= len(shape) or x.shape[-len(shape) :] != shape:
            raise ShapeError(
                f"{self!r}: x of shape {x.shape} does not fit gamma of shape {shape}; expected "
                f"(N, ...) that ends in {shape}"
            )
        return tuple(range(-len(shape), 0))
