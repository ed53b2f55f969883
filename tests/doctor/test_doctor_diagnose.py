"""zk.diagnose: healthy networks are left in peace, planted illnesses are named."""

from __future__ import annotations

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError, ShapeError
from zerokara.models import MultiLayerNet, TwoLayerNet


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    (x, t), _ = zk.data.load_digits()
    return np.asarray(x), np.asarray(t)


def two_layers() -> TwoLayerNet:
    return TwoLayerNet(64, 30, 10)


def deep(layers: int, activation: type, init: object = "he") -> zk.Sequential:
    inside = [each for _ in range(layers) for each in (zk.Affine(30, init=init), activation())]
    return zk.Sequential([*inside, zk.Affine(10, init=init)], 64, loss=zk.SoftmaxWithLoss())


HEALTHY = {
    "two layers": two_layers,
    "float64": lambda: two_layers().astype(np.float64),
    "deep, he": lambda: deep(4, zk.ReLU),
    "sigmoid, xavier": lambda: deep(2, zk.Sigmoid, "xavier"),
    "tanh, xavier": lambda: deep(4, zk.Tanh, "xavier"),
    "multi-layer": lambda: MultiLayerNet(64, [40, 30], 10),
    "dropout": lambda: zk.Sequential(
        [zk.Affine(50), zk.ReLU(), zk.Dropout(0.5), zk.Affine(10)], 64, loss=zk.SoftmaxWithLoss()
    ),
    "one layer of zeros": lambda: zk.Sequential(
        [zk.Affine(10, init=0.0)], 64, loss=zk.SoftmaxWithLoss()
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("seed", [0, 1])
def test_healthy_networks_have_no_findings(name: str, seed: int, digits) -> None:
    x, t = digits
    rows = np.random.default_rng(seed).permutation(len(x))[:800]
    found = zk.diagnose(HEALTHY[name](), x[rows], t[rows])
    assert found.ok, str(found)
    assert "healthy" in str(found)


def test_images_and_one_hot_and_regression_are_healthy(digits) -> None:
    x, t = digits
    net = zk.Sequential(
        [zk.Convolution(6, 3), zk.ReLU(), zk.MaxPool(2), zk.Affine(10)],
        (1, 8, 8),
        loss=zk.SoftmaxWithLoss(),
    )
    assert zk.diagnose(net, x.reshape(-1, 1, 8, 8), np.eye(10)[t])
    rng = np.random.default_rng(0)
    z = rng.standard_normal((200, 5))
    net = zk.Sequential([zk.Affine(20), zk.Tanh(), zk.Affine(1)], 5, loss=zk.IdentityWithLoss())
    assert zk.diagnose(net, z, np.sin(z.sum(axis=1, keepdims=True)))


def with_bias(value: float) -> zk.Sequential:
    net = deep(1, zk.ReLU)
    net.params["affine1.b"][...] = value
    return net


def with_weights(net: zk.Network, factor: float) -> zk.Network:
    net.flat_params[...] *= factor
    return net


class Blocked(zk.Layer):
    """Lets nothing back."""

    def forward(self, x, *, training=False):
        return x * 0

    def backward(self, dout):
        return dout * 0


def blocked() -> zk.Sequential:
    return zk.Sequential([zk.Affine(10), Blocked()], 64, loss=zk.SoftmaxWithLoss())


# illness: the network, what happens to x and t, where it is found, a word of the finding
ILLNESSES = {
    "raw bytes": (two_layers, lambda x: (x * 255).astype(np.uint8), None, "x", "raw bytes"),
    "raw bytes as floats": (two_layers, lambda x: np.round(x * 255), None, "x", "Divide them"),
    "not scaled": (two_layers, lambda x: x * 5000 - 900, None, "x", "not scaled"),
    "NaN": (two_layers, lambda x: np.where(x > 0.9, np.nan, x), None, "x", "NaN"),
    "all the same": (two_layers, lambda x: x * 0, None, "x", "nothing to learn"),
    "labels from 1": (two_layers, None, lambda t: t + 1, "t", "label 10"),
    "labels are strings": (two_layers, None, lambda t: t.astype(str), "t", "integers"),
    "a class is missing": (two_layers, None, lambda t: np.where(t == 3, 4, t), "t", "class 3"),
    "unbalanced": (
        two_layers,
        None,
        lambda t: np.where(np.arange(len(t)) % 12, 0, np.arange(len(t)) // 12 % 10),
        "t",
        "Balance the classes",
    ),
    "dead": (lambda: with_bias(-100), None, None, "relu1", "dead"),
    "saturated": (
        lambda: with_weights(deep(2, zk.Sigmoid, "xavier"), 60),
        None,
        None,
        "sigmoid1",
        "saturated",
    ),
    "saturated tanh": (lambda: with_weights(deep(2, zk.Tanh), 60), None, None, "tanh1", "ends"),
    "vanishing": (lambda: deep(12, zk.Sigmoid, 0.01), None, None, "affine1", "vanishes"),
    "exploding": (lambda: deep(8, zk.ReLU, 3.0), None, None, "affine1", "explodes"),
    "loss too great": (lambda: with_weights(deep(2, zk.ReLU), 10), None, None, "loss", "a guess"),
    "zeros": (lambda: with_weights(deep(2, zk.ReLU), 0), None, None, "affine1", "all 0"),
    "NaN weights": (lambda: with_weights(two_layers(), np.nan), None, None, "affine1", "NaN"),
    "softmax twice": (
        lambda: zk.Sequential([zk.Affine(10), zk.Softmax()], 64, loss=zk.SoftmaxWithLoss()),
        None,
        None,
        "softmax1",
        "twice",
    ),
    "cannot learn": (blocked, None, None, "net", "by heart"),
}


@pytest.mark.parametrize("name", ILLNESSES)
def test_planted_illnesses_are_named(name: str, digits) -> None:
    make, of_x, of_t, where, word = ILLNESSES[name]
    x, t = digits
    net = make()
    x = x if of_x is None else of_x(x)
    t = t if of_t is None else of_t(t)
    found = zk.diagnose(net, x, t)
    assert not found
    assert any(each.where == where and word in str(each) for each in found.findings), str(found)
    assert all(len(line) <= 80 for line in str(found).splitlines())


def test_the_network_and_the_data_are_left_as_they_were(digits) -> None:
    x, t = digits
    net = two_layers()
    net.compute_gradient(x[:5], t[:5])
    params, grads = net.flat_params.tobytes(), net.flat_grads.tobytes()
    data = x.tobytes(), t.tobytes()
    first = str(zk.diagnose(net, x, t))
    assert (net.flat_params.tobytes(), net.flat_grads.tobytes()) == (params, grads)
    assert (x.tobytes(), t.tobytes()) == data
    assert str(zk.diagnose(net, x, t)) == first


def test_what_cannot_be_diagnosed_is_refused(digits) -> None:
    x, t = digits
    with pytest.raises(ArgumentError, match="expected a network, got int"):
        zk.diagnose(3, x, t)
    with pytest.raises(ArgumentError, match="has no loss"):
        zk.diagnose(zk.Sequential([zk.Affine(2)], 64), x, t)
    with pytest.raises(ShapeError, match=r"got \(1797, 32, 2\)|got \(\d+, 32, 2\)"):
        zk.diagnose(two_layers(), x.reshape(-1, 32, 2), t)
    with pytest.raises(ArgumentError, match="at least one sample"):
        zk.diagnose(two_layers(), x[:0], t[:0])
