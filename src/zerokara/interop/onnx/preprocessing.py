"""What stands between raw data and a network's input, as a part of the exported graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError
from zerokara.interop.onnx.writer import Writer

DTYPES = ("float32", "float64", "uint8", "int32", "int64")

Numbers: TypeAlias = float | Sequence[float] | Array


@dataclass(frozen=True)
class Preprocessing:
    """The network's input is (x * scale - mean) / std.

    Args:
        dtype: of the file's input: 'uint8' for pixels as cameras and PNG files have them.
        scale: a number, such as 1 / 255.
        mean, std: numbers; or one for each channel of images (C, H, W), or each feature of rows
            (D,); or arrays of one sample's shape.

    Raises:
        ArgumentError: another dtype, numbers that are not finite, a std that is not above 0.
    """

    dtype: str = "float32"
    scale: float = 1.0
    mean: Numbers | None = None
    std: Numbers | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ArgumentError(
                f"Preprocessing: dtype must be one of {', '.join(DTYPES)}, got {self.dtype!r}"
            )
        for name in ("scale", "mean", "std"):
            given = getattr(self, name)
            if given is None:
                continue
            values = np.asarray(given)
            if values.dtype.kind not in "fiu" or not np.all(np.isfinite(values)):
                raise ArgumentError(f"Preprocessing: {name} must be finite numbers, got {given!r}")
            if name == "scale" and (values.ndim or not values):
                raise ArgumentError(
                    f"Preprocessing: scale must be one number other than 0, got {given!r}"
                )
            if name == "std" and not np.all(values > 0):
                raise ArgumentError(f"Preprocessing: std must be above 0, got {given!r}")

    def apply(self, x: Array, shape: Shape, dtype: Any) -> Array:
        """What the graph computes, in NumPy: for data (N, *shape)."""
        y = x.astype(dtype)
        if self.scale != 1:
            y = y * dtype.type(self.scale)
        if self.mean is not None:
            y = y - self._beside("mean", shape).astype(dtype)
        if self.std is not None:
            y = y / self._beside("std", shape).astype(dtype)
        return y

    def write(self, writer: Writer, value: str, shape: Shape, elem_type: int) -> str:
        """Add the nodes; an input of another dtype than the network's is cast first.

        Raises:
            ArgumentError: a mean or std that does not fit samples of that shape.
        """
        writer.where = "preprocessing"
        if np.dtype(self.dtype) != writer.dtype:
            value = writer.node("Cast", value, to=elem_type)
        if self.scale != 1:
            value = writer.node("Mul", value, writer.number(float(self.scale)))
        if self.mean is not None:
            value = writer.node("Sub", value, writer.tensor(self._beside("mean", shape), "mean"))
        if self.std is not None:
            value = writer.node("Div", value, writer.tensor(self._beside("std", shape), "std"))
        return value

    def _beside(self, name: str, shape: Shape) -> Array:
        """`mean` or `std` in a shape that lies beside one sample."""
        values = np.asarray(getattr(self, name), np.float64)
        if values.shape in ((), shape):
            return values
        if len(shape) == 3 and values.shape == shape[:1]:
            return values.reshape(-1, 1, 1)
        raise ArgumentError(
            f"Preprocessing: {name} of shape {values.shape} does not fit samples of shape {shape}; "
            "expected a number, one for each channel or feature, or the sample's own shape"
        )
