"""Augment: images moved, turned, zoomed, bent and mirrored anew in each epoch.

What happens to an image is a function of the seed, the epoch and the image's own index alone. So it
is the same with any number of threads, in any batch, and in a training that was killed and resumed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.data.noise import uniform
from zerokara.errors import ArgumentError, ShapeError

_PLACE, _BEND = 0, 1  # streams of random numbers: the five of the motion, the field of bends
REACH = 3
"""A Gaussian is cut off so many standard deviations from its middle."""


class Augment:
    """Draws a variant of each image; give it to `zk.fit` as `augment`.

    An image is resampled once, bilinearly, through all of these together:

    Args:
        shift: up to so many pixels, in each of both directions.
        rotate: up to so many degrees, either way, about the middle.
        zoom: larger or smaller by up to this share: 0.1 is a factor from 0.9 to 1.1.
        elastic: how strongly it is bent (Simard et al. 2003): the standard deviation, in pixels,
            by which a pixel is moved.
        smooth: the standard deviation, in pixels, of the Gaussian that makes neighbours bend alike.
        flip: the probability, 0 to 1, of being mirrored left to right. Not for digits.
        fill: what stands where nothing was.
        image_shape: (height, width), for images given as rows; by default they are square.

    Raises:
        ArgumentError: a number out of its range.
    """

    def __init__(
        self,
        *,
        shift: float = 0.0,
        rotate: float = 0.0,
        zoom: float = 0.0,
        elastic: float = 0.0,
        smooth: float = 4.0,
        flip: float = 0.0,
        fill: float = 0.0,
        image_shape: tuple[int, int] | None = None,
    ) -> None:
        self.shift = _in_range("shift", shift)
        self.rotate = _in_range("rotate", rotate, most=180)
        self.zoom = _in_range("zoom", zoom, most=0.99)
        self.elastic = _in_range("elastic", elastic)
        self.smooth = _in_range("smooth", smooth, least=0.1, most=1000)
        self.flip = _in_range("flip", flip, most=1)
        self.fill = _in_range("fill", fill, least=-math.inf)
        if image_shape is not None and (len(image_shape) != 2 or min(image_shape) < 1):
            raise ArgumentError(
                f"Augment: image_shape must be (height, width), got {image_shape!r}"
            )
        self.image_shape = None if image_shape is None else (image_shape[0], image_shape[1])

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        names = ("shift", "rotate", "zoom", "elastic", "smooth", "flip", "fill")
        shape = None if self.image_shape is None else list(self.image_shape)
        return {name: getattr(self, name) for name in names} | {"image_shape": shape}

    def __call__(self, x: Array, indices: npt.ArrayLike, epoch: int, seed: int = 0) -> Array:
        """A variant of each image, a new array of the same shape and dtype.

        Args:
            x: floats of shape (N, C, H, W), (N, H, W) or (N, H * W).
            indices: (N,) which sample of its set each image is.
            epoch, seed: what else the variant is drawn by.

        Raises:
            ShapeError: images of another form, or not as many as indices.
        """
        x, chosen = np.asarray(x), np.asarray(indices)
        images = x.reshape(self._form(x.shape))
        if chosen.shape != (len(x),):
            raise ShapeError(f"Augment: {len(x)} images with indices of shape {chosen.shape}")
        if not x.size:
            return x.copy()
        rows, columns = self._origins((seed, epoch), chosen, images.shape[-2:], x.dtype)
        return _sampled(images, rows, columns, x.dtype.type(self.fill)).reshape(x.shape)

    def check(self, shape: Shape) -> None:
        """Refuse samples of a shape that are no images.

        Raises:
            ShapeError: saying which shapes are.
        """
        self._form((1, *shape))

    def _form(self, shape: Shape) -> Shape:
        """(N, C, H, W), which the given shape is read as."""
        if len(shape) == 4 and self.image_shape in (None, shape[2:]):
            return shape
        if len(shape) == 3 and self.image_shape in (None, shape[1:]):
            return shape[0], 1, *shape[1:]
        if len(shape) == 2:
            side = math.isqrt(shape[1])
            height, width = self.image_shape or (side, side)
            if height * width == shape[1]:
                return shape[0], 1, height, width
        asked = "" if self.image_shape is None else f" of {self.image_shape}"
        raise ShapeError(
            f"Augment: takes images{asked} as (N, C, H, W), (N, H, W) or (N, H * W), got {shape}; "
            "of rows that are not square say Augment(image_shape=(H, W))"
        )

    def _origins(
        self, key: tuple[int, int], indices: Array, shape: Shape, dtype: np.dtype[Any]
    ) -> tuple[Array, Array]:
        """Where each pixel of each variant comes from: rows and columns of shape (N, H, W)."""
        height, width = shape
        drawn = uniform(key, indices, 5, _PLACE)
        signed = 2 * drawn - 1
        middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
        # Python's own sine: that of an array may differ with the place of a number in it.
        angles = [math.radians(self.rotate * float(share)) for share in signed[:, 2]]
        scale = 1 / (1 + self.zoom * signed[:, 3])
        cosine = _column(scale * [math.cos(angle) for angle in angles], dtype)
        sine = _column(scale * [math.sin(angle) for angle in angles], dtype)
        mirrored = _column(np.where(drawn[:, 4] < self.flip, -1.0, 1.0), dtype)
        down = _column(middle_row - self.shift * signed[:, 0], dtype)
        right = _column(middle_column - self.shift * signed[:, 1], dtype)
        row = (np.arange(height) - middle_row).astype(dtype)[:, np.newaxis]
        column = (np.arange(width) - middle_column).astype(dtype) * mirrored
        rows = cosine * row - sine * column + down
        columns = sine * row + cosine * column + right
        if self.elastic:
            field = uniform(key, indices, 2 * height * width, _BEND)
            bends = (2 * field - 1).reshape(-1, 2, height, width).astype(dtype)
            bends = self._smoothed(bends)
            rows, columns = rows + bends[:, 0], columns + bends[:, 1]
        return rows, columns

    def _smoothed(self, noise: Array) -> Array:
        """The field of bends: smoothed noise, of the standard deviation that was asked for."""
        reach = max(math.ceil(REACH * self.smooth), 1)
        weights = [math.exp(-0.5 * (i / self.smooth) ** 2) for i in range(-reach, reach + 1)]
        # Noise from -1 to 1 has the variance 1/3; a weighted sum, the sum of squares of that.
        spread = math.sqrt(sum(w * w for w in weights) ** 2 / 3)
        for axis in (-2, -1):
            noise = _blurred(noise, weights, axis)
        bends: Array = noise * noise.dtype.type(self.elastic / spread)
        return bends

    def __repr__(self) -> str:
        plain = Augment().config()
        given = {key: value for key, value in self.config().items() if value != plain[key]}
        return f"Augment({', '.join(f'{key}={value!r}' for key, value in given.items())})"


def _blurred(noise: Array, weights: list[float], axis: int) -> Array:
    """Sums along an axis, beyond whose ends the field goes on as in a mirror."""
    # Tap by tap: a product of matrices may round otherwise with other sizes or threads.
    reach, length = len(weights) // 2, noise.shape[axis]
    place = np.arange(-reach, length + reach) % (2 * length)
    padded = noise.take(np.minimum(place, 2 * length - 1 - place), axis=axis)
    blurred = np.zeros_like(noise)
    window: list[Any] = [slice(None)] * noise.ndim
    for start, weight in enumerate(weights):
        window[axis] = slice(start, start + length)
        blurred += padded[tuple(window)] * noise.dtype.type(weight)
    return blurred


def _sampled(images: Array, rows: Array, columns: Array, fill: Any) -> Array:
    """Bilinear: (N, C, H, W) at places of shape (N, H, W); `fill` beyond the edges."""
    count, channels, height, width = images.shape
    framed = np.full((count, channels, height + 2, width + 2), fill, images.dtype)
    framed[:, :, 1:-1, 1:-1] = images
    # Far outside all is fill, so a place may as well lie in the frame.
    rows = np.clip(rows + 1, 0, height + 1)
    columns = np.clip(columns + 1, 0, width + 1)
    top = np.minimum(rows.astype(np.int64), height)
    left = np.minimum(columns.astype(np.int64), width)
    below = (rows - top.astype(rows.dtype))[:, np.newaxis]
    beside = (columns - left.astype(rows.dtype))[:, np.newaxis]
    size = (height + 2) * (width + 2)
    planes = np.arange(count * channels).reshape(count, channels, 1, 1) * size
    first = planes + (top * (width + 2) + left)[:, np.newaxis]
    flat = framed.reshape(-1)
    corners = [flat.take(first + offset) for offset in (0, 1, width + 2, width + 3)]
    upper = corners[0] * (1 - beside) + corners[1] * beside
    lower = corners[2] * (1 - beside) + corners[3] * beside
    sampled: Array = upper * (1 - below) + lower * below
    return sampled


def _column(values: npt.ArrayLike, dtype: np.dtype[Any]) -> Array:
    """One number an image, to go with (N, H, W)."""
    return np.asarray(values).astype(dtype)[:, np.newaxis, np.newaxis]


def _in_range(name: str, value: float, least: float = 0.0, most: float = math.inf) -> float:
    if not (least <= value <= most and math.isfinite(value)):
        upper = "" if most == math.inf else f" and at most {most:g}"
        lower = "finite" if least == -math.inf else f"{least:g} or more"
        raise ArgumentError(f"Augment: {name} must be {lower}{upper}, got {value}")
    return float(value)
