"""``dataset.mnist``: MNIST by zerokara's loader, in the book's dtypes."""

from __future__ import annotations

import numpy as np

from zerokara import data
from zerokara._types import Array
from zerokara.book.traps import teach

__all__ = ["img_dim", "img_size", "init_mnist", "load_mnist", "np", "test_num", "train_num"]

train_num = 60000
test_num = 10000
img_dim = (1, 28, 28)
img_size = 784
CLASSES = 10


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """((training images, labels), (test images, labels)).

    The files are looked for in the folder that ``ZEROKARA_DATA`` names, then in the cache, and
    downloaded into the cache where they are nowhere.

    Args:
        normalize: float32 from 0 to 1; else uint8 from 0 to 255.
        flatten: (N, 784); else (N, 1, 28, 28).
        one_hot_label: float64 rows (N, 10); else uint8 (N,).

    Raises:
        DataError: the files are nowhere, or damaged.
    """
    train, test = data.load_mnist(normalize=False, flatten=flatten)
    if len(train[0]) != train_num:
        teach(
            "fewer images",
            f"MNIST has {len(train[0]):,} training images on this machine, not {train_num:,}; an "
            "epoch is that much shorter and accuracies are lower",
        )
    return _part(*train, normalize, one_hot_label), _part(*test, normalize, one_hot_label)


def init_mnist() -> None:
    """Fetch the files where they are nowhere; the book makes a pickle of them, which is not needed.

    Raises:
        DataError: they cannot be fetched.
    """
    data.load_mnist(normalize=False)


def _part(x: Array, t: Array, normalize: bool, one_hot_label: bool) -> tuple[Array, Array]:
    if normalize:
        # Divided, as in the book: zerokara's own loader multiplies, which may differ in a bit.
        x = x.astype(np.float32) / np.float32(255)
    return x, np.eye(CLASSES)[t] if one_hot_label else t.astype(np.uint8)
