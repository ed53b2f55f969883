"""What the native programs of single layers are made of: slots, rows of images, and checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zerokara import native
from zerokara._types import Array, Shape
from zerokara.errors import ShapeError

PADDING, CACHE_STRIDE, LINE = 32, 1024, 64  # of rows in an arena, as the engine lays them

ROWS, IMAGES = 0, 1
"""Kinds of segments: for rows of the batch, and for images sample by sample."""

FORWARD_ROWS = 16
"""Images a forward program has room for: they stay in the cache, and any batch goes through."""

BACKWARD_ROWS = 128
"""Samples a backward program has room for; greater batches are added up part by part."""


def has_kernels(dtype: np.dtype[Any]) -> bool:
    """Whether there are kernels for numbers of this dtype on this machine."""
    return native.available and dtype in (np.float32, np.float64)


def as_rows(x: Array, pixel: int, dtype: np.dtype[Any]) -> Array:
    """Images (N, C, H, W) as rows (N, H * W * pixel); a view where they lie so already.

    Pixels are filled up with zeros. uint8 and the other float dtype are left to the kernel.
    """
    n, channels, height, width = x.shape
    pixels = x.transpose(0, 2, 3, 1)
    if pixels.dtype not in (np.uint8, np.float32, np.float64):
        pixels = pixels.astype(dtype)
    if pixel != channels:
        filled = np.zeros((n, height, width, pixel), dtype)
        filled[..., :channels] = pixels
        pixels = filled
    return np.ascontiguousarray(pixels).reshape(n, height * width * pixel)


def as_images(rows: Array, shape: Shape, pixel: int) -> Array:
    """The other way round: rows (N, H * W * pixel) seen as images (N, *shape)."""
    channels, height, width = shape
    pixels = rows.reshape(len(rows), height, width, pixel)[..., :channels]
    return pixels.transpose(0, 3, 1, 2)


def check_shape(who: str, array: Array, wanted: Shape) -> None:
    """Refuse what would not lie where a kernel reads it.

    Raises:
        ShapeError: another shape.
    """
    if np.shape(array) != wanted:
        raise ShapeError(
            f"{who}: backward got shape {np.shape(array)}, expected {wanted} after the last forward"
        )


class Programmed:
    """A layer with native programs of its own, which no copy and no pickle takes along."""

    _programs: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_programs"}


class Builder:
    """A program in the making: slots side by side in an arena of `rows` samples."""

    def __init__(self, dtype: np.dtype[Any], rows: int) -> None:
        self.dtype, self.rows, self.end = dtype, rows, 0
        self._later: list[Callable[[Any], int]] = []
        self.program: Any = None

    def plain(self, columns: int) -> int:
        """A slot of so many numbers a sample; its number, once the program is there."""
        at, row = self._room(columns)
        return self._add(lambda program: program.slot(at, row, columns))

    def image(self, shape: Shape, pixel: int, border: tuple[int, int] = (0, 0)) -> tuple[int, int]:
        """An image in a border of zeros, and the same numbers as lines of one channel.

        Samples of a script lie pixel by pixel already. Seen as one channel, a line is copied as it
        is, by the kernel that would otherwise turn channels into pixels.
        """
        _, height, width = shape
        above, left = border
        line = (width + 2 * left) * pixel
        at, row = self._room((height + 2 * above) * line)
        origin = above * line + left * pixel
        lines = (1, height, width * pixel)
        image = self._add(lambda p: p.image(at, row, shape, origin, line, pixel, False))
        copied = self._add(lambda p: p.image(at, row, lines, origin, line, 1, False))
        return image, copied

    def start(self, params: Array, grads: Array) -> Any:
        """The program, with these slots in this order."""
        kind = native.program_type(self.dtype)
        self.program = kind(self.rows, self.end, params, grads, [])
        for number, make in enumerate(self._later):
            assert make(self.program) == number
        return self.program

    def _room(self, numbers: int) -> tuple[int, int]:
        row = -(-numbers // PADDING) * PADDING
        size = self.dtype.itemsize
        row += LINE // size if row * size % CACHE_STRIDE == 0 else 0
        at, self.end = self.end, self.end + row * self.rows
        self.last = (at, row)
        return at, row

    def _add(self, make: Callable[[Any], int]) -> int:
        self._later.append(make)
        return len(self._later) - 1


def gradients(program: Any, sources: list[Array], rows: slice, dtype: np.dtype[Any]) -> None:
    """Run a backward program on these rows of the sources, so that its gradients are written.

    It is a training step without a loss, at a rate of 0, which leaves the parameters alone. A
    program writes gradients down only where they are to be clipped: here by no less than the
    greatest number there is.
    """
    most = float(np.finfo(dtype).max)
    settings = native.optimizer_settings(0, 0.0, 0.0, most, False, 0.0, 0.0, 0.0, 0)
    indices = np.arange(rows.start, rows.stop)
    targets = np.zeros((rows.stop, 1), dtype)
    given = [native.source(source, 1.0) for source in sources]
    bounds = np.array([0, len(indices)])
    program.train(given, None, targets, indices, bounds, settings, None, np.zeros(1), None)


def parts(count: int, most: int) -> Iterator[slice]:
    """0..count in slices of at most `most`."""
    return (slice(at, min(at + most, count)) for at in range(0, count, most))


class Sums:
    """What a program wrote into its gradients, added up over the parts of a batch."""

    def __init__(self, grads: Array) -> None:
        self._grads = grads
        self._total: Array | None = None

    def add(self) -> None:
        """Take in what is there now."""
        if self._total is None:
            self._total = self._grads.copy()
        else:
            self._total += self._grads

    def total(self) -> Array:
        """The sum, in an array of its own."""
        return np.zeros_like(self._grads) if self._total is None else self._total
