"""Networks: graphs of nodes, their gradients, their one buffer, their names and their refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_networks import residual, shop, small

import zerokara as zk
from zerokara.errors import ArgumentError, ShapeError

DTYPES = (np.float32, np.float64)


def test_names_and_order_of_parameters() -> None:
    net = residual()
    names = [f"affine{i}.{key}" for i in (1, 2, 3) for key in ("W", "b")]
    assert list(net.params) == list(net.grads) == names
    assert list(net.layers) == [
        "affine1", "tanh1", "affine2", "add1", "relu1", "mul1", "add2", "affine3",
    ]  # fmt: skip


PRINTED = """
import sys; sys.path.insert(0, {source!r})
import zerokara as zk
a, b = zk.Input("a", (3,)), zk.Input("b", (3,))
h = zk.Affine(3)(a) * zk.Affine(3)(b) + a * b
net = zk.Network(zk.Affine(2)(h + h), rng=7)
print(list(net.params), list(net.layers), list(net.inputs), net.flat_params.tobytes().hex())
"""


def test_the_same_order_whatever_the_hash_seed() -> None:
    source = str(Path(zk.__file__).parents[1])
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINTED.format(source=source)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(printed) == 1
    assert "affine3.W" in printed.pop()


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_parameters_are_views_into_one_buffer(dtype: Any) -> None:
    net = small(dtype=dtype)
    for flat, named in ((net.flat_params, net.params), (net.flat_grads, net.grads)):
        assert flat.dtype == dtype
        assert flat.flags.c_contiguous
        assert flat.ctypes.data % 64 == 0
        assert flat.size == sum(array.size for array in named.values()) == 4 * 5 + 5 + 5 * 3 + 3
        assert all(np.shares_memory(array, flat) for array in named.values())
        np.testing.assert_array_equal(np.concatenate([a.ravel() for a in named.values()]), flat)
    assert net.params["affine1.W"] is net.layers["affine1"].params["W"]
    assert not np.shares_memory(net.flat_params, net.flat_grads)
    net.flat_params[0] = 42
    assert net.params["affine1.W"][0, 0] == 42


def test_assignment_writes_into_the_buffer(rng: np.random.Generator) -> None:
    net = zk.models.TwoLayerNet(4, 5, 3, dtype=np.float64)
    x, flat = rng.standard_normal((2, 4)), net.flat_params
    before, view = net.predict(x), net.params["W1"]
    new = rng.standard_normal((4, 5))
    net.params["W1"] = new
    assert net.params["W1"] is view
    assert net.flat_params is flat
    assert np.array_equal(flat[:20], new.ravel())
    assert not np.array_equal(net.predict(x), before)
    net.params["W1"] -= 0.5
    assert np.array_equal(flat[:20], new.ravel() - 0.5)
    for wrong in (new.T, new[0], 1.0):
        with pytest.raises(ShapeError, match=r"parameter 'W1' has shape \(4, 5\), cannot assign"):
            net.params["W1"] = wrong
    with pytest.raises(ArgumentError, match="parameter 'W1' cannot be removed"):
        del net.params["W1"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_sample_is_a_batch_of_one(dtype: Any, rng: np.random.Generator) -> None:
    net = small(dtype=dtype)
    x, t = rng.standard_normal((3, 4)).astype(dtype), np.array([0, 2, 1])
    for i in range(3):
        assert net.forward(x[i]).shape == (3,)
        assert np.array_equal(net.forward(x[i]), net.forward(x[i : i + 1])[0])
        assert np.array_equal(net.predict(x[i]), net.predict(x[i : i + 1])[0])
        assert net.loss(x[i], t[i]) == net.loss(x[i : i + 1], t[i : i + 1])
        assert net.accuracy(x[i], t[i]) == net.accuracy(x[i : i + 1], t[i : i + 1])
        one, batch = net.gradient(x[i], t[i]), net.gradient(x[i : i + 1], t[i : i + 1])
        assert all(np.array_equal(one[name], batch[name]) for name in one)
        assert net.probabilities(x[i]).sum() == pytest.approx(1, rel=1e-6)
        net.forward(x[i])
        alone = net.backward(np.array([1.0, -1.0, 0.5]))
        assert alone.shape == (4,)
    singles = [net.loss(x[i], t[i]) for i in range(3)]
    assert net.loss(x, t) == pytest.approx(np.mean(singles), rel=1e-6)
    assert net.loss(x, np.eye(3)[t]) == net.loss(x, t)


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_have_the_networks_dtype(dtype: Any, rng: np.random.Generator) -> None:
    net = small(dtype=dtype)
    for given in (rng.standard_normal((2, 4)), np.ones((2, 4), np.uint8), np.ones((2, 4), bool)):
        assert net.forward(given).dtype == dtype
        assert net.predict(given).dtype == dtype
        assert net.loss(given, [0, 1]).dtype == dtype
        assert {a.dtype for a in net.gradient(given, [0, 1]).values()} == {np.dtype(dtype)}
        assert net.backward(np.ones((2, 3))).dtype == dtype


def test_gradients_are_copies(rng: np.random.Generator) -> None:
    net = small()
    x, t = rng.standard_normal((3, 4)), [0, 1, 2]
    first = net.gradient(x, t)
    kept = {name: array.copy() for name, array in first.items()}
    assert not any(np.shares_memory(array, net.flat_grads) for array in first.values())
    net.gradient(-x, t)
    assert all(np.array_equal(first[name], kept[name]) for name in first)
    first["affine1.W"][...] = 0
    assert net.flat_grads.any()


def test_gradient_is_what_compute_gradient_fills_in(rng: np.random.Generator) -> None:
    net = small()
    x, t = rng.standard_normal((3, 4)), [0, 1, 2]
    named = net.gradient(x, t)
    loss = net.compute_gradient(x, t)
    assert loss == net.loss(x, t)
    assert all(np.array_equal(named[name], net.grads[name]) for name in named)


@pytest.mark.parametrize("make", [small, residual])
def test_gradient_against_numerical_gradient(make: Any, rng: np.random.Generator) -> None:
    net = make(dtype=np.float64)
    x, t = rng.standard_normal((3, 4)), [0, 1, 2]
    measured = net.numerical_gradient(x, t)
    for name, gradient in net.gradient(x, t).items():
        np.testing.assert_allclose(gradient, measured[name], rtol=1e-7, atol=1e-9)


def test_inputs_are_only_read(rng: np.random.Generator) -> None:
    net = small()
    x, t = rng.standard_normal((3, 4)).astype(np.float32), np.array([0, 1, 2])
    x.flags.writeable = t.flags.writeable = False
    net.gradient(x, t)
    net.predict(x)
    net.accuracy(x, t)
    dout = np.ones((3, 3), np.float32)
    dout.flags.writeable = False
    net.forward(x)
    net.backward(dout)


def test_fan_out_does_not_write_into_shared_gradients() -> None:
    x = zk.Input("x", (2,))
    net = zk.Network(zk.Identity()(x) + zk.Identity()(x), dtype=np.float64)
    net.forward(np.ones((1, 2)))
    dout = np.array([[1.0, 2.0]])
    assert net.backward(dout)["x"].tolist() == [[2, 4]]
    assert net.backward(dout)["x"].tolist() == [[2, 4]]
    assert dout.tolist() == [[1, 2]]


def test_predict_works_in_blocks(rng: np.random.Generator) -> None:
    net = small(dtype=np.float64)
    x = rng.standard_normal((2050, 4))
    np.testing.assert_allclose(net.predict(x), net.forward(x), rtol=1e-12)
    assert net.predict(x[:0]).shape == (0, 3)


def test_a_graph_of_five_thousand_nodes() -> None:
    x = zk.Input("x")
    node: zk.Node = x
    for _ in range(5000):
        node = node + 0.5
    net = zk.Network(node, dtype=np.float64)
    assert net.forward(1.0) == 2501.0
    assert net.backward(1.0) == {"x": 1.0}
    assert len(net.layers) == 5000
    assert net.astype(np.float32).forward(1.0) == 2501.0
    assert net.copy().forward(2.0) == 2502.0


def test_copies_are_independent(rng: np.random.Generator) -> None:
    net = small()
    x = rng.standard_normal((2, 4))
    twin, wide = net.copy(), net.astype(np.float64)
    assert twin.dtype == np.float32
    assert wide.dtype == wide.flat_params.dtype == wide.params["affine1.W"].dtype == np.float64
    assert np.array_equal(twin.predict(x), net.predict(x))
    np.testing.assert_allclose(wide.predict(x), net.predict(x), rtol=1e-5)
    assert np.array_equal(wide.flat_params, net.flat_params)
    for other in (twin, wide):
        assert not np.shares_memory(other.flat_params, net.flat_params)
        assert all(np.shares_memory(a, other.flat_params) for a in other.params.values())
        assert other.layers["affine1"].params["W"] is other.params["affine1.W"]
    before = net.flat_params.copy()
    twin.flat_params[...] = 0
    wide.params["affine1.W"] = np.zeros((4, 5))
    assert np.array_equal(net.flat_params, before)


def test_the_same_seed_gives_the_same_parameters() -> None:
    assert np.array_equal(small(rng=3).flat_params, small(rng=3).flat_params)
    assert not np.array_equal(small(rng=3).flat_params, small(rng=4).flat_params)
    drawn = small(rng=np.random.default_rng(3), dtype=np.float64).flat_params
    assert np.array_equal(drawn.astype(np.float32), small(rng=3).flat_params)


def test_initial_values_suit_the_layer_behind() -> None:
    net = zk.Sequential(
        [zk.Affine(400), zk.ReLU(), zk.Affine(400), zk.Tanh(), zk.Affine(400, init=0.5)], 400
    )
    deviations = [net.params[f"affine{i}.W"].std() for i in (1, 2, 3)]
    # 160,000 numbers: their deviation is met to about 0.2 %.
    np.testing.assert_allclose(deviations, [(2 / 400) ** 0.5, 400**-0.5, 0.5], rtol=0.02)
    assert not any(net.params[f"affine{i}.b"].any() for i in (1, 2, 3))


def test_a_layer_around_given_arrays() -> None:
    W, b = np.eye(3), np.arange(3.0)
    net = zk.Sequential([zk.Affine.from_arrays(W, b)], 3, dtype=np.float64)
    assert net.forward(np.ones(3)).tolist() == [1, 2, 3]
    with pytest.raises(ShapeError, match=r"W has shape .* takes 3 inputs; an input of shape .* 4"):
        zk.Sequential([zk.Affine.from_arrays(W, b)], 4)


def test_summary() -> None:
    net = zk.models.TwoLayerNet(784, 50, 10)
    lines = str(net.summary()).splitlines()
    cells = [line.split() for line in lines]
    assert lines[0] == "input: x (784,)"
    assert cells[1] == ["layer", "kind", "output", "shape", "parameters", "multiply-adds"]
    assert cells[3][0] == "affine1"
    assert cells[3][-3:] == ["(50,)", "39,250", "39,200"]
    assert cells[4] == ["relu1", "ReLU()", "(50,)", "0", "0"]
    assert cells[5][-3:] == ["(10,)", "510", "500"]
    assert cells[6][:2] == ["loss", "SoftmaxWithLoss()"]
    assert cells[-1] == ["total", "(10,)", "39,760", "39,700"]
    assert repr(net.summary()) == str(net.summary())
    assert "apple ()" in shop().summary()


def test_accuracy_counts() -> None:
    net = zk.Sequential(
        [zk.Affine.from_arrays(np.eye(3), np.zeros(3))], 3, loss=zk.SoftmaxWithLoss()
    )
    x = np.eye(3)[[0, 1, 2, 0]]
    assert net.accuracy(x, [0, 1, 2, 1]) == 0.75
    assert net.accuracy(x, np.eye(3)[[0, 1, 2, 1]]) == 0.75
    assert net.accuracy(x[0], 0) == 1.0
