"""Defects that take more than one changed gradient: each function plants one in a right layer."""

from __future__ import annotations

from functools import wraps

import numpy as np
from planting import get, put


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


def letter_for_digit(base):
    class Planted(base):
        @wraps(base.forward)
        def forward(self, x, *rest, **named):
            return super().forward(x, *rest, **named) + le - 7  # noqa: F821

    return Planted


def misspelt_attribute(base):
    class Planted(base):
        @wraps(base.forward)
        def forward(self, x, *rest, **named):
            self.shape_of_x = x.shape
            return super().forward(x, *rest, **named)

        def backward(self, dout=1):
            return super().backward(dout).reshape(self.shap_of_x)

    return Planted


def wants_the_input(base):
    class Planted(base):
        def backward(self, dout, x):
            return super().backward(dout)

    return Planted


def as_list(base):
    class Planted(base):
        @wraps(base.forward)
        def forward(self, x, *rest, **named):
            return [super().forward(x, *rest, **named)]

    return Planted
