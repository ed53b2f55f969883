"""LeakyReLU, ELU, GELU, SiLU, Softplus: values by another way, far arguments, the point 0."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError
from zerokara.layers.erf import SERIES, erfc

EPS = 2.0**-52
TINY = np.finfo(np.float64).tiny

# name -> the layer, and its value and slope at a number by Python's own math.
WAYS: dict[str, tuple[Any, Any, Any]] = {
    "leaky": (
        lambda: zk.LeakyReLU(0.1),
        lambda x: x if x > 0 else 0.1 * x,
        lambda x: 1.0 if x > 0 else 0.1,
    ),
    "elu": (
        lambda: zk.ELU(1.5),
        lambda x: x if x > 0 else 1.5 * math.expm1(x),
        lambda x: 1.0 if x > 0 else 1.5 * math.exp(x),
    ),
    "gelu": (
        zk.GELU,
        lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
        lambda x: (
            math.erfc(-x / math.sqrt(2)) / 2 + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        ),
    ),
    "gelu-tanh": (
        lambda: zk.GELU("tanh"),
        lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        None,
    ),
    "silu": (
        zk.SiLU,
        lambda x: x / (1 + math.exp(-x)),
        lambda x: 1 / (1 + math.exp(-x)) * (1 + x / (1 + math.exp(x))),
    ),
    "softplus": (
        zk.Softplus,
        lambda x: math.log1p(math.exp(x)),
        lambda x: 1 / (1 + math.exp(-x)),
    ),
}
each = pytest.mark.parametrize("name", WAYS)


def test_erfc_is_as_exact_as_float64() -> None:
    x = np.concatenate([np.linspace(-7, 7, 40001), np.linspace(7, 28, 5001), [-30, 1e300, -1e300]])
    truth = np.array([math.erfc(value) for value in x])
    found = erfc(x)
    assert np.max(np.abs(found - truth)) <= 2 * EPS
    assert np.max(np.abs((1 - found) - [math.erf(value) for value in x])) <= 2 * EPS
    # Squaring x costs x**2 roundings in the exponent, on either side of the comparison.
    normal = (truth > TINY) & (x > 0)
    error = np.abs(found - truth)[normal] / truth[normal]
    assert np.all(error <= EPS * (5 + x[normal] ** 2))
    assert np.all(np.diff(found[:40001]) <= EPS)


def test_erfc_at_the_ends_and_of_nan() -> None:
    found = erfc(np.array([0.0, -0.0, np.inf, -np.inf, np.nan]))
    assert found[:4].tolist() == pytest.approx([1, 1, 0, 2], abs=2 * EPS)
    assert np.isnan(found[4])
    # At x = 0 and at infinity the series has known values.
    assert sum(SERIES) == pytest.approx(2 / math.sqrt(math.pi), rel=1e-15)
    assert sum(c * (-1) ** i for i, c in enumerate(SERIES)) == pytest.approx(1, rel=1e-15)


def test_erfc_in_float32() -> None:
    x = np.linspace(-5, 9, 2001, dtype=np.float32)
    truth = np.array([math.erfc(value) for value in x.astype(np.float64)])
    assert erfc(x).dtype == np.float32
    np.testing.assert_allclose(erfc(x), truth, rtol=2e-5, atol=3e-7)


@each
def test_values_and_slopes_by_pythons_own_math(name: str) -> None:
    make, value, slope = WAYS[name]
    x = np.concatenate([np.linspace(-6, 6, 1201), [-30.0, 30.0]])
    layer = make()
    np.testing.assert_allclose(layer.forward(x), [value(v) for v in x], rtol=1e-13, atol=1e-15)
    if slope is not None:
        expected = [slope(v) for v in x]
        np.testing.assert_allclose(
            layer.backward(np.ones(x.shape)), expected, rtol=1e-13, atol=1e-15
        )


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_arguments_give_the_asymptotes_without_a_warning(name: str, dtype: Any) -> None:
    far = np.array([1e3, 1e10, 1e30, 3e38], dtype)
    layer = WAYS[name][0]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        above = layer.forward(far)
        slope_above = layer.backward(np.ones_like(far))
        below = layer.forward(-far)
        slope_below = layer.backward(np.ones_like(far))
    np.testing.assert_array_equal(above, far)
    np.testing.assert_array_equal(slope_above, np.ones_like(far))
    slope = dtype(0.1) if name == "leaky" else dtype(0)
    floor = {"elu": -1.5}.get(name, 0.0)
    np.testing.assert_allclose(below, -slope * far if slope else np.full_like(far, floor))
    np.testing.assert_allclose(slope_below, np.full_like(far, slope))


def test_at_zero() -> None:
    zero = np.zeros(1)
    for make, expected in (
        (lambda: zk.LeakyReLU(0.2), 0.2),
        (zk.ELU, 1.0),
        (lambda: zk.ELU(0.5), 0.5),
        (zk.GELU, 0.5),
        (lambda: zk.GELU("tanh"), 0.5),
        (zk.SiLU, 0.5),
        (zk.Softplus, 0.5),
    ):
        layer = make()
        start = math.log(2) if isinstance(layer, zk.Softplus) else 0.0
        assert layer.forward(zero) == pytest.approx(start, abs=1e-16)
        assert layer.backward(np.ones(1)) == pytest.approx(expected, rel=1e-15)


def test_the_tanh_form_is_near_the_exact_one_and_not_it() -> None:
    x = np.linspace(-5, 5, 101)
    off = np.abs(zk.GELU().forward(x) - zk.GELU("tanh").forward(x)).max()
    assert 1e-5 < off < 1e-3


def test_a_slope_of_0_is_relu(rng: np.random.Generator) -> None:
    x = rng.standard_normal((5, 4))
    dout = rng.standard_normal((5, 4))
    leaky, relu = zk.LeakyReLU(0), zk.ReLU()
    assert np.array_equal(leaky.forward(x), relu.forward(x))
    assert np.array_equal(leaky.backward(dout), relu.backward(dout))


def test_nan_gets_a_gradient() -> None:
    nan = np.array([np.nan])
    for name in WAYS:
        layer = WAYS[name][0]()
        assert np.isnan(layer.forward(nan))
        assert layer.backward(np.array([3.0])) != 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: zk.LeakyReLU(-0.1), "LeakyReLU: negative_slope must be 0 or more and finite"),
        (lambda: zk.LeakyReLU(np.inf), "got inf"),
        (lambda: zk.ELU(np.nan), "ELU: alpha must be 0 or more and finite, got nan"),
        (lambda: zk.GELU("erf"), "GELU: approximate must be 'none' \\(exact\\) or 'tanh'"),
    ],
)
def test_bad_arguments_are_refused(make: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()


@each
def test_a_network_with_it_learns(name: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((200, 2))
    t = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    layers = [zk.Affine(12), WAYS[name][0](), zk.Affine(2)]
    net = zk.Sequential(layers, 2, loss=zk.SoftmaxWithLoss(), rng=1)
    assert "init='he'" in net.summary().splitlines()[3]
    zk.fit(net, (x, t), optimizer=zk.Adam(lr=0.03), epochs=30, batch_size=20)
    assert net.accuracy(x, t) > 0.9
