"""The four IDX files of an image data set in a folder: found, read and checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zerokara._types import Array
from zerokara.data.idx import StrPath, read_idx
from zerokara.errors import DataError

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
"""Training images and labels, test images and labels, by their published names."""

CLASSES = 10


@dataclass(frozen=True)
class RawSplits:
    """What the files hold: images uint8 (N, height, width), labels int64 (N,) from 0 to 9."""

    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array


def find_files(folder: StrPath) -> dict[str, Path]:
    """Which of the four are in ``folder``, under any of the names they go by.

    ``train-images-idx3-ubyte``, ``train-images.idx3-ubyte``, each with or without ``.gz``.
    """
    found = {}
    for name in FILES:
        dash = name.removesuffix(".gz")
        dot = dash.replace("-idx", ".idx")
        for spelling in (dash, name, dot, f"{dot}.gz"):
            path = Path(folder, spelling)
            if os.path.isfile(path):  # not path.is_file(): that raises where it may not look
                found[name] = path
                break
    return found


def require_all(folder: StrPath, title: str) -> dict[str, Path]:
    """The four files in ``folder``.

    Raises:
        DataError: naming the files that are not there.
    """
    found = find_files(folder)
    missing = [name for name in FILES if name not in found]
    if missing:
        raise DataError(
            f"{title}: missing in {os.fspath(folder)}: {', '.join(missing)} "
            f"(names with '.idx' for '-idx' and without '.gz' are found too)"
        )
    return found


def read_folder(folder: StrPath, title: str, side: int) -> RawSplits:
    """Read and check the four files in ``folder``; images must be ``side`` x ``side``.

    Raises:
        DataError: a file is missing or damaged, or is not what its name promises.
    """
    paths = require_all(folder, title)
    train_images, train_labels = _read_pair(paths[FILES[0]], paths[FILES[1]], side)
    test_images, test_labels = _read_pair(paths[FILES[2]], paths[FILES[3]], side)
    return RawSplits(train_images, train_labels, test_images, test_labels)


def _read_pair(images_path: Path, labels_path: Path, side: int) -> tuple[Array, Array]:
    labels = read_idx(labels_path)
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise DataError(
            f"{labels_path}: expected labels of shape (N,) in uint8, "
            f"got shape {labels.shape} in {labels.dtype}"
        )
    images = read_idx(images_path)
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (side, side):
        raise DataError(
            f"{images_path}: expected images of shape (N, {side}, {side}) in uint8, "
            f"got shape {images.shape} in {images.dtype}"
        )
    if len(images) != len(labels):
        raise DataError(f"{images_path}: {len(images)} images, but {len(labels)} in {labels_path}")
    if len(images) == 0:
        raise DataError(f"{images_path}: holds no images")
    if labels.max() >= CLASSES:
        at = int(np.argmax(labels >= CLASSES))
        raise DataError(f"{labels_path}: label {labels[at]} at {at}; expected 0 to {CLASSES - 1}")
    return images, labels.astype(np.int64)
