"""Gathering rows against NumPy, bit for bit, on every instruction set that is here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zerokara import errors, native

SOURCES = (np.uint8, np.float32, np.float64)
KINDS = (np.float32, np.float64)
SCALES = (1.0, 1 / 255, -0.1)


@pytest.fixture(params=["numpy", *native.isas()])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the test on the NumPy path and on each instruction set."""
    before = native.isa()
    if request.param == "numpy":
        monkeypatch.setattr(native, "_core", None)
        yield "numpy"
        return
    native.set_isa(request.param)
    yield request.param
    native.set_isa(before)


def expected(source: np.ndarray, indices: Any, kind: Any, scale: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        return source[indices].astype(kind) * kind(scale)


def assert_same_bits(got: np.ndarray, want: np.ndarray) -> None:
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    assert got.tobytes() == want.tobytes()


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    if dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    # Bits at random: every magnitude, subnormals and infinities; nan has a test of its own.
    bits = rng.integers(0, 256, (*shape, np.dtype(dtype).itemsize), dtype=np.uint8)
    values = bits.view(dtype)[..., 0]
    return np.where(np.isnan(values), dtype(1.5), values)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", SOURCES)
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 64), (40, 784), (6, 2, 3, 5), (9,)])
def test_rows_have_numpys_bits(path, rng, shape, dtype, kind, scale):
    source = numbers(rng, shape, dtype)
    indices = rng.integers(0, shape[0], 33)
    got = native.gather_rows(source, indices, kind, scale)
    assert_same_bits(got, expected(source, indices, kind, scale))


@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=40))
def test_any_shape_on_every_path(data, shape):
    dtype, kind = data.draw(st.sampled_from(SOURCES)), data.draw(st.sampled_from(KINDS))
    source = numbers(np.random.default_rng(data.draw(st.integers(0, 2**32))), shape, dtype)
    indices = data.draw(st.lists(st.integers(0, shape[0] - 1), max_size=20))
    scale = data.draw(st.sampled_from(SCALES))
    want = expected(source, np.array(indices, np.int64), kind, scale)
    before = native.isa()
    for name in native.isas():
        native.set_isa(name)
        assert_same_bits(native.gather_rows(source, indices, kind, scale), want)
    if native.available:
        native.set_isa(before)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_core", None)
        assert_same_bits(native.gather_rows(source, indices, kind, scale), want)


def test_all_bytes(path):
    source = np.arange(256, dtype=np.uint8).reshape(1, 256)
    for kind in KINDS:
        got = native.gather_rows(source, [0], kind, 1 / 255)
        assert_same_bits(got, expected(source, [0], kind, 1 / 255))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", KINDS)
def test_nan_infinity_overflow_and_signed_zero_come_through(path, dtype, kind):
    row = [np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).max, np.finfo(dtype).tiny / 8]
    source = np.array([row, row], dtype)
    got = native.gather_rows(source, [1], kind, 0.5)
    np.testing.assert_array_equal(got, expected(source, [1], kind, 0.5))
    assert np.isnan(got[0, 0])
    assert list(np.signbit(got[0, 3:5])) == [False, True]


@pytest.mark.parametrize("cut", ["::2", "::-1", "3:", "0:0"])
def test_rows_that_lie_apart(path, rng, cut):
    whole = numbers(rng, (12, 4, 9), np.float32)
    source = whole[slice(*(int(p) if p else None for p in cut.split(":")))]
    indices = np.arange(len(source))[::-1]
    assert_same_bits(native.gather_rows(source, indices, np.float32), source[indices])


@pytest.mark.parametrize("dtype", SOURCES)
def test_elements_that_lie_apart(path, rng, dtype):
    whole = numbers(rng, (6, 20), dtype)
    for source in (whole[:, ::3], whole[:, ::-1], np.asfortranarray(whole), whole.T, whole[:, :1]):
        got = native.gather_rows(source, [3, 0], np.float64, 0.1)
        assert_same_bits(got, expected(source, [3, 0], np.float64, 0.1))


def test_columns_cut_from_wider_rows(path, rng):
    source = numbers(rng, (8, 30), np.uint8)[:, 5:18]
    got = native.gather_rows(source, [7, 7, 0], np.float32)
    assert_same_bits(got, expected(source, [7, 7, 0], np.float32, 1.0))


def test_source_that_is_not_aligned(path):
    raw = np.arange(1, 1 + 4 * 6 * 4, dtype=np.uint8)
    source = raw[1 : 1 + 4 * 5 * 4].view(np.float32).reshape(4, 5)
    got = native.gather_rows(source, [2, 1], np.float32)
    assert_same_bits(got, expected(source, [2, 1], np.float32, 1.0))


def test_read_only_arrays_are_read_and_left_alone(path, rng):
    source, indices = numbers(rng, (5, 3), np.uint8), np.array([4, 0])
    source.flags.writeable = indices.flags.writeable = False
    copy = source.copy()
    assert_same_bits(
        native.gather_rows(source, indices, np.float32, 0.5),
        expected(source, indices, np.float32, 0.5),
    )
    assert_same_bits(source, copy)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_any_integers_are_indices(path, dtype):
    source = np.arange(12, dtype=np.float32).reshape(4, 3)
    indices = np.array([3, 1, 0, 2], dtype)[::2]
    assert_same_bits(native.gather_rows(source, indices), source[[3, 0]])


def test_empty_everything(path):
    assert native.gather_rows(np.zeros((4, 3), np.uint8), []).shape == (0, 3)
    assert native.gather_rows(np.zeros((0, 3), np.uint8), []).shape == (0, 3)
    assert native.gather_rows(np.zeros((4, 0), np.uint8), [1, 2]).shape == (2, 0)
    assert native.gather_rows(np.zeros((4, 2, 0, 3)), np.empty(0), np.float64).shape == (0, 2, 0, 3)


def test_out_is_written_and_returned(path, rng):
    source = numbers(rng, (5, 2, 3), np.uint8)
    out = np.full((2, 2, 3), 9.0)
    assert native.gather_rows(source, [4, 1], scale=0.1, out=out) is out
    assert_same_bits(out, expected(source, [4, 1], np.float64, 0.1))


@pytest.mark.parametrize(
    ("indices", "at", "value"),
    [
        ([0, 1, 4, 9], 2, "4"),
        ([0, -1], 1, "-1"),
        ([2**40], 0, str(2**40)),
        ([-(2**63)], 0, str(-(2**63))),
        (np.array([1, 2**64 - 1], np.uint64), 1, str(2**64 - 1)),
    ],
)
def test_a_bad_index_is_named_and_nothing_is_written(path, indices, at, value):
    source, out = np.ones((4, 3), np.uint8), np.full((len(indices), 3), 7, np.float32)
    with pytest.raises(errors.ArgumentError, match=rf"indices\[{at}\] is {value}; .* 4 rows"):
        native.gather_rows(source, indices, out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("shape", [(0, 3), (4, 0)])
def test_a_bad_index_is_seen_where_there_is_nothing_to_copy(path, shape):
    with pytest.raises(errors.ArgumentError, match=r"indices\[0\] is 4"):
        native.gather_rows(np.ones(shape, np.uint8), [4])


_X = np.ones((4, 3), np.uint8)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (errors.DtypeError, "source is int64", {"source": np.ones((4, 3), np.int64)}),
        (errors.DtypeError, "source is list", {"source": [[1, 2]]}),
        (errors.DtypeError, "source is >f4", {"source": np.ones((4, 3), ">f4")}),
        (errors.DtypeError, "dtype is int32", {"dtype": np.int32}),
        (errors.DtypeError, "dtype is float16", {"dtype": np.float16}),
        (errors.DtypeError, "indices are float64", {"indices": [1.0]}),
        (errors.DtypeError, "indices are bool", {"indices": [True, False]}),
        (errors.ShapeError, r"indices have shape \(1, 1\)", {"indices": [[1]]}),
        (errors.ShapeError, r"source has shape \(\)", {"source": np.ones(())}),
        (errors.ArgumentError, "scale is nan", {"scale": float("nan")}),
        (errors.ArgumentError, r"scale is 1e\+39", {"scale": 1e39}),
        (errors.ShapeError, r"out has shape \(1, 3\)", {"out": np.ones((1, 3), np.float32)}),
        (errors.DtypeError, "out is float64", {"out": np.ones((2, 3)), "dtype": np.float32}),
        (errors.ArgumentError, "out must be C-contiguous", {"out": np.ones((3, 2), np.float32).T}),
    ],
)
def test_a_wrong_argument_is_refused_by_name(path, error, message, arguments):
    with pytest.raises(error, match=f"^gather_rows: {message}"):
        native.gather_rows(**{"source": _X, "indices": [1, 2], **arguments})


def test_out_may_not_be_the_source_or_read_only(path):
    source = np.ones((4, 3), np.float32)
    with pytest.raises(errors.ArgumentError, match="overlaps"):
        native.gather_rows(source, [0, 1], out=source[1:3])
    out = np.ones((2, 3), np.float32)
    out.flags.writeable = False
    with pytest.raises(errors.ArgumentError, match="writable"):
        native.gather_rows(source, [0, 1], out=out)
