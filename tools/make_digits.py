"""Make the digits that zerokara carries from scikit-learn's copy of them.

    python tools/make_digits.py [FOLDER]

Needs scikit-learn and zerokara. Running it again gives the same bytes (with the same zlib).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara.data.digits import FOLDER
from zerokara.data.idx import write_idx

SEED = 1797
TEST_EVERY = 5

Indices = npt.NDArray[Any]


def split(labels: Indices) -> tuple[Indices, Indices]:
    """Indices of the training and the test images: shuffled, and alike in every class."""
    # RandomState, not default_rng: NumPy has promised that its stream never changes.
    order = np.random.RandomState(SEED).permutation(len(labels))
    by_class = np.argsort(labels[order], kind="stable")
    is_test = np.zeros(len(labels), dtype=bool)
    is_test[by_class[::TEST_EVERY]] = True
    return order[~is_test], order[is_test]


def make(folder: Path) -> None:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped,unused-ignore]

    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    for part, indices in zip(("train", "t10k"), split(labels), strict=True):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images[indices])
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels[indices])
        print(f"{len(indices)} images in {folder}/{part}-*-ubyte.gz")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    make(parser.parse_args().folder)
