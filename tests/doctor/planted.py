"""Defects by kind: each function plants one in a right layer, by a class derived from it.

`KINDS` is the table: the kind, the causes that name it, how it is planted, and in which layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import book_layers as right
import numpy as np

CONSTANT = ("constant factor",)
ONE = [right.Relu, right.Sigmoid, right.Tanh, right.Softmax]
WEIGHTED = [right.Affine, right.DictAffine]
SCALED = [right.BatchNorm, right.Scale]
LOSSES = [right.SoftmaxWithLoss, right.SquaredError]
ALL = [*ONE, *WEIGHTED, *SCALED, right.Convolution]


def get(layer, name):
    return layer.grads[name] if hasattr(layer, "grads") else getattr(layer, "d" + name)


def put(layer, name, value):
    if hasattr(layer, "grads"):
        layer.grads[name] = value
    else:
        setattr(layer, "d" + name, value)


def of_input(change: Callable) -> Callable:
    """Plant by changing what backward returns: change(self, dx, dout) -> dx."""

    def plant(base):
        class Planted(base):
            def backward(self, dout=1):
                return change(self, super().backward(dout), dout)

        return Planted

    return plant


def of_weight(change: Callable) -> Callable:
    """Plant by changing the first parameter's gradient."""
    return _of_parameter(("W", "gamma"), change)


def of_bias(change: Callable) -> Callable:
    return _of_parameter(("b", "beta"), change)


def _of_parameter(names, change):
    def plant(base):
        class Planted(base):
            def backward(self, dout):
                dx = super().backward(dout)
                for name in names:
                    if hasattr(self, "d" + name) or name in getattr(self, "grads", {}):
                        put(self, name, change(self, get(self, name), dout))
                return dx

        return Planted

    return plant


def forward_first(change: Callable) -> Callable:
    """Plant by changing x in place before forward's own work."""

    def plant(base):
        class Planted(base):
            @wraps(base.forward)
            def forward(self, x, *rest, **named):
                change(x)
                return super().forward(x, *rest, **named)

        return Planted

    return plant


def renamed(name: str, other: str) -> Callable:
    def plant(base):
        members = {key: value for key, value in vars(base).items() if not key.startswith("__dict")}
        members[other] = members.pop(name)
        members.pop("__weakref__", None)
        return type("Planted", (), members)

    return plant


def dout_ones(base):
    class Planted(base):
        def backward(self, dout=1):
            return super().backward(np.ones_like(dout)[()])

    return Planted


def dout_cleared(base):
    class Planted(base):
        def backward(self, dout):
            dx = super().backward(dout)
            dout[...] = 0
            return dx

    return Planted


def saved_input_changed(base):
    class Planted(base):
        @wraps(base.forward)
        def forward(self, x, *rest, **named):
            self.seen = x
            return super().forward(x, *rest, **named)

        def backward(self, dout=1):
            dx = super().backward(dout)
            self.seen *= 0.5
            return dx

    return Planted


def parameter_stepped(base):
    class Planted(base):
        def backward(self, dout):
            dx = super().backward(dout)
            first = self.params["W"] if hasattr(self, "params") else None
            first = first if first is not None else getattr(self, "W", getattr(self, "gamma", None))
            first -= 0.1
            return dx

    return Planted


def first_forward_kept(base):
    class Planted(base):
        @wraps(base.forward)
        def forward(self, x, *rest, **named):
            out = super().forward(x, *rest, **named)
            if not hasattr(self, "kept"):
                self.kept = {k: v for k, v in vars(self).items() if k not in ("params", "grads")}
            return out

        def backward(self, dout=1):
            vars(self).update(self.kept)
            return super().backward(dout)

    return Planted


def nothing_kept(base):
    class Planted(base):
        @wraps(base.forward)
        def forward(self, x, *rest, **named):
            before = dict(vars(self))
            out = super().forward(x, *rest, **named)
            vars(self).clear()
            vars(self).update(before)
            return out

    return Planted


def added_up(base):
    class Planted(base):
        def backward(self, dout):
            name = "W" if hasattr(self, "W") or hasattr(self, "params") else "gamma"
            before = getattr(self, "before", 0)
            dx = super().backward(dout)
            self.before = get(self, name) + before
            put(self, name, self.before)
            return dx

    return Planted


def swapped(base):
    class Planted(base):
        def backward(self, dout):
            dx = super().backward(dout)
            self.dgamma, self.dbeta = self.dbeta, self.dgamma
            return dx

    return Planted


def raises(base):
    class Planted(base):
        def backward(self, dout=1):
            return super().backward(dout) + np.ones(97)

    return Planted


def without_shift(base):
    class Planted(base):
        @wraps(base.forward)
        def forward(self, x, *t):
            e = np.exp(x)
            self.out = self.y = e / e.sum(axis=-1, keepdims=True)
            if not t:
                return self.out
            self.t = np.eye(x.shape[1])[t[0]] if t[0].ndim == 1 else t[0]
            return -np.sum(self.t * np.log(self.y + 1e-300)) / max(len(x), 1)

    return Planted


def ten_classes(base):
    class Planted(base):
        def forward(self, x, t):
            return super().forward(x, np.eye(10)[t] if t.ndim == 1 else t)

    return Planted


def ten_classes_divided(base):
    class Planted(base):
        def backward(self, dout=1):
            return super().backward(dout) * self.y.shape[1] / 10

    return Planted


def labels_as_rows(base):
    class Planted(base):
        def backward(self, dout=1):
            t = self.given
            return dout * (self.y - (t[:, None] if t.ndim == 1 else t)) / len(self.y)

        def forward(self, x, t):
            self.given = t
            return super().forward(x, t)

    return Planted


def at_kink(base):
    class Planted(base):
        def forward(self, x):
            self.zero = x == 0
            return super().forward(x)

        def backward(self, dout):
            return np.where(self.zero, 7 * dout, super().backward(dout))

    return Planted


def noisy(base):
    class Planted(base):
        @wraps(base.forward)
        def forward(self, x, *rest, **named):
            return super().forward(x, *rest, **named) * np.random.default_rng().random()

    return Planted


def wrong_for_one(base):
    class Planted(base):
        def backward(self, dout=1):
            return super().backward(dout) * (1 if len(dout) > 1 else 2)

    return Planted


def softmax_axis(base):
    class Planted(base):
        def backward(self, dout):
            dx = self.out * dout
            return dx - self.out * dx.sum(axis=0, keepdims=True)

    return Planted


def one_entry(layer, dx, dout):
    dx = dx.copy()
    dx.flat[1] *= 1.01
    return dx


def one_nan(layer, dx, dout):
    dx = dx.copy()
    dx.flat[1] = np.nan
    return dx


@dataclass(frozen=True)
class Kind:
    """A kind of defect; an empty tuple of causes means that none is defined for it."""

    name: str
    causes: tuple[str, ...]
    plant: Callable
    layers: list


KINDS = [
    Kind("sign of dx", ("sign flipped",), of_input(lambda s, dx, d: -dx), [*ALL, *LOSSES]),
    Kind("sign of dW", ("sign flipped",), of_weight(lambda s, g, d: -g), [*WEIGHTED, *SCALED]),
    Kind("dW times N", CONSTANT, of_weight(lambda s, g, d: g * len(d)), [*WEIGHTED, *SCALED]),
    Kind("dW by N", CONSTANT, of_weight(lambda s, g, d: g / len(d)), [*WEIGHTED, *SCALED]),
    Kind("loss without 1/N", CONSTANT, of_input(lambda s, dx, d: dx * len(dx)), LOSSES),
    Kind("dx twice", CONSTANT, of_input(lambda s, dx, d: 2 * dx), [*ALL, *LOSSES]),
    Kind("dx half", CONSTANT, of_input(lambda s, dx, d: dx / 2), ALL),
    Kind("dx times 1.7", CONSTANT, of_input(lambda s, dx, d: 1.7 * dx), ALL),
    Kind("dW transposed", ("transposed",), of_weight(lambda s, g, d: g.T.copy()), WEIGHTED),
    Kind(
        "dx by W, not W.T",
        ("transposed",),
        of_input(lambda s, dx, d: d @ s.W),
        [right.Affine],
    ),
    Kind(
        "db not summed",
        ("not summed over the batch",),
        of_bias(lambda s, g, d: d),
        [right.Affine, *SCALED],
    ),
    Kind(
        "db of one row",
        ("not summed over the batch",),
        of_bias(lambda s, g, d: d[0]),
        [right.Affine, *SCALED],
    ),
    Kind("db a mean", CONSTANT, of_bias(lambda s, g, d: d.mean(axis=0)), [right.Affine, *SCALED]),
    Kind(
        "db over axis 1",
        ("wrong axis",),
        of_bias(lambda s, g, d: d.sum(axis=1)),
        [right.Affine, *SCALED],
    ),
    Kind(
        "db keeps a dimension",
        ("wrong shape",),
        of_bias(lambda s, g, d: g[None]),
        [right.Affine, *SCALED],
    ),
    Kind(
        "dx summed over the batch",
        ("wrong shape",),
        of_input(lambda s, dx, d: dx.sum(axis=0)),
        [*ONE, *WEIGHTED],
    ),
    Kind("softmax over axis 0", ("wrong axis",), softmax_axis, [right.Softmax]),
    Kind("dout ignored", ("dout ignored",), dout_ones, [*ALL, *LOSSES]),
    Kind("dout overwritten", ("dout overwritten",), dout_cleared, ALL),
    Kind(
        "x overwritten by forward",
        ("input overwritten",),
        forward_first(lambda x: np.multiply(x, 0.5, out=x)),
        [*ALL, *LOSSES],
    ),
    Kind("x overwritten by backward", ("input overwritten",), saved_input_changed, [*ALL, *LOSSES]),
    Kind(
        "W changed by backward",
        ("parameter overwritten",),
        parameter_stepped,
        [*WEIGHTED, *SCALED, right.Convolution],
    ),
    Kind(
        "nothing returned", ("nothing returned",), of_input(lambda s, dx, d: None), [*ALL, *LOSSES]
    ),
    Kind(
        "db never set", ("nothing returned",), of_bias(lambda s, g, d: None), [*WEIGHTED, *SCALED]
    ),
    Kind("backword", ("misspelt method",), renamed("backward", "backword"), [*ALL, *LOSSES]),
    Kind("foward", ("misspelt method",), renamed("forward", "foward"), [*ALL, *LOSSES]),
    Kind(
        "first forward kept", ("stale cache",), first_forward_kept, [right.Relu, *ONE[1:], *SCALED]
    ),
    Kind("nothing kept", ("cached value missing",), nothing_kept, [*ONE[1:], *WEIGHTED]),
    Kind("gradients added up", ("gradients added up",), added_up, [*WEIGHTED, *SCALED]),
    Kind("gradients swapped", ("gradient of another array",), swapped, SCALED),
    Kind(
        "weight decay inside",
        ("weight decay added",),
        of_weight(
            lambda s, g, d: (
                g
                + 0.1
                * (
                    s.params["W"]
                    if hasattr(s, "params")
                    else getattr(s, "W", getattr(s, "gamma", None))
                )
            )
        ),
        [*WEIGHTED, right.Scale],
    ),
    Kind(
        "dx is dout",
        ("derivative forgotten",),
        of_input(lambda s, dx, d: d.copy()),
        [*ONE, *SCALED],
    ),
    Kind("dx zero", ("all zero",), of_input(lambda s, dx, d: 0 * dx), [*ALL, *LOSSES]),
    Kind("one NaN", ("NaN or infinite",), of_input(one_nan), ALL),
    Kind("one entry off", ("cause unknown",), of_input(one_entry), ALL),
    Kind(
        "float32 inside",
        ("wrong dtype",),
        of_input(lambda s, dx, d: dx.astype(np.float32)),
        [*ALL, *LOSSES],
    ),
    Kind("backward raises", (), raises, [*ALL, *LOSSES]),
    Kind(
        "two gradients for one",
        ("wrong number of gradients",),
        of_input(lambda s, dx, d: (dx, dx, dx)),
        [*ALL, *LOSSES],
    ),
    Kind(
        "softmax without shift",
        ("softmax without the shift",),
        without_shift,
        [right.SoftmaxWithLoss, right.Softmax],
    ),
    Kind("ten classes", ("class count hard-coded",), ten_classes, [right.SoftmaxWithLoss]),
    Kind(
        "ten in the divisor",
        ("class count hard-coded",),
        ten_classes_divided,
        [right.SoftmaxWithLoss],
    ),
    Kind("labels as rows", ("labels taken for one-hot",), labels_as_rows, [right.SoftmaxWithLoss]),
    Kind("seven at the kink", ("wrong at the kink only",), at_kink, [right.Relu]),
    Kind("noise of its own", ("not repeatable",), noisy, [*ALL, *LOSSES]),
    Kind(
        "wrong for one sample",
        ("batch of one",),
        wrong_for_one,
        [*ONE, right.DictAffine, right.Scale],
    ),
]
