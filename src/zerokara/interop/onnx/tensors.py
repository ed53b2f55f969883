"""Fixed numbers of an ONNX file as arrays, every size checked before memory is taken."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.errors import ModelFileError

LARGEST = 2**28
"""No axis of a tensor, and no sample's count of numbers, may be greater."""

MOST_AXES = 8

EXTERNAL = 1  # TensorProto.DataLocation

# elem_type: dtype, and the field that holds it where raw_data does not. float16 and bool stand as
# whole numbers there, float16 by its bits.
_KINDS = {
    1: ("float32", "float_data"),
    2: ("uint8", "int32_data"),
    3: ("int8", "int32_data"),
    4: ("uint16", "int32_data"),
    5: ("int16", "int32_data"),
    6: ("int32", "int32_data"),
    7: ("int64", "int64_data"),
    9: ("bool", "int32_data"),
    10: ("float16", "int32_data"),
    11: ("float64", "double_data"),
    12: ("uint32", "uint64_data"),
    13: ("uint64", "uint64_data"),
}


def text(value: str | bytes) -> str:
    """A name of the file; what is no UTF-8 comes from protobuf as bytes."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def array_of(tensor: Any, folder: Path) -> Array:
    """A tensor's numbers; those of the file itself are a view of it, and read-only.

    Args:
        tensor: as the onnx package holds it.
        folder: that of the model file; numbers that are kept outside the model lie in it.

    Raises:
        ModelFileError: sizes that are wrong or do not fit the bytes, a dtype that is unknown,
            external data that is missing or not inside the folder.
    """
    what = f"tensor {text(tensor.name)!r:.80}"
    shape = tuple(int(size) for size in tensor.dims)
    if len(shape) > MOST_AXES or not all(0 <= size <= LARGEST for size in shape):
        raise ModelFileError(
            f"{what}: shape {shape!s:.80} must have up to {MOST_AXES} axes of 0 to {LARGEST}"
        )
    if tensor.data_type not in _KINDS:
        raise ModelFileError(
            f"{what}: numbers of type {tensor.data_type} are none that this version reads; "
            f"expected one of {', '.join(name for name, _ in _KINDS.values())}"
        )
    name, field = _KINDS[tensor.data_type]
    dtype = np.dtype(name).newbyteorder("<")
    count = math.prod(shape)
    if tensor.HasField("segment"):
        raise ModelFileError(f"{what}: is cut into segments, which this version does not read")
    if tensor.data_location == EXTERNAL:
        raw = _external(tensor, what, folder, count * dtype.itemsize)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
    else:
        return _listed(getattr(tensor, field), what, shape, name)
    if len(raw) != count * dtype.itemsize:
        raise ModelFileError(
            f"{what}: {len(raw):,} bytes for shape {shape} of {name}, which takes "
            f"{count * dtype.itemsize:,}"
        )
    array = np.frombuffer(raw, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _listed(values: Any, what: str, shape: tuple[int, ...], name: str) -> Array:
    if len(values) != math.prod(shape):
        raise ModelFileError(
            f"{what}: {len(values):,} numbers for shape {shape}, which takes {math.prod(shape):,}"
        )
    try:
        if name == "float16":
            return np.array(values, np.uint16).view(np.float16).reshape(shape)
        return np.array(values, np.dtype(name)).reshape(shape)
    except (OverflowError, ValueError):
        raise ModelFileError(f"{what}: holds numbers that are no {name}") from None


def _external(tensor: Any, what: str, folder: Path, size: int) -> bytes:
    entries = {text(entry.key): text(entry.value) for entry in tensor.external_data}
    path = folder / _inside(entries.get("location", ""), what, folder)
    offset = _whole(entries.get("offset", "0"), what, "offset")
    length = _whole(entries.get("length", str(size)), what, "length")
    if length != size:
        raise ModelFileError(f"{what}: {length:,} bytes of external data where {size:,} are needed")
    try:
        # Not through a link, and never waiting for a pipe.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
                raise ModelFileError(
                    f"{what}: its external data {path.name!r} is no plain file, or a hard link to "
                    "one; copy the file"
                )
            if offset + length > state.st_size:
                raise ModelFileError(
                    f"{what}: bytes {offset:,} to {offset + length:,} of {path.name!r}, which has "
                    f"{state.st_size:,}"
                )
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"{what}: its external data {path.name!r} cannot be read ({error.strerror or error})"
        ) from None


def _inside(location: str, what: str, folder: Path) -> Path:
    """The place of external data below the folder: a plain relative path without links."""
    parts = PurePosixPath(location).parts
    odd = any(sign in location for sign in "\\:\0") or location.startswith("/")
    if not parts or odd or ".." in parts:
        raise ModelFileError(
            f"{what}: its external data lies at {location!r:.120}; only a plain path inside the "
            "model's own folder is read"
        )
    place = Path()
    for part in parts:
        place = place / part
        if (folder / place).is_symlink():
            raise ModelFileError(
                f"{what}: its external data lies behind the link {str(place)!r:.120}, which is not "
                "followed; put the file itself there"
            )
    return place


def _whole(text: str, what: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise ModelFileError(f"{what}: {name} of its external data is {text!r:.40}, no number")
    return int(text)
