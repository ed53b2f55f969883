"""Numerical differentiation and gradient descent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from zerokara.errors import ArgumentError, DtypeError
from zerokara.gradient import gradient_descent, numerical_diff, numerical_gradient

# The central difference of a quadratic is exact but for the rounding of f, eps / h, with
# h = cbrt(eps): cbrt(eps)**2 in all, times a factor for f's size.
ROUNDING = {np.float16: 1e-1, np.float32: 2e-3, np.float64: 1e-8}


def function_2(x: Any) -> Any:
    """The book's x0**2 + x1**2 (4.4)."""
    return np.sum(np.square(x))


def function_1(x: Any) -> Any:
    """The book's 0.01 x**2 + 0.1 x (4.3)."""
    return 0.01 * x**2 + 0.1 * x


@pytest.mark.parametrize(("x", "slope"), [(5.0, 0.2), (10.0, 0.3), (5, 0.2)])
def test_the_books_derivatives(x: Any, slope: float) -> None:
    assert numerical_diff(function_1, x) == pytest.approx(slope, rel=1e-10)


@pytest.mark.parametrize("x", [-1e6, -3.0, 0.0, 1e-9, 2.0, 1e6])
def test_the_slope_of_a_square(x: float) -> None:
    assert numerical_diff(np.square, x) == pytest.approx(2 * x, rel=1e-9, abs=1e-9)


def test_diff_entry_by_entry() -> None:
    x = np.array([[0.0, 1.0], [2.0, -1.0]])
    np.testing.assert_allclose(numerical_diff(np.sin, x), np.cos(x), rtol=1e-9)


def test_diff_refuses() -> None:
    with pytest.raises(DtypeError, match="real floats, got dtype complex128"):
        numerical_diff(np.square, 1j)
    with pytest.raises(ArgumentError, match="h must be above 0, got 0"):
        numerical_diff(np.square, 1.0, h=0)
    with pytest.raises(ArgumentError, match="h=1e-09 vanishes beside x in float32"):
        numerical_diff(np.square, np.float32(1.0), h=1e-9)


@pytest.mark.parametrize(
    ("point", "slopes"), [([3.0, 4.0], [6, 8]), ([0.0, 2.0], [0, 4]), ([3.0, 0.0], [6, 0])]
)
@pytest.mark.parametrize("dtype", ROUNDING)
def test_the_books_gradients(point: list[float], slopes: list[float], dtype: Any) -> None:
    gradient = numerical_gradient(function_2, np.array(point, dtype))
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, slopes, atol=8 * ROUNDING[dtype])


def test_longdouble_is_kept() -> None:
    gradient = numerical_gradient(function_2, np.array([3, 4], np.longdouble))
    assert gradient.dtype == np.longdouble
    np.testing.assert_allclose(gradient.astype(float), [6, 8], rtol=1e-6)


@pytest.mark.parametrize("x", [np.array([3, 4]), [3, 4], np.array([True]), np.array([3], np.uint8)])
@pytest.mark.parametrize("function", [numerical_gradient, gradient_descent])
def test_integers_are_refused_with_the_reason(function: Any, x: Any) -> None:
    with pytest.raises(DtypeError, match=r"cut back to x .* x\.astype\(float\)"):
        function(function_2, x)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (2, 3, 4)])
def test_every_shape(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x, w = np.asarray(rng.standard_normal(shape)), np.asarray(rng.standard_normal(shape))
    gradient = numerical_gradient(lambda x: np.sum(w * np.sin(x)), x)
    assert gradient.shape == shape
    np.testing.assert_allclose(gradient, w * np.cos(x), rtol=1e-8, atol=1e-9)


VIEWS = {
    "fortran": lambda a: np.asfortranarray(a),
    "transposed": lambda a: a.T,
    "every second": lambda a: a[::2, 1::2],
    "backwards": lambda a: a[::-1, ::-1],
    "broadcast row": lambda a: a[1:2, :],
}


@pytest.mark.parametrize("view", VIEWS)
def test_strided_arrays_in_place(view: str, rng: np.random.Generator) -> None:
    whole = rng.standard_normal((4, 6))
    x = VIEWS[view](whole)
    before = whole.copy(), x.copy()
    seen: list[bool] = []

    def f(point: Any) -> Any:
        seen.append(np.shares_memory(point, x))
        return np.sum(np.sin(point))

    np.testing.assert_allclose(numerical_gradient(f, x), np.cos(before[1]), rtol=1e-8)
    assert all(seen)
    assert np.array_equal(whole, before[0])
    assert x.tobytes() == before[1].tobytes()


def test_the_books_idiom_reads_the_array_through_a_closure() -> None:
    W = np.array([[1.0, 2.0], [3.0, 4.0]])
    gradient = numerical_gradient(lambda _: float(np.sum(W**3)), W)
    np.testing.assert_allclose(gradient, 3 * np.square([[1.0, 2], [3, 4]]), rtol=1e-9)


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("fails_at", range(12))
def test_the_array_is_put_back_bit_for_bit_when_f_raises(fails_at: int, dtype: Any) -> None:
    x = np.array([[0.1, -0.0, 3e4], [1e-6, np.pi, -7.3]], dtype)
    before = x.tobytes()
    calls = 0

    def f(x: Any) -> float:
        nonlocal calls
        calls += 1
        if calls == fails_at + 1:
            raise RuntimeError("planned")
        return 1.0

    with pytest.raises(RuntimeError, match="planned"):
        numerical_gradient(f, x)
    assert x.tobytes() == before


def test_the_array_is_put_back_bit_for_bit(rng: np.random.Generator) -> None:
    x = rng.standard_normal((5, 5)) * 10.0 ** rng.integers(-300, 5, (5, 5))
    before = x.tobytes()
    numerical_gradient(np.sum, x)
    assert x.tobytes() == before


def test_read_only_arrays_and_lists_are_copied() -> None:
    x = np.array([3.0, 4.0])
    x.flags.writeable = False
    np.testing.assert_allclose(numerical_gradient(function_2, x), [6, 8], rtol=1e-9)
    np.testing.assert_allclose(numerical_gradient(function_2, [3.0, 4.0]), [6, 8], rtol=1e-9)
    assert x.tolist() == [3, 4]


def test_f_must_give_one_number() -> None:
    with pytest.raises(ArgumentError, match=r"f must return one number, got .* shape \(2,\)"):
        numerical_gradient(lambda x: x, np.ones(2))
    assert numerical_gradient(lambda x: x[:1] * 2, np.ones(1)) == pytest.approx(2)


def test_an_h_that_vanishes_is_refused() -> None:
    x = np.array([1.0, 1e20])
    with pytest.raises(ArgumentError, match=r"h=0.0001 vanishes beside entry \(1,\) = 1e\+20"):
        numerical_gradient(function_2, x, h=1e-4)
    assert x.tolist() == [1.0, 1e20]


@pytest.mark.parametrize("h", [0.0, -1e-4, math.nan])
def test_h_must_be_above_zero(h: float) -> None:
    with pytest.raises(ArgumentError, match="h must be above 0"):
        numerical_gradient(function_2, np.ones(2), h)


def test_nan_is_not_hidden() -> None:
    assert np.all(np.isnan(numerical_gradient(lambda x: np.nan, np.ones(2))))


def test_the_books_descent() -> None:
    x = gradient_descent(function_2, np.array([-3.0, 4.0]), lr=0.1, step_num=100)
    # Each step multiplies by 1 - 2 lr = 0.8; the book prints -6.11110793e-10, 8.14814391e-10.
    np.testing.assert_allclose(x, np.array([-3, 4]) * 0.8**100, rtol=1e-6)
    np.testing.assert_allclose(x, [-6.11110793e-10, 8.14814391e-10], rtol=1e-6)


def test_the_path_begins_with_the_start_and_ends_with_the_answer() -> None:
    start = np.array([-3.0, 4.0])
    start.flags.writeable = False
    x, path = gradient_descent(function_2, start, lr=0.1, step_num=20, return_path=True)
    assert path.shape == (21, 2)
    assert path[0].tolist() == [-3, 4]
    assert np.array_equal(path[-1], x)
    np.testing.assert_allclose(path, np.outer(0.8 ** np.arange(21), [-3, 4]), rtol=1e-7)
    assert start.tolist() == [-3, 4]


@pytest.mark.parametrize("shape", [(), (2, 2), (0,)])
def test_descent_of_every_shape(shape: tuple[int, ...]) -> None:
    x, path = gradient_descent(function_2, np.ones(shape), 0.1, 3, return_path=True)
    assert path.shape == (4, *shape)
    np.testing.assert_allclose(x, np.full(shape, 0.8**3), rtol=1e-8)


def test_too_large_and_too_small_a_rate_as_in_the_book() -> None:
    start = np.array([-3.0, 4.0])
    assert np.abs(gradient_descent(function_2, start, lr=10.0, step_num=10)).max() > 1e10
    np.testing.assert_allclose(gradient_descent(function_2, start, lr=1e-10), start, rtol=1e-7)


def test_descent_in_float32_stays_float32() -> None:
    x = gradient_descent(function_2, np.array([1.0], np.float32), 0.1, 5)
    assert x.dtype == np.float32


def test_no_steps_and_negative_steps() -> None:
    start = np.array([1.0])
    x = gradient_descent(function_2, start, step_num=0)
    assert x.tolist() == [1]
    assert not np.shares_memory(x, start)
    with pytest.raises(ArgumentError, match="step_num must be 0 or more, got -1"):
        gradient_descent(function_2, start, step_num=-1)
