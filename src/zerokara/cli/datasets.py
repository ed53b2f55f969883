"""The data sets that ``train`` knows, each with the options that suit it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zerokara.errors import ArgumentError

if TYPE_CHECKING:
    from zerokara.data.splits import PixelSplits

DIGITS = tuple(str(digit) for digit in range(10))
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set before it is read, and the defaults of training on it."""

    classes: tuple[str, ...]
    side: int  # images are side x side
    levels: int  # the pixel value that becomes 1.0
    batch_size: int
    lr: float  # of SGD; other optimizers have defaults of their own
    weight_init_std: float | None
    epochs: int | None = None
    steps: int | None = None


DATASETS = {
    "digits": DataSet(
        DIGITS, side=8, levels=16, batch_size=50, lr=0.5, weight_init_std=None, epochs=30
    ),
    # The book's numbers (Deep Learning from Scratch, 4.5.2 and 5.7.4).
    "mnist": DataSet(
        DIGITS, side=28, levels=255, batch_size=100, lr=0.1, weight_init_std=0.01, steps=10_000
    ),
    "fashion-mnist": DataSet(
        CLOTHES, side=28, levels=255, batch_size=100, lr=0.1, weight_init_std=0.01, steps=10_000
    ),
}


def data_set(name: str) -> DataSet:
    """The entry of that name.

    Raises:
        ArgumentError: there is none.
    """
    if name not in DATASETS:
        *first, last = DATASETS
        raise ArgumentError(f"data {name!r} is unknown; expected {', '.join(first)} or {last}")
    return DATASETS[name]


def load(name: str, *, flatten: bool, root: str | None) -> PixelSplits:
    """The data set's pixels, left as bytes until a batch is drawn.

    Raises:
        ArgumentError: a folder was named for the digits, which zerokara carries.
        DataError: files are missing or damaged.
    """
    from zerokara import data

    if name == "digits":
        if root is not None:
            raise ArgumentError("--data-dir: the digits come with zerokara; leave it out")
        return data.load_digits(normalize="lazy", flatten=flatten)
    loader = data.load_mnist if name == "mnist" else data.load_fashion_mnist
    return loader(normalize="lazy", flatten=flatten, root=root)
