"""The 1,797 handwritten digits of 8x8 pixels that zerokara carries."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, overload

from zerokara.data.imagefolder import read_folder
from zerokara.data.splits import ArraySplits, Normalize, PixelSplits, check_normalize, present

FOLDER = Path(__file__).parent / "files" / "digits"
SIDE = 8
LEVELS = 16


@overload
def load_digits(
    normalize: Literal["lazy"], flatten: bool = True, one_hot_label: bool = False
) -> PixelSplits: ...
@overload
def load_digits(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> ArraySplits: ...
def load_digits(
    normalize: Normalize = True, flatten: bool = True, one_hot_label: bool = False
) -> ArraySplits | PixelSplits:
    """Load the carried digits as ``(x_train, t_train), (x_test, t_test)``; needs no network.

    1,437 images to train on and 360 to test with. The split is fixed and part of the files: one
    shuffle with a fixed seed, from which every fifth image of each class went to the test set
    (``tools/make_digits.py``). The same writers are in both halves, as in scikit-learn's
    ``train_test_split`` of these digits.

    Args:
        normalize: True gives float32 from 0 to 1 (the pixel divided by 16), False the uint8 from
            0 to 16, ``"lazy"`` a ``Pixels`` that becomes float32 when a batch is drawn.
        flatten: True gives images of shape (N, 64), False (N, 1, 8, 8).
        one_hot_label: True gives labels as float32 of shape (N, 10), False int64 of shape (N,).

    Source: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine
    Learning Repository, DOI 10.24432/C50P49, CC BY 4.0; see ``files/NOTICE``.

    Raises:
        ArgumentError: ``normalize`` is something else.
        DataError: the carried files are damaged.
    """
    check_normalize(normalize, "load_digits")
    raw = read_folder(FOLDER, "the carried digits", SIDE)
    return present(raw, LEVELS, normalize, flatten, one_hot_label)
