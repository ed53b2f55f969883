"""A layer's named arrays, whose identity is kept: assigning to a name writes into its array."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.errors import ArgumentError, ShapeError


class Parameters(dict[str, Array]):
    """A dict of arrays in which ``params["W"] = new`` copies `new` into the array that is there.

    Whoever holds the array, be it a network's flat buffer or an optimizer, then sees the change.
    A plain dict would swap the array for another, and the network would go on using the old one.
    A name that is not there yet is added.

    Raises:
        ShapeError: the new array has another shape than the one that is there.
        ArgumentError: deleting a name.
    """

    def __setitem__(self, name: str, value: npt.ArrayLike) -> None:
        if name not in self:
            super().__setitem__(name, np.asarray(value))
            return
        here = self[name]
        if here is value:
            return
        value = np.asarray(value)
        if value.shape != here.shape:
            raise ShapeError(
                f"parameter {name!r} has shape {here.shape}, cannot assign shape {value.shape}"
            )
        here[...] = value

    def bind(self, name: str, array: Array) -> None:
        """Make `name` mean this very array."""
        super().__setitem__(name, array)

    def __delitem__(self, name: str) -> None:
        raise ArgumentError(f"parameter {name!r} cannot be removed from its layer or network")
