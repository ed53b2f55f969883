"""Random numbers that come again: what Dropout draws must be the same at each measured point."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np


def attributes(thing: Any) -> dict[str, Any]:
    """What an object holds by name, in its dictionary and in its slots."""
    held = dict(vars(thing)) if hasattr(thing, "__dict__") else {}
    for kind in type(thing).__mro__:
        slots = vars(kind).get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else slots
        held |= {name: getattr(thing, name) for name in names if hasattr(thing, name)}
    return held


class Noise:
    """The generators that an object may draw from: its own, NumPy's and Python's.

    Args:
        thing: its own generators begin where they stand now.
    """

    def __init__(self, thing: Any) -> None:
        held = attributes(thing).values()
        self._own: list[Callable[[], None]] = []
        for value in held:
            if isinstance(value, np.random.Generator):
                state = value.bit_generator.state
                self._own.append(partial(setattr, value.bit_generator, "state", state))
            elif isinstance(value, np.random.RandomState):
                self._own.append(partial(value.set_state, value.get_state()))
            elif isinstance(value, random.Random):
                self._own.append(partial(value.setstate, value.getstate()))

    def repeat(self) -> None:
        """Let all of them begin again; within `kept_noise`, which gives the global ones back."""
        np.random.seed(0)
        random.seed(0)
        for begin in self._own:
            begin()


@contextmanager
def kept_noise() -> Iterator[None]:
    """NumPy's and Python's global generators go on afterwards as if nothing had been drawn."""
    numpy, python = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(numpy)
        random.setstate(python)
