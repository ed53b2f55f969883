"""Checkpoint files: numbers as JSON and arrays, in one safetensors file that is there whole.

The metadata entry "zerokara_checkpoint" is a JSON text {"format": 1, "version": ..., "numbers":
...}; nothing in the file is ever run.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara._version import __version__
from zerokara.errors import ModelFileError
from zerokara.files import replace_file

FORMAT = 1
"""What this version writes; another number is refused."""

NAME = "checkpoint.safetensors"
"""Its name in a run directory."""

_KEY = "zerokara_checkpoint"


@dataclass
class Checkpoint:
    """All that a training goes on from.

    Attributes:
        numbers: what JSON can hold; floats come back to the bit.
        arrays: by name.
    """

    numbers: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write it beside and rename it over `path`.

    Raises:
        ModelFileError: it cannot be written, or holds what JSON cannot.
    """
    import safetensors.numpy

    head = {"format": FORMAT, "version": __version__, "numbers": checkpoint.numbers}
    try:
        text = json.dumps(head, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: cannot be written, JSON cannot hold it ({error})") from None
    arrays = {
        name: np.ascontiguousarray(array).reshape(array.shape)
        for name, array in checkpoint.arrays.items()
    }
    try:
        replace_file(path, safetensors.numpy.save(arrays, {_KEY: text}))
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written ({error.strerror or error})") from None


def read_checkpoint(path: Path) -> Checkpoint | None:
    """What `write_checkpoint` wrote, or None where there is no such file.

    Raises:
        ModelFileError: damaged, something else, or of another format.
    """
    import safetensors

    try:
        if not path.exists():
            return None
        with safetensors.safe_open(os.fspath(path), framework="np") as file:
            text = (file.metadata() or {}).get(_KEY)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path}: is no checkpoint, or a damaged one ({error})") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    if text is None:
        raise ModelFileError(f"{path}: is no checkpoint of a training")
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelFileError(f"{path}: is a damaged checkpoint (not JSON)") from None
    if not isinstance(head, dict) or not isinstance(head.get("numbers"), dict):
        raise ModelFileError(f"{path}: is a damaged checkpoint (no numbers)")
    if head.get("format") != FORMAT:
        raise ModelFileError(
            f"{path}: is of format {head.get('format')!s:.20}, written by zerokara "
            f"{head.get('version')!s:.40}; this is zerokara {__version__}, which reads {FORMAT}"
        )
    return Checkpoint(head["numbers"], arrays)


def sweep(folder: Path, names: tuple[str, ...]) -> None:
    """Remove what writers of these files left beside them when they were killed."""
    for name in names:
        for left in folder.glob(f".{name}.*.tmp"):
            left.unlink(missing_ok=True)
