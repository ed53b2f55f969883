"""Files of weights by name: the book's pickles, and safetensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zerokara._types import Array
from zerokara.errors import ArgumentError, ModelFileError
from zerokara.files import replace_file

LARGEST_FILE = 2**30
"""Bytes; a larger pickle is refused before it is read."""


def read_weights(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Every array of a .safetensors file, or of a pickle whatever its name.

    Raises:
        ModelFileError: no such file, damaged, or something else than arrays in it.
    """
    if Path(path).suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    return read_pickle(path)


def read_pickle(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The arrays of a pickled dictionary such as the book's, by name; nothing in it is run.

    Raises:
        ModelFileError: no such file, damaged, too large, or anything but arrays in it.
    """
    from zerokara.models.unpickler import unpickle

    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(content) > LARGEST_FILE:
        raise ModelFileError(f"{path}: is larger than {LARGEST_FILE:,} bytes")
    try:
        return unpickle(content)
    except ModelFileError as error:
        raise ModelFileError(
            f"{path}: is no pickle of arrays by name, or a damaged one: {error}"
        ) from None
    except MemoryError:
        raise ModelFileError(f"{path}: does not fit into memory") from None


def write_weights(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write arrays to a .safetensors file, beside and renamed.

    Raises:
        ArgumentError: another ending: pickles are read and never written, for who opens one
            with Python's own reader runs what is in it.
        ModelFileError: the file cannot be written.
    """
    import safetensors
    import safetensors.numpy

    if Path(path).suffix.lower() != ".safetensors":
        raise ArgumentError(
            f"{path}: must end in .safetensors; pickles are not written, because opening one runs "
            "whatever is in it"
        )
    try:
        whole = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
        replace_file(path, safetensors.numpy.save(whole))
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path}: cannot be written ({error})") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written ({error.strerror or error})") from None


def copy_weights(
    path: str | os.PathLike[str], given: Mapping[str, Array], targets: Mapping[str, Array]
) -> None:
    """Copy arrays into the parameters of the same names, all or none.

    Raises:
        ModelFileError: names or shapes that differ, numbers that are no floats, or floats that
            are not finite.
    """
    lacking = [name for name in targets if name not in given]
    unknown = [name for name in given if name not in targets]
    for problem, names in (("lacks", lacking), ("holds unknown", unknown)):
        if names:
            listed = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
            raise ModelFileError(
                f"{path}: {problem} parameters: {listed:.400}; the network has {', '.join(targets)}"
            )
    for name, target in targets.items():
        if given[name].shape != target.shape:
            raise ModelFileError(
                f"{path}: parameter {name!r} has shape {given[name].shape}; the network's has "
                f"{target.shape}"
            )
        if given[name].dtype.kind != "f" or not np.all(np.isfinite(given[name])):
            raise ModelFileError(
                f"{path}: parameter {name!r} must hold finite floats, got {given[name].dtype}"
                + (" with NaN or infinity" if given[name].dtype.kind == "f" else "")
            )
    for name, target in targets.items():
        target[...] = given[name]


def _read_safetensors(path: str | os.PathLike[str]) -> dict[str, Array]:
    import safetensors

    if not Path(path).is_file():
        what = "is a folder" if Path(path).is_dir() else "there is no such file"
        raise ModelFileError(f"{path}: {what}")
    try:
        with safetensors.safe_open(os.fspath(path), framework="np") as file:
            # A file of `zk.save` also holds layers' state, which is no weight.
            names = [name for name in file.keys() if not name.startswith("state:")]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        raise ModelFileError(
            f"{path}: is no safetensors file, or a damaged one ({error})"
        ) from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from None
