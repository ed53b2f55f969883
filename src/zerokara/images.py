"""Pictures from files, as bytes: PNG through Pillow, and IDX files by index."""

from __future__ import annotations

import os
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zerokara._types import Array, Shape
from zerokara.data.idx import read_idx
from zerokara.errors import ArgumentError, DataError, MissingExtraError, ShapeError

if TYPE_CHECKING:
    from PIL.Image import Image

PNG_WHITE = 255
MAX_PIXELS = 2**24
"""A PNG file of more pixels than this is refused before it is unpacked."""

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_IDX_MAGIC = (b"\0\0", b"\x1f\x8b")  # plain, gzip
# What a damaged PNG file makes Pillow raise, beside OSError.
_DAMAGE = (SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


@dataclass(frozen=True)
class Picture:
    """One grey image.

    Attributes:
        name: the file, with ``:INDEX`` for an image of an IDX file.
        pixels: uint8, shape (height, width).
        white: the value that means full light in this file; None where the file does not say.
    """

    name: str
    pixels: Array
    white: int | None

    @property
    def shape(self) -> Shape:
        return self.pixels.shape


def read_pictures(reference: str, *, background: int = 0) -> list[Picture]:
    """The pictures that a reference means.

    Args:
        reference: a PNG file (one picture), an IDX file of images (all of them), or an IDX file
            followed by ``:INDEX`` (that one, counted from 0).
        background: what stands behind transparent pixels of a PNG file, 0 (black) to 255.

    Raises:
        DataError: the file is missing, damaged, or of another kind.
        ArgumentError: the index is out of range, or a PNG file was given one.
        MissingExtraError: a PNG file needs Pillow, which is not installed.
    """
    path, index = _parse(reference)
    start = _first_bytes(path)
    if start.startswith(_PNG_MAGIC):
        if index is not None:
            raise ArgumentError(f"{reference}: a PNG file holds one image; leave out :{index}")
        return [Picture(reference, _read_png(path, background), PNG_WHITE)]
    if start.startswith(_IDX_MAGIC):
        return _read_idx(path, index)
    raise DataError(
        f"{path}: neither a PNG nor an IDX file (it starts with {start[:4].hex(' ') or 'nothing'})"
    )


def fit_size(picture: Picture, shape: Shape) -> Picture:
    """The picture in another size; the same picture where it has it already.

    Raises:
        ShapeError: the sides are in another proportion, or the pixels are raw values of a data
            set, which belong to a network of just their size.
    """
    if picture.shape == shape:
        return picture
    (height, width), (new_height, new_width) = picture.shape, shape
    expected = f"the model takes {new_width}x{new_height} pixels"
    if picture.white is None:
        raise ShapeError(f"{picture.name}: is {width}x{height} pixels; {expected}")
    if height * new_width != width * new_height:
        raise ShapeError(
            f"{picture.name}: is {width}x{height} pixels; {expected}, or a picture of the same "
            "proportions to be resized"
        )
    from PIL import Image

    resized = Image.fromarray(picture.pixels).resize((new_width, new_height), Image.Resampling.BOX)
    return Picture(picture.name, np.asarray(resized), picture.white)


def _parse(reference: str) -> tuple[Path, int | None]:
    """Split FILE:INDEX; a file whose own name ends that way goes first."""
    match = re.fullmatch(r"(.+):([+-]?\d{1,18})", reference, re.DOTALL)
    if match is None or os.path.lexists(reference):
        return Path(reference), None
    return Path(match[1]), int(match[2])


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_PNG_MAGIC))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def _read_idx(path: Path, index: int | None) -> list[Picture]:
    values = read_idx(path)
    if values.ndim != 3 or values.dtype != np.uint8:
        raise DataError(
            f"{path}: holds an array of shape {values.shape} in {values.dtype}; expected images "
            "of shape (N, height, width) in uint8"
        )
    if len(values) == 0:
        raise DataError(f"{path}: holds no images")
    if index is None:
        return [Picture(f"{path}:{i}", image, None) for i, image in enumerate(values)]
    if not 0 <= index < len(values):
        raise ArgumentError(
            f"{path}:{index}: there is no such image; the file holds {len(values)}, "
            f"with indices from 0 to {len(values) - 1}"
        )
    return [Picture(f"{path}:{index}", values[index], None)]


def _read_png(path: Path, background: int) -> Array:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise MissingExtraError(
            f"{path}: reading PNG files needs Pillow: pip install pillow"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # measured below
            with Image.open(path, formats=["PNG"]) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise DataError(
                        f"{path}: is {width}x{height} pixels; at most {MAX_PIXELS} are read"
                    )
                return _grey(path, image, background)
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise DataError(f"{path}: more pixels than the {MAX_PIXELS} that are read") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}: a damaged PNG file") from None
    except (OSError, *_DAMAGE) as error:
        raise DataError(f"{path}: a damaged PNG file ({error})") from None


def _grey(path: Path, image: Image, background: int) -> Array:
    """Pixels as uint8 grey, by the luma of ITU-R 601 where there are colours."""
    from PIL import Image as pil

    if image.mode in ("I", "I;16", "I;16B", "F"):
        raise DataError(f"{path}: has 16 bits a pixel; save it with 8")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        picture = image.convert("RGBA")
        behind = pil.new("RGBA", picture.size, (background, background, background, 255))
        image = pil.alpha_composite(behind, picture)
    return np.asarray(image.convert("L"))
