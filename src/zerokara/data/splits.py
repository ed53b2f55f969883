"""From the raw bytes to what the book's ``load_mnist`` hands out."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from zerokara._types import Array
from zerokara.data.imagefolder import CLASSES, RawSplits
from zerokara.data.pixels import Pixels
from zerokara.errors import ArgumentError

ArraySplits: TypeAlias = tuple[tuple[Array, Array], tuple[Array, Array]]
PixelSplits: TypeAlias = tuple[tuple[Pixels, Array], tuple[Pixels, Array]]
Normalize: TypeAlias = bool | Literal["lazy"]


def check_normalize(normalize: object, caller: str) -> None:
    """Refuse anything but True, False and "lazy", before any file is read."""
    if not isinstance(normalize, bool | np.bool_) and normalize != "lazy":
        raise ArgumentError(f"{caller}: normalize must be True, False or 'lazy', got {normalize!r}")


def present(
    raw: RawSplits, levels: int, normalize: Normalize, flatten: bool, one_hot_label: bool
) -> ArraySplits | PixelSplits:
    """Shape the splits as asked; ``levels`` is the pixel value that becomes 1.0."""

    def images(values: Array) -> Array | Pixels:
        count, height, width = values.shape
        shape = (count, height * width) if flatten else (count, 1, height, width)
        values = values.reshape(shape)
        if not normalize:
            return values
        # One multiplication for both, so that lazy and eager training see the same bits.
        pixels = Pixels(values, 1 / levels)
        return pixels if normalize == "lazy" else np.asarray(pixels)

    def labels(values: Array) -> Array:
        return np.eye(CLASSES, dtype=np.float32)[values] if one_hot_label else values

    train = images(raw.train_images), labels(raw.train_labels)
    test = images(raw.test_images), labels(raw.test_labels)
    return train, test  # type: ignore[return-value]  # both are Pixels, or both arrays
