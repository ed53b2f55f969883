"""Pixels: bytes that read as float32."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zerokara.data import Pixels
from zerokara.errors import ArgumentError, DtypeError, ShapeError

Array = npt.NDArray[Any]

IMAGES = np.random.default_rng(1).integers(0, 256, (20, 1, 4, 5), dtype=np.uint8)


def same_bits(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@given(
    values=hnp.arrays(np.uint8, hnp.array_shapes(max_dims=4, min_side=0, max_side=6)),
    scale=st.floats(1e-6, 1e6),
)
def test_what_is_drawn_is_the_stated_product(values: Array, scale: float) -> None:
    pixels = Pixels(values, scale)
    expected = values.astype(np.float32) * np.float32(scale)
    assert same_bits(np.asarray(pixels), expected)
    assert len(pixels) == len(values)
    for i in range(len(values)):
        assert same_bits(np.asarray(pixels[i]), np.asarray(expected[i]))


def test_every_byte_at_the_usual_scale_lies_in_0_to_1() -> None:
    values = np.arange(256, dtype=np.uint8)
    drawn = np.asarray(Pixels(values))
    assert drawn[0] == 0.0
    assert drawn[255] == 1.0
    # Against the quotient: the rounded factor and the product err by half a unit each.
    np.testing.assert_array_max_ulp(drawn, values / np.float32(255), maxulp=1)


@pytest.mark.parametrize(
    "key",
    [
        [3, 1, 1, -1],
        np.array([0, 19]),
        np.arange(20) % 3 == 0,
        (slice(2, 9), 0, 1),
        ...,
        np.int64(4),
    ],
    ids=["list", "array", "mask", "tuple", "ellipsis", "number"],
)
def test_indexing_gives_new_float32_arrays(key: Any) -> None:
    drawn = Pixels(IMAGES)[key]
    assert same_bits(drawn, IMAGES[key].astype(np.float32) * np.float32(1 / 255))


def test_a_slice_stays_bytes_and_copies_nothing() -> None:
    pixels = Pixels(IMAGES, 0.5)
    part = pixels[4:16:2]
    assert isinstance(part, Pixels)
    assert part.scale == 0.5
    assert part.shape == (6, 1, 4, 5)
    assert np.shares_memory(part.values, IMAGES)
    np.testing.assert_array_equal(part, IMAGES[4:16:2] * np.float32(0.5))


def test_what_it_says_of_itself() -> None:
    pixels = Pixels(IMAGES)
    assert pixels.shape == (20, 1, 4, 5)
    assert pixels.ndim == 4
    assert pixels.dtype == np.float32
    assert pixels.scale == float(np.float32(1 / 255))
    assert repr(pixels) == "Pixels(shape=(20, 1, 4, 5), uint8 * 0.00392157)"
    assert len(list(pixels)) == 20


def test_the_bytes_are_read_only_and_the_callers_stay_his() -> None:
    values = IMAGES.copy()
    pixels = Pixels(values)
    with pytest.raises(ValueError, match="read-only"):
        pixels.values[0] = 1
    values[0] = 7
    assert (pixels.values[0] == 7).all()


def test_the_array_protocol() -> None:
    pixels = Pixels(IMAGES)
    assert np.asarray(pixels, dtype=np.float64).dtype == np.float64
    assert np.array(pixels, copy=True).flags.writeable
    with pytest.raises(ValueError, match="copy"):
        np.array(pixels, copy=False)
    np.testing.assert_array_equal(np.ones(5, np.float32) - pixels, 1 - np.asarray(pixels))


def test_out_of_range_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        Pixels(IMAGES)[20]


def test_it_can_be_pickled_for_other_processes() -> None:
    pixels = pickle.loads(pickle.dumps(Pixels(IMAGES, 0.25)))
    np.testing.assert_array_equal(pixels.values, IMAGES)
    assert pixels.scale == 0.25


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e-60, 1e60])
def test_a_scale_that_makes_no_sense(scale: float) -> None:
    with pytest.raises(ArgumentError, match="scale"):
        Pixels(IMAGES, scale)


def test_values_that_are_no_images() -> None:
    with pytest.raises(DtypeError, match="float64"):
        Pixels(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="single number"):
        Pixels(np.array(3, dtype=np.uint8))
