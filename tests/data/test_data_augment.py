"""Augment: what it does to a picture, and that nothing but seed, epoch and index decides it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerokara.data import Augment, load_digits
from zerokara.data.noise import uniform
from zerokara.errors import ArgumentError, ShapeError

EVERYTHING = {"shift": 2.0, "rotate": 20.0, "zoom": 0.2, "elastic": 1.0, "flip": 0.5}


def pictures(count: int = 12, shape: tuple[int, ...] = (2, 9, 7), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *shape)).astype(np.float32)


def test_the_noise_is_philox() -> None:
    """Compare with the vectors of Random123, the authors' own library."""
    wanted = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert (uniform((0, 0), [0], 4) * 2**32).astype(np.uint64)[0].tolist() == wanted
    # The loop that the next test compares with, on the vector of ones.
    wanted = [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    full = 2**32 - 1
    assert (_block(full, (full, full, full), (full, full))).tolist() == wanted


def _block(first: int, rest: tuple[int, int, int], key: tuple[int, int]) -> np.ndarray:
    """One block by a loop in Python, which the vectorized one is then held to."""
    x, (k0, k1) = [first, *rest], key
    for _ in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [b >> 32 ^ x[1] ^ k0, b & 0xFFFFFFFF, a >> 32 ^ x[3] ^ k1, a & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.array(x)


@given(
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=5),
    st.integers(1, 11),
    st.integers(0, 5),
)
def test_the_noise_of_an_index_is_its_own(
    seed: int, epoch: int, indices: list[int], count: int, stream: int
) -> None:
    drawn = uniform((seed, epoch), indices, count, stream)
    assert drawn.shape == (len(indices), count)
    low = 2**32 - 1
    for row, index in zip(drawn, indices, strict=True):
        blocks = [
            _block(number, (stream, index & low, index >> 32), (seed & low, epoch & low))
            for number in range(-(-count // 4))
        ]
        assert (row * 2**32).tolist() == np.concatenate(blocks)[:count].tolist()


def test_nothing_asked_for_changes_nothing() -> None:
    x = pictures()
    assert np.array_equal(Augment()(x, np.arange(12), 3), x)
    assert Augment()(x, np.arange(12), 3) is not x


def test_a_shift_by_whole_pixels_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.array([[1.0, 0.25, 0.5, 0.5, 0.9]])
    monkeypatch.setattr("zerokara.data.augment.uniform", lambda *a: numbers)
    x = pictures(1, (6, 6))
    moved = Augment(shift=2, fill=7)(x, [0], 0)
    # 1.0 is 2 pixels down, 0.25 is 1 to the left.
    np.testing.assert_allclose(moved[0, 2:, :-1], x[0, :-2, 1:], rtol=1e-6)
    assert (moved[0, :2] == 7).all()
    assert (moved[0, :, -1] == 7).all()


def test_a_quarter_turn_and_a_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    x = pictures(1, (6, 6))
    numbers = np.array([[0.5, 0.5, 1.0, 0.5, 0.9]])
    monkeypatch.setattr("zerokara.data.augment.uniform", lambda *a: numbers)
    turned = Augment(rotate=90)(x, [0], 0)[0]
    np.testing.assert_allclose(turned, np.rot90(x[0], -1), atol=1e-5)
    numbers[0, 2:] = 0.5, 0.5, 0.1
    assert np.array_equal(Augment(flip=0.5)(x, [0], 0)[0], x[0, :, ::-1])


def test_a_zoom_is_about_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.array([[0.5, 0.5, 0.5, 1.0, 0.9]])
    monkeypatch.setattr("zerokara.data.augment.uniform", lambda *a: numbers)
    rows = np.broadcast_to(np.arange(9.0)[:, np.newaxis], (1, 9, 9))
    near = Augment(zoom=0.5)(rows, [0], 0)[0]
    np.testing.assert_allclose(near[:, 4], 4 + (np.arange(9) - 4) / 1.5, rtol=1e-12)


def test_what_is_drawn_fills_its_range() -> None:
    """Look at the shifts of many pictures of one bright point."""
    x = np.zeros((400, 15, 15))
    x[:, 7, 7] = 1
    moved = Augment(shift=3)(x, np.arange(400), 1)
    rows = (moved.sum(2) * np.arange(15)).sum(1) / moved.sum((1, 2)) - 7
    assert -3 <= rows.min() < -2.8
    assert 2.8 < rows.max() <= 3
    assert abs(rows.mean()) < 6 * math.sqrt(3 / 400)
    flips = Augment(flip=0.25)(pictures(400), np.arange(400), 1) != pictures(400)
    share = flips.any(axis=(1, 2, 3)).mean()
    assert abs(share - 0.25) < 6 * math.sqrt(0.25 * 0.75 / 400)


def test_bends_are_as_strong_as_asked_and_smooth() -> None:
    augment = Augment(elastic=1.5, smooth=3)
    noise = 2 * uniform((0, 0), np.arange(40), 2 * 60 * 60).reshape(40, 2, 60, 60) - 1
    field = augment._smoothed(noise)
    assert field[..., 15:-15, 15:-15].std() == pytest.approx(1.5, rel=0.1)
    assert np.abs(np.diff(field, axis=-1)).mean() < 0.35 * np.abs(field).mean()


@pytest.mark.parametrize("options", [{key: EVERYTHING[key]} for key in EVERYTHING] + [EVERYTHING])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_variant_does_not_know_the_others(options: dict[str, float], dtype: Any) -> None:
    x, augment = pictures().astype(dtype), Augment(**options)
    indices = np.random.default_rng(5).integers(0, 2**40, 12)
    together = augment(x, indices, 4, 9)
    assert together.dtype == dtype
    assert not np.array_equal(together, x)
    for place in range(12):
        alone = augment(x[place : place + 1], indices[place : place + 1], 4, 9)
        assert np.array_equal(alone[0], together[place])
    assert np.array_equal(augment(x[::-1], indices[::-1], 4, 9), together[::-1])
    for other in (augment(x, indices + 1, 4, 9), augment(x, indices, 5, 9), augment(x, indices, 4)):
        assert not np.array_equal(other, together)


def test_rows_and_channels_and_grey_are_one_picture() -> None:
    (x, _), _ = load_digits()
    x, indices, augment = x[:9], np.arange(9), Augment(**EVERYTHING)
    flat = augment(x, indices, 0)
    assert flat.shape == x.shape
    assert np.array_equal(augment(x.reshape(9, 8, 8), indices, 0).reshape(9, 64), flat)
    assert np.array_equal(augment(x.reshape(9, 1, 8, 8), indices, 0).reshape(9, 64), flat)
    colours = np.repeat(x.reshape(9, 1, 8, 8), 3, axis=1)
    assert np.array_equal(augment(colours, indices, 0)[:, 2].reshape(9, 64), flat)
    wide = Augment(**EVERYTHING, image_shape=(4, 16))(x, indices, 0)
    assert np.array_equal(
        wide.reshape(9, 4, 16), Augment(**EVERYTHING)(x.reshape(9, 4, 16), indices, 0)
    )


def test_the_given_pictures_are_only_read() -> None:
    x = pictures()
    before = x.copy()
    x.flags.writeable = False
    Augment(**EVERYTHING)(x, np.arange(12), 0)
    assert np.array_equal(x, before)
    assert Augment(**EVERYTHING)(x[:0], np.arange(0), 0).shape == (0, 2, 9, 7)


def test_config_makes_it_again() -> None:
    augment = Augment(**EVERYTHING, image_shape=(7, 9), fill=0.5)
    assert Augment(**augment.config()).config() == augment.config()
    assert repr(Augment(shift=2)) == "Augment(shift=2.0)"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"shift": -1}, "Augment: shift must be 0 or more, got -1"),
        ({"rotate": 181}, "rotate must be 0 or more and at most 180"),
        ({"zoom": 1}, "zoom must be 0 or more and at most 0.99"),
        ({"elastic": math.nan}, "elastic must be 0 or more, got nan"),
        ({"smooth": 0}, "smooth must be 0.1 or more"),
        ({"flip": 1.5}, "flip must be 0 or more and at most 1"),
        ({"fill": math.inf}, "fill must be finite"),
        ({"image_shape": (3,)}, "image_shape must be"),
    ],
)
def test_bad_numbers_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        Augment(**options)


def test_what_is_no_picture_is_refused() -> None:
    for shape in ((3, 50), (3,), (1, 2, 3, 4, 5)):
        with pytest.raises(ShapeError, match=r"takes images as .* got \("):
            Augment()(np.zeros(shape), np.arange(shape[0]), 0)
    with pytest.raises(ShapeError, match=r"images of \(4, 16\)"):
        Augment(image_shape=(4, 16))(np.zeros((2, 8, 8)), np.arange(2), 0)
    with pytest.raises(ShapeError, match=r"3 images with indices of shape \(2,\)"):
        Augment()(np.zeros((3, 8, 8)), np.arange(2), 0)
