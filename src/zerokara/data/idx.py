"""IDX files, the format of MNIST: four magic bytes, the dimensions, the values, all big endian.

Source: the description beside the MNIST files, http://yann.lecun.com/exdb/mnist/ (bottom of page).
"""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np

from zerokara._types import Array, Shape
from zerokara.errors import DataError, DtypeError, ShapeError
from zerokara.files import replace_file

StrPath: TypeAlias = str | os.PathLike[str]

MAX_BYTES = 8 * 2**30
"""A header that promises more bytes of values than this is refused (8 GiB)."""

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CODES = {np.dtype(name).newbyteorder("="): code for code, name in _DTYPES.items()}
_MAX_DIMENSIONS = 64  # what a NumPy array can have; the format's own limit is 255
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_LIMIT = 1032  # one byte of deflate never becomes more than this many
_CHUNK = 1 << 20


def read_idx(path: StrPath) -> Array:
    """Read an IDX file, plain or gzip-compressed (told by its content, not its name).

    Returns a new array with the file's shape and its dtype in native byte order (uint8, int8,
    int16, int32, float32 or float64).

    Memory is taken only for bytes that are there: never more than the file holds (unpacked), and
    never more than the header promises.

    Raises:
        DataError: the file cannot be read, is truncated or damaged, is no IDX file, holds fewer or
            more values than its header says, or promises more than ``MAX_BYTES``.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            packed_size = os.fstat(file.fileno()).st_size
            start = file.read(2)
            file.seek(0)
            if start != _GZIP_MAGIC:
                return _read(file, path, most=packed_size)
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                return _read(unpacked, path, most=packed_size * _DEFLATE_LIMIT)
    except DataError:
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip data is truncated or damaged ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def _read(file: BinaryIO | gzip.GzipFile, path: Path, most: int) -> Array:
    """Read header and values; ``most`` is more than the file can hold once unpacked."""
    dtype, shape, header_size = _read_header(file, path)
    # A dimension of 0 must not hide the others: NumPy refuses (0, 2**32, 2**32, 2**32).
    if dtype.itemsize * math.prod(max(length, 1) for length in shape) > MAX_BYTES:
        raise DataError(
            f"{path}: the header promises shape {shape} of {dtype.name}, more than the "
            f"{MAX_BYTES} bytes that are read at most"
        )
    promised = dtype.itemsize * math.prod(shape)
    if promised > most - header_size:
        raise DataError(
            f"{path}: truncated: the header promises {promised} bytes of values, "
            f"and a file of this size cannot hold them"
        )
    values = _read_bytes(file, promised)
    if len(values) < promised:
        raise DataError(
            f"{path}: truncated: the header promises {promised} bytes of values, "
            f"the file holds {len(values)}"
        )
    if file.read(1):  # at the end of a gzip member this read also checks its CRC
        raise DataError(
            f"{path}: the file goes on after the {promised} bytes of values that its header "
            f"promises (shape {shape})"
        )
    array = np.frombuffer(values, dtype=dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_header(file: BinaryIO | gzip.GzipFile, path: Path) -> tuple[np.dtype, Shape, int]:
    magic = file.read(4)
    if len(magic) < 4:
        raise DataError(f"{path}: not an IDX file: it holds {len(magic)} bytes, the header has 4")
    if magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        codes = ", ".join(f"{code:02x}" for code in _DTYPES)
        raise DataError(
            f"{path}: not an IDX file: it starts with {magic.hex(' ')}; "
            f"expected 00 00, a type code ({codes}) and the number of dimensions"
        )
    dimensions = magic[3]
    if dimensions > _MAX_DIMENSIONS:
        raise DataError(
            f"{path}: the header promises {dimensions} dimensions; "
            f"at most {_MAX_DIMENSIONS} can be read"
        )
    lengths = file.read(4 * dimensions)
    if len(lengths) < 4 * dimensions:
        raise DataError(f"{path}: truncated inside the header of {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", lengths)
    return np.dtype(_DTYPES[magic[2]]), shape, 4 + len(lengths)


def _read_bytes(file: BinaryIO | gzip.GzipFile, count: int) -> bytearray:
    """Up to ``count`` bytes, in pieces, so that only what is there takes memory."""
    values = bytearray()
    while len(values) < count:
        piece = file.read(min(_CHUNK, count - len(values)))
        if not piece:
            break
        values += piece
    return values


def write_idx(path: StrPath, array: Array) -> None:
    """Write ``array`` as an IDX file, gzip-compressed where ``path`` ends in ``.gz``.

    Written beside and renamed over ``path``; the same array gives the same bytes each time (no
    time stamp, no name inside the gzip).

    Raises:
        DtypeError: not one of the format's types: uint8, int8, int16, int32, float32, float64.
        ShapeError: a length above 2**32 - 1, which the header cannot say.
        DataError: the file cannot be written.
    """
    path = Path(path)
    array = np.asarray(array)
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        known = ", ".join(dtype.name for dtype in _CODES)
        raise DtypeError(
            f"write_idx: got an array of {array.dtype}; IDX holds {known}: use .astype first"
        )
    if any(length >= 2**32 for length in array.shape):
        raise ShapeError(f"write_idx: got shape {array.shape}; IDX lengths end at 2**32 - 1")
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    content = header + array.astype(_DTYPES[code]).tobytes()
    if path.suffix == ".gz":
        packed = io.BytesIO()
        with gzip.GzipFile("", "wb", compresslevel=9, fileobj=packed, mtime=0) as file:
            file.write(content)
        content = packed.getvalue()
    try:
        replace_file(path, content)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
