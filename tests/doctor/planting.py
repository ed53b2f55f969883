"""How defects are planted: by a class derived from a right layer that differs in one thing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps


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
