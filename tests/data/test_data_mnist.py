"""load_mnist and load_fashion_mnist: what they hand out and where they look."""

from __future__ import annotations

import dataclasses
import gzip
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from zerokara.data import (
    Pixels,
    download,
    load_fashion_mnist,
    load_mnist,
    mnist,
    read_idx,
    write_idx,
)
from zerokara.data.imagefolder import FILES
from zerokara.errors import ArgumentError, DataError

Array = npt.NDArray[Any]


def make_set(folder: Path, seed: int = 0) -> Path:
    """Write a small data set by MNIST's names; the seed tells one from another."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for part, count in (("train", 12), ("t10k", 5)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        images[0, 0, :3] = 0, 255, seed
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return folder


def seed_of(splits: tuple[tuple[Array, Array], tuple[Array, Array]]) -> int:
    """Tell which of the sets made here ``normalize=False`` has loaded."""
    return int(splits[0][0][0, 2])


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data, no cache and no network but what a test makes: all under ``tmp_path``."""

    def unreachable(*_: object) -> None:
        raise OSError(101, "Network is unreachable")

    fashion = dataclasses.replace(mnist.FASHION_MNIST, system=str(tmp_path / "system"))
    monkeypatch.delenv("ZEROKARA_DATA", raising=False)
    monkeypatch.setattr(mnist, "FASHION_MNIST", fashion)
    monkeypatch.setattr(download, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(download, "retrieve", unreachable)


# ----- what is handed out


def test_defaults_are_the_books(tmp_path: Path) -> None:
    root = make_set(tmp_path / "a")
    (x_train, t_train), (x_test, t_test) = load_mnist(root=root)
    assert x_train.shape == (12, 784)
    assert x_test.shape == (5, 784)
    assert x_train.dtype == np.float32
    assert x_train.min() == 0.0
    assert x_train.max() == 1.0
    assert t_train.shape == (12,)
    assert t_train.dtype == t_test.dtype == np.int64
    raw = read_idx(root / FILES[2]).reshape(5, 784)
    np.testing.assert_allclose(x_test, raw / 255, rtol=2e-7)
    np.testing.assert_array_equal(t_test, read_idx(root / FILES[3]))


def test_every_argument_by_place_and_by_name(tmp_path: Path) -> None:
    root = make_set(tmp_path / "a")
    (x, t), _ = load_mnist(False, False, True, root)
    (same_x, same_t), _ = load_mnist(
        root=str(root), one_hot_label=True, flatten=False, normalize=False
    )
    assert x.shape == (12, 1, 28, 28)
    assert x.dtype == np.uint8
    assert t.shape == (12, 10)
    assert t.dtype == np.float32
    np.testing.assert_array_equal(t.argmax(axis=1), read_idx(root / FILES[1]))
    np.testing.assert_array_equal(t.sum(axis=1), 1)
    np.testing.assert_array_equal(x, same_x)
    np.testing.assert_array_equal(t, same_t)
    assert inspect.signature(load_mnist) == inspect.signature(load_fashion_mnist)


@pytest.mark.parametrize("flatten", [True, False])
def test_lazy_and_eager_are_the_same_bits(tmp_path: Path, flatten: bool) -> None:
    root = make_set(tmp_path / "a")
    (lazy, _), (lazy_test, _) = load_mnist("lazy", flatten, root=root)
    (eager, _), _ = load_mnist(True, flatten, root=root)
    assert isinstance(lazy, Pixels)
    assert isinstance(lazy_test, Pixels)
    np.testing.assert_array_equal(lazy[[5, 0, 5]], eager[[5, 0, 5]], strict=True)


@pytest.mark.parametrize("normalize", ["eager", None, 2, 1.0])
def test_wrong_normalize_is_refused_before_anything_is_read(normalize: object) -> None:
    with pytest.raises(ArgumentError, match="load_mnist: normalize must be True, False or 'lazy'"):
        load_mnist(normalize, root="/nowhere")  # type: ignore[call-overload]


# ----- where they look


@pytest.mark.parametrize("place", ["", "mnist", "mnist-10k", "MNIST/raw"])
def test_root_itself_or_a_subfolder(tmp_path: Path, place: str) -> None:
    make_set(tmp_path / "a" / place)
    assert load_mnist(root=tmp_path / "a")[0][0].shape == (12, 784)


@pytest.mark.parametrize("spelling", ["{}.gz", "{}", "dot.gz", "dot"])
def test_every_spelling_of_the_names(tmp_path: Path, spelling: str) -> None:
    root = make_set(tmp_path / "a", seed=4)
    for name in FILES:
        plain = name.removesuffix(".gz")
        renamed = spelling.format(plain).replace("dot", plain.replace("-idx", ".idx"))
        content = (root / name).read_bytes()
        (root / name).unlink()
        packed = renamed.endswith(".gz")
        (root / renamed).write_bytes(content if packed else gzip.decompress(content))
    assert seed_of(load_mnist(False, root=root)) == 4


def test_the_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_set(tmp_path / "cache" / "fashion-mnist", seed=1)
    assert seed_of(load_fashion_mnist(False)) == 1
    make_set(tmp_path / "system", seed=2)
    assert seed_of(load_fashion_mnist(False)) == 2
    make_set(tmp_path / "named" / "FashionMNIST" / "raw", seed=3)
    monkeypatch.setenv("ZEROKARA_DATA", str(tmp_path / "named"))
    assert seed_of(load_fashion_mnist(False)) == 3
    make_set(tmp_path / "named" / "fashion-mnist", seed=4)
    assert seed_of(load_fashion_mnist(False)) == 4
    make_set(tmp_path / "given", seed=5)
    assert seed_of(load_fashion_mnist(False, root=tmp_path / "given")) == 5


def test_locate_says_where_without_reading(tmp_path: Path) -> None:
    assert mnist.locate(mnist.MNIST) is None
    folder = make_set(tmp_path / "cache" / "mnist")
    assert mnist.locate(mnist.MNIST) == folder


@pytest.mark.parametrize("folder", ["mnist-10k", "MNIST/raw"])
def test_digits_never_pass_for_clothes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """ZEROKARA_DATA may name MNIST's own folder, and the files have the same names."""
    monkeypatch.setenv("ZEROKARA_DATA", str(make_set(tmp_path / folder, seed=1)))
    make_set(tmp_path / "system", seed=2)
    assert seed_of(load_mnist(False)) == 1
    assert seed_of(load_fashion_mnist(False)) == 2


def test_the_environment_may_hold_another_set_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_set(tmp_path / "named" / "mnist")
    monkeypatch.setenv("ZEROKARA_DATA", str(tmp_path / "named"))
    make_set(tmp_path / "cache" / "fashion-mnist", seed=7)
    assert seed_of(load_fashion_mnist(False)) == 7


# ----- what they refuse


def test_root_without_the_files_is_no_reason_to_look_elsewhere(tmp_path: Path) -> None:
    make_set(tmp_path / "cache" / "mnist")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"none of train-images.* in root='.*empty'"):
        load_mnist(root=tmp_path / "empty")
    with pytest.raises(DataError, match=r"root='.*absent' is not a folder"):
        load_mnist(root=tmp_path / "absent")


def test_the_environment_names_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROKARA_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"ZEROKARA_DATA='.*absent' is not a folder"):
        load_mnist()


def test_a_folder_with_some_of_the_files(tmp_path: Path) -> None:
    root = make_set(tmp_path / "a")
    (root / FILES[1]).unlink()
    (root / FILES[2]).unlink()
    with pytest.raises(DataError) as caught:
        load_mnist(root=root)
    assert f"{FILES[1]}, {FILES[2]}" in str(caught.value)
    assert FILES[0] not in str(caught.value)
    assert str(root) in str(caught.value)


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (FILES[0], np.zeros((12, 28, 27), np.uint8), r"expected images of shape \(N, 28, 28\)"),
        (FILES[0], np.zeros((12, 28, 28), np.int32), "in int32"),
        (FILES[0], np.zeros((11, 28, 28), np.uint8), "11 images, but 12 in"),
        (FILES[2], np.zeros((12, 784), np.uint8), r"got shape \(12, 784\)"),
        (FILES[1], np.full(12, 10, np.uint8), "label 10 at 0; expected 0 to 9"),
        (FILES[1], np.zeros((12, 1), np.uint8), r"expected labels of shape \(N,\)"),
        (FILES[3], np.zeros((5, 28, 28), np.uint8), "expected labels"),
    ],
)
def test_files_that_are_not_what_their_names_promise(
    tmp_path: Path, name: str, content: Array, message: str
) -> None:
    root = make_set(tmp_path / "a")
    write_idx(root / name, content)
    with pytest.raises(DataError, match=message) as caught:
        load_mnist(root=root)
    assert str(root / name) in str(caught.value)


def test_an_empty_set(tmp_path: Path) -> None:
    root = make_set(tmp_path / "a")
    write_idx(root / FILES[2], np.zeros((0, 28, 28), np.uint8))
    write_idx(root / FILES[3], np.zeros(0, np.uint8))
    with pytest.raises(DataError, match="holds no images"):
        load_mnist(root=root)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    root = make_set(tmp_path / "a")
    path = root / FILES[2]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz: the gzip data is truncated"):
        load_mnist(root=root)


def test_a_damaged_file_in_the_cache_may_be_deleted(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "cache" / "mnist")
    (folder / FILES[1]).write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(DataError, match=r"not an IDX file.*delete it to have it fetched again"):
        load_mnist()


def test_offline_says_which_files_to_put_where(tmp_path: Path) -> None:
    pytest.importorskip("pooch", reason="the download goes through pooch")
    with pytest.raises(DataError) as caught:
        load_fashion_mnist()
    message = str(caught.value)
    assert all(name in message for name in FILES)
    assert str(tmp_path / "cache" / "fashion-mnist") in message
    assert "ZEROKARA_DATA" in message
    assert "github.com: Network is unreachable" in message
    assert "\n" not in message
    assert caught.value.__context__ is None


# ----- the real data


def test_the_real_mnist(mnist_root: Path) -> None:
    (x_train, t_train), (x_test, t_test) = load_mnist("lazy", root=mnist_root)
    assert x_train.shape[1:] == x_test.shape[1:] == (784,)
    assert len(x_train) in (10_000, 60_000)
    assert len(x_test) == 10_000
    assert t_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(t_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert 33.0 < x_test.values.mean() < 34.0


def test_the_real_fashion_mnist(fashion_root: Path) -> None:
    (x_train, t_train), (x_test, t_test) = load_fashion_mnist("lazy", root=fashion_root)
    assert x_train.shape == (60_000, 784)
    assert x_test.shape == (10_000, 784)
    assert np.bincount(t_train).tolist() == [6000] * 10
    assert np.bincount(t_test).tolist() == [1000] * 10


@pytest.mark.usefixtures("mnist_root")
def test_the_folder_of_all_data_sets(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROKARA_DATA", str(data_root))
    found = mnist.locate(mnist.MNIST)
    assert found is not None
    assert data_root in found.parents
