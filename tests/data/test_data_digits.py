"""The carried digits."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path

import numpy as np
import pytest

from zerokara.data import Pixels, load_digits, read_idx
from zerokara.data.digits import FOLDER
from zerokara.errors import ArgumentError

TOOL = Path(__file__).parents[2] / "tools" / "make_digits.py"


def test_shapes_types_and_ranges() -> None:
    (x_train, t_train), (x_test, t_test) = load_digits()
    assert x_train.shape == (1437, 64)
    assert x_test.shape == (360, 64)
    assert x_train.dtype == x_test.dtype == np.float32
    assert t_train.shape == (1437,)
    assert t_test.dtype == np.int64
    assert x_train.min() == 0.0
    assert x_train.max() == 1.0


def test_the_arguments_mean_what_the_book_means() -> None:
    (raw, labels), _ = load_digits(False, False, True)
    (x, t), _ = load_digits(normalize=True, flatten=False)
    assert raw.shape == (1437, 1, 8, 8)
    assert raw.dtype == np.uint8
    assert raw.max() == 16
    np.testing.assert_array_equal(x, raw / 16)
    assert labels.shape == (1437, 10)
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels.argmax(axis=1), t)
    np.testing.assert_array_equal(labels.sum(axis=1), 1)


def test_lazy_images_are_the_same_bits() -> None:
    (lazy, _), (lazy_test, _) = load_digits("lazy", flatten=False)
    (x, _), (x_test, _) = load_digits(flatten=False)
    assert isinstance(lazy, Pixels)
    np.testing.assert_array_equal(lazy, x, strict=True)
    np.testing.assert_array_equal(lazy_test[::-1], x_test[::-1])


def test_the_split_is_alike_in_every_class_and_shuffled() -> None:
    (_, t_train), (_, t_test) = load_digits()
    train, test = np.bincount(t_train, minlength=10), np.bincount(t_test, minlength=10)
    assert (np.abs(test - (train + test) / 5) < 1).all()
    assert len(np.unique(t_train[:40])) == len(np.unique(t_test[:40])) == 10


def test_the_files_never_change() -> None:
    """The contents, not the gzip around them: zlibs pack differently."""
    names = sorted(path.name for path in FOLDER.iterdir())
    digest = hashlib.sha256()
    for name in names:
        digest.update(read_idx(FOLDER / name).tobytes())
    assert len(names) == 4
    assert digest.hexdigest() == DIGEST


def test_the_notice_is_beside_them() -> None:
    notice = (FOLDER.parent / "NOTICE").read_text(encoding="utf-8")
    assert "10.24432/C50P49" in notice
    assert "CC BY 4.0" in notice


def test_wrong_normalize() -> None:
    with pytest.raises(ArgumentError, match="'lazy', got 'yes'"):
        load_digits("yes")  # type: ignore[call-overload]


def test_the_tool_makes_these_very_files(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn holds the digits that the tool reads")
    make = runpy.run_path(str(TOOL))["make"]
    make(tmp_path / "a")
    make(tmp_path / "b")
    for path in FOLDER.iterdir():
        made = tmp_path / "a" / path.name
        assert made.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        np.testing.assert_array_equal(read_idx(made), read_idx(path), strict=True)


def test_they_are_scikit_learns_digits() -> None:
    sklearn = pytest.importorskip("sklearn.datasets", reason="scikit-learn is the other source")
    theirs = sklearn.load_digits()
    (x_train, t_train), (x_test, t_test) = load_digits(normalize=False)
    ours = np.column_stack([np.concatenate([x_train, x_test]), np.concatenate([t_train, t_test])])
    expected = np.column_stack([theirs.data, theirs.target]).astype(np.int64)
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, expected.tolist()))


DIGEST = "86e5015cab1bef55ba3a6ee14917f304243cf65700c73ed11c90103948e1cc70"
