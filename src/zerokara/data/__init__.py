"""Data: the files, the sets that the book uses, and who is drawn when."""

from __future__ import annotations

from zerokara.data.augment import Augment
from zerokara.data.batches import Batches
from zerokara.data.digits import load_digits
from zerokara.data.idx import read_idx, write_idx
from zerokara.data.mnist import load_fashion_mnist, load_mnist
from zerokara.data.pixels import Pixels

__all__ = [
    "Augment",
    "Batches",
    "Pixels",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "read_idx",
    "write_idx",
]
