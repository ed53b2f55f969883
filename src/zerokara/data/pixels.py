"""Images that stay bytes until a batch is drawn: a quarter of the memory of float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt

_LEAST = float(np.finfo(np.float32).tiny)
_MOST = float(np.finfo(np.float32).max) / 256


class Pixels:
    """A read-only view of uint8 ``values`` of shape (N, ...) that reads as float32 ``* scale``.

    What is drawn equals ``values.astype(np.float32) * np.float32(scale)`` to the bit:

    * ``pixels[a:b]`` is again ``Pixels``, a view of those rows: nothing is copied;
    * ``pixels[7]``, ``pixels[[3, 1, 2]]``, ``pixels[mask]``, ``pixels[:9, 0]`` and
      ``np.asarray(pixels)`` are new float32 arrays.

    Raises:
        DtypeError: ``values`` are not uint8.
        ShapeError: ``values`` has no first dimension to draw from.
        ArgumentError: ``scale`` is not positive, or float32 cannot hold it or 255 times it.
    """

    __slots__ = ("_scale", "_values")

    def __init__(self, values: Array, scale: float = 1 / 255) -> None:
        values = np.asarray(values)
        if values.dtype != np.uint8:
            raise DtypeError(f"Pixels: values must be uint8, got {values.dtype}")
        if values.ndim == 0:
            raise ShapeError("Pixels: values must have shape (N, ...), got a single number")
        if not _LEAST <= scale <= _MOST:  # this form refuses NaN too
            raise ArgumentError(f"Pixels: scale must be from {_LEAST} to {_MOST}, got {scale}")
        self._values = values.view()
        self._values.flags.writeable = False
        self._scale = np.float32(scale)

    @property
    def values(self) -> npt.NDArray[np.uint8]:
        """The bytes themselves, read-only."""
        return self._values

    @property
    def scale(self) -> float:
        """What each byte is multiplied by, rounded to float32."""
        return float(self._scale)

    @property
    def shape(self) -> Shape:
        return self._values.shape

    @property
    def ndim(self) -> int:
        return self._values.ndim

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """The dtype of what is drawn: float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, key: slice) -> Pixels: ...
    @overload
    def __getitem__(self, key: Any) -> Array: ...
    def __getitem__(self, key: Any) -> Pixels | Array:
        if isinstance(key, slice):
            return Pixels(self._values[key], self.scale)
        return self._scaled(self._values[key])

    def __iter__(self) -> Iterator[Array]:
        return (self._scaled(row) for row in self._values)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ArgumentError("Pixels: float32 values cannot be had without a copy (copy=False)")
        scaled = self._scaled(self._values)
        return scaled if dtype is None else scaled.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"Pixels(shape={self.shape}, uint8 * {self.scale:.6g})"

    def _scaled(self, values: Array) -> Array:
        scaled: Array = np.multiply(values, self._scale, dtype=np.float32)
        return scaled
