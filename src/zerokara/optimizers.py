"""Optimizers: how parameters follow their gradients (the book's section 6.1).

`update(params, grads)` changes the parameters in place. Both may be one array, such as a
network's flat buffers, or mappings of names to arrays, as in the book. Gradients are not written
to. The formulas here are the specification; the engine runs the same as one pass over the buffer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from zerokara._arrays import aligned_zeros
from zerokara._types import Array
from zerokara.errors import ArgumentError, MissingMethodError, ShapeError
from zerokara.schedules import Schedule, schedule


class Optimizer:
    """What all optimizers share: learning rate, weight decay, clipping, state.

    Args:
        lr: learning rate, above 0 (0 is allowed and changes nothing).
        weight_decay: coupled (L2) decay: weight_decay * parameter is added to the gradient. For
            AdamW it is decoupled instead: lr * weight_decay * parameter is taken off directly.
        clip_norm: gradients whose norm over all parameters is greater are scaled down to it.
        schedule: what `lr` is multiplied by at each update, see `zerokara.schedules`; or what a
            schedule's `config` gave.

    Attributes:
        base_lr: the learning rate before the schedule.
        steps: how many updates have been made.
        state: per name ('' for a single array) the arrays that the formula carries along.

    Raises:
        ArgumentError: a number out of its range.
    """

    slots: ClassVar[tuple[str, ...]] = ()  #: names of the state arrays
    own: ClassVar[tuple[str, ...]] = ()  #: constructor arguments beside the shared ones
    decoupled: ClassVar[bool] = False  #: whether weight decay leaves the gradient alone

    def __init__(
        self,
        lr: float,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        schedule: Schedule | Mapping[str, Any] | None = None,
    ) -> None:
        self.steps = 0
        self.base_lr = self._at_least_zero("lr", lr)
        self.schedule = self._schedule(schedule)
        self.weight_decay = self._at_least_zero("weight_decay", weight_decay)
        if clip_norm is not None and not clip_norm > 0:
            raise ArgumentError(
                f"{type(self).__name__}: clip_norm must be above 0, got {clip_norm}"
            )
        self.clip_norm = clip_norm
        self.state: dict[str, dict[str, Array]] = {}

    @property
    def lr(self) -> float:
        """The learning rate of the next update.

        With a schedule, assigning to it moves the whole schedule so that this is the next rate.

        Raises:
            ArgumentError: out of range; a schedule whose length is open outside of `fit`;
                assigning where the schedule's factor is 0.
        """
        return self.lr_at(self.steps)

    @lr.setter
    def lr(self, rate: float) -> None:
        rate = self._at_least_zero("lr", rate)
        factor = 1.0 if self.schedule is None else self.schedule.factor(self.steps)
        if factor == 0:
            raise ArgumentError(
                f"{type(self).__name__}: lr cannot be assigned where its schedule "
                f"({self.schedule!r}) is 0; assign to base_lr, or to schedule"
            )
        self.base_lr = rate / factor

    def lr_at(self, step: int) -> float:
        """The learning rate of update `step`, counted from 0."""
        return self.base_lr if self.schedule is None else self.base_lr * self.schedule.factor(step)

    def lrs(self, count: int) -> npt.NDArray[np.float64]:
        """The learning rates of the next `count` updates."""
        if self.schedule is None:
            return np.full(count, self.base_lr)
        return np.array([self.lr_at(self.steps + i) for i in range(count)], np.float64)

    def update(
        self, params: Array | Mapping[str, Array], grads: Array | Mapping[str, Array]
    ) -> None:
        """One step downhill; writes into `params`.

        Raises:
            ShapeError: gradients that do not fit the parameters.
        """
        named = {"": params} if isinstance(params, np.ndarray) else params
        slopes = {"": grads} if isinstance(grads, np.ndarray) else grads
        for name, p in named.items():
            if name not in slopes or np.shape(slopes[name]) != p.shape:
                given = np.shape(slopes[name]) if name in slopes else "none"
                raise ShapeError(
                    f"{type(self).__name__}: parameter {name!r} has shape {p.shape}, "
                    f"its gradient {given}"
                )
        scale = self.clip_scale(slopes)
        for name, p in named.items():
            g = slopes[name] * p.dtype.type(scale) if scale != 1.0 else slopes[name]
            if self.weight_decay and not self.decoupled:
                g = g + self.weight_decay * p
            self._apply(p, g, **self.slots_for(name, p))
        self.steps += 1

    def clip_scale(self, grads: Mapping[str, Array]) -> float:
        """The factor, at most 1, that brings the norm of all gradients down to `clip_norm`."""
        if self.clip_norm is None:
            return 1.0
        norm = np.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in grads.values()))
        return float(self.clip_norm / norm) if norm > self.clip_norm else 1.0

    def slots_for(self, name: str, p: Array) -> dict[str, Array]:
        """The state arrays of one parameter, zeros before the first step."""
        slots = self.state.setdefault(name, {})
        for slot in self.slots:
            if slot not in slots or slots[slot].shape != p.shape or slots[slot].dtype != p.dtype:
                slots[slot] = aligned_zeros(p.shape, p.dtype)
        return slots

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        shared: dict[str, Any] = {"lr": self.base_lr}
        shared |= {"weight_decay": self.weight_decay, "clip_norm": self.clip_norm}
        shared |= {key: getattr(self, key) for key in self.own}
        return shared if self.schedule is None else shared | {"schedule": self.schedule.config()}

    def __repr__(self) -> str:
        config = self.config() | ({} if self.schedule is None else {"schedule": self.schedule})
        given = {k: v for k, v in config.items() if v or k == "lr"}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items())})"

    def _schedule(self, given: Schedule | Mapping[str, Any] | None) -> Schedule | None:
        return None if given is None else schedule(f"{type(self).__name__}: schedule", given)

    def _apply(self, p: Array, g: Array, **slots: Array) -> None:
        """Change `p`; `self.steps` counts the updates before this one."""
        raise MissingMethodError(f"{type(self).__name__} has no formula")

    def _at_least_zero(self, name: str, value: float) -> float:
        if not 0 <= value < np.inf:
            raise ArgumentError(
                f"{type(self).__name__}: {name} must be 0 or more and finite, got {value}"
            )
        return float(value)

    def _below_one(self, name: str, value: float) -> float:
        if not 0 <= value < 1:
            raise ArgumentError(
                f"{type(self).__name__}: {name} must be in 0..1 (1 excluded), got {value}"
            )
        return float(value)


class SGD(Optimizer):
    """p -= lr g (book 6.1.2)."""

    def __init__(self, lr: float = 0.01, **shared: Any) -> None:
        super().__init__(lr, **shared)

    def _apply(self, p: Array, g: Array, **slots: Array) -> None:
        p -= self.lr * g


class Momentum(Optimizer):
    """v = momentum v - lr g; p += v (book 6.1.4)."""

    slots = ("v",)
    own = ("momentum",)

    def __init__(self, lr: float = 0.01, momentum: float = 0.9, **shared: Any) -> None:
        super().__init__(lr, **shared)
        self.momentum = self._below_one("momentum", momentum)

    def _apply(self, p: Array, g: Array, **slots: Array) -> None:
        v = slots["v"]
        v[...] = self.momentum * v - self.lr * g
        p += v


class Nesterov(Momentum):
    """v = momentum v - lr g; p += momentum v - lr g, with the new v (Bengio et al. 2012)."""

    def _apply(self, p: Array, g: Array, **slots: Array) -> None:
        v = slots["v"]
        v[...] = self.momentum * v - self.lr * g
        p += self.momentum * v - self.lr * g


class AdaGrad(Optimizer):
    """h += g**2; p -= lr g / (sqrt(h) + eps) (Duchi et al. 2011, book 6.1.5)."""

    slots = ("h",)
    own = ("eps",)

    def __init__(self, lr: float = 0.01, eps: float = 1e-7, **shared: Any) -> None:
        super().__init__(lr, **shared)
        self.eps = self._at_least_zero("eps", eps)

    def _apply(self, p: Array, g: Array, **slots: Array) -> None:
        h = slots["h"]
        h += g * g
        p -= self.lr * g / (np.sqrt(h) + self.eps)


class RMSProp(Optimizer):
    """h = decay h + (1 - decay) g**2; p -= lr g / (sqrt(h) + eps) (Hinton 2012)."""

    slots = ("h",)
    own = ("decay", "eps")

    def __init__(
        self, lr: float = 0.01, decay: float = 0.99, eps: float = 1e-7, **shared: Any
    ) -> None:
        super().__init__(lr, **shared)
        self.decay = self._below_one("decay", decay)
        self.eps = self._at_least_zero("eps", eps)

    def _apply(self, p: Array, g: Array, **slots: Array) -> None:
        h = slots["h"]
        h[...] = self.decay * h + (1 - self.decay) * (g * g)
        p -= self.lr * g / (np.sqrt(h) + self.eps)


class Adam(Optimizer):
    """Moments m and v with bias correction (Kingma and Ba 2015, Algorithm 1; book 6.1.6).

    m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g**2;
    p -= lr m' / (sqrt(v') + eps) with m' = m / (1 - beta1**t), v' = v / (1 - beta2**t).
    """

    slots = ("m", "v")
    own = ("beta1", "beta2", "eps")

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        **shared: Any,
    ) -> None:
        super().__init__(lr, **shared)
        self.beta1 = self._below_one("beta1", beta1)
        self.beta2 = self._below_one("beta2", beta2)
        self.eps = self._at_least_zero("eps", eps)

    def _apply(self, p: Array, g: Array, **slots: Array) -> None:
        m, v = slots["m"], slots["v"]
        m[...] = self.beta1 * m + (1 - self.beta1) * g
        v[...] = self.beta2 * v + (1 - self.beta2) * (g * g)
        t = self.steps + 1
        rate = self.lr / (1 - self.beta1**t)
        spread = 1 / float(np.sqrt(1 - self.beta2**t))
        if self.decoupled:
            p -= self.lr * self.weight_decay * p
        p -= rate * m / (np.sqrt(v) * spread + self.eps)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    decoupled = True

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        *,
        weight_decay: float = 0.01,
        **shared: Any,
    ) -> None:
        super().__init__(lr, beta1, beta2, eps, weight_decay=weight_decay, **shared)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.__name__: kind for kind in (SGD, Momentum, Nesterov, AdaGrad, RMSProp, Adam, AdamW)
}
"""Every optimizer by its class name."""
