"""Layers and losses of the user's own inside a program: the same results, errors unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engine_cases import OPTIMIZERS, compare, compiled, eager_step, needs_core
from user_layers import (
    Blend,
    Cubic,
    Fold,
    KeepsInput,
    Moody,
    Same,
    Scale,
    Sharper,
    Straight,
    Writes,
)

import zerokara as zk

pytestmark = [needs_core, pytest.mark.native]


def line(*layers: Any, shape: Any = 6, loss: Any = None) -> zk.Network:
    return zk.Sequential(layers, shape, loss=loss or zk.SoftmaxWithLoss(), dtype=np.float64)


def graph_of_two() -> zk.Network:
    x = zk.Input("x", (6,))
    a, b = zk.Affine(5)(x), zk.Tanh()(zk.Affine(5)(x))
    return zk.Network(
        zk.Affine(4)(zk.ReLU()(Blend()(a, b)) + b), loss=zk.SoftmaxWithLoss(), dtype=np.float64
    )


def first_and_second_input() -> zk.Network:
    x = zk.Input("x", (6,))
    out = zk.Affine(4)(Blend()(x, x)) + 2.0 * zk.Affine(4)(Same()(x)) - 1.5
    return zk.Network(out, loss=zk.SoftmaxWithLoss(), dtype=np.float64)


NETWORKS: dict[str, Callable[[], zk.Network]] = {
    "first": lambda: line(KeepsInput(), zk.Affine(6), zk.Tanh(), zk.Affine(4)),
    "first, with parameters": lambda: line(Scale(), zk.Affine(7), zk.ReLU(), zk.Affine(4)),
    "middle": lambda: line(zk.Affine(6), KeepsInput(), zk.Affine(4)),
    "middle of layers of one width": lambda: line(
        zk.Affine(6), KeepsInput(), zk.Affine(6), zk.Tanh(), zk.Affine(6), zk.Tanh(), zk.Affine(4)
    ),
    "with parameters in layers of one width": lambda: line(
        zk.Affine(6), Scale(), zk.Affine(6), Scale(), zk.Affine(6), zk.Sigmoid(), zk.Affine(4)
    ),
    "last": lambda: line(zk.Affine(4), KeepsInput()),
    "last, with parameters": lambda: line(zk.Affine(4), Scale()),
    "alone": lambda: line(Scale()),
    "two in a row": lambda: line(zk.Affine(6), Scale(), KeepsInput(), zk.Affine(4)),
    "the array that came in": lambda: line(Same(), zk.Affine(5), Same(), zk.Tanh(), zk.Affine(4)),
    "a subclass of ReLU": lambda: line(zk.Affine(9), Straight(), zk.Affine(4)),
    "of two inputs": graph_of_two,
    "of one input twice, and constants": first_and_second_input,
    "of images": lambda: line(Fold(), zk.Affine(4), shape=(2, 3)),
    "an activation of images before it": lambda: line(
        zk.Tanh(), Fold(), zk.Affine(4), shape=(2, 3)
    ),
    "a loss": lambda: line(zk.Affine(7), zk.Tanh(), zk.Affine(4), loss=Cubic()),
    "a subclass of a loss": lambda: line(zk.Affine(7), zk.Tanh(), zk.Affine(4), loss=Sharper()),
    "a loss and layers": lambda: line(zk.Affine(6), KeepsInput(), zk.Affine(4), loss=Cubic()),
}


def data(rng: np.random.Generator, net: zk.Network, rows: int = 30) -> tuple[Any, Any]:
    x = rng.normal(size=(rows, *next(iter(net.inputs.values())).shape))
    if isinstance(net.loss_layer, Cubic):
        return x, rng.normal(size=(rows, *net.output_shape))
    return x, rng.integers(0, net.output_shape[0], rows)


@pytest.mark.parametrize("clip_norm", [None, 0.1])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("name", NETWORKS)
def test_trains_as_the_maths_does(name, optimizer, clip_norm, rng):
    net = NETWORKS[name]()
    x, t = data(rng, net)
    batches = [rng.permutation(30)[:n] for n in (16, 16, 1, 3, 16, 5)]
    result = compare(net, lambda: OPTIMIZERS[optimizer](clip_norm=clip_norm), x, t, batches)
    assert result.compared == 6


@pytest.mark.parametrize("rows", [0, 1, 3, 20, 400])
@pytest.mark.parametrize("name", NETWORKS)
def test_predicts_as_the_maths_does(name, rows, rng):
    net = NETWORKS[name]()
    x = data(rng, net, max(rows, 1))[0][:rows]
    got = net.predict(x)
    np.testing.assert_allclose(got, net.predict_eagerly(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_run_is_its_steps(name, rng):
    nets = [NETWORKS[name]() for _ in range(2)]
    x, t = data(rng, nets[0])
    bounds = np.arange(0, 31, 6)
    together = compiled(nets[0], zk.Adam(), x, t, 6).run(np.arange(30), bounds)
    step = compiled(nets[1], zk.Adam(), x, t, 6)
    alone = [step(np.arange(a, a + 6)) for a in range(0, 30, 6)]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(nets[0].flat_params, nets[1].flat_params)


@pytest.mark.parametrize(
    "error", [RuntimeError("x"), KeyboardInterrupt(), zk.errors.ShapeError("y")]
)
@pytest.mark.parametrize("where", ["forward", "backward"])
def test_an_error_comes_out_unchanged_and_its_step_never_was(where, error, rng):
    nets = [line(zk.Affine(5), layer := Moody(), zk.Tanh(), zk.Affine(4)) for _ in range(2)]
    x, t = data(rng, nets[0])
    optimizers = [zk.Adam(), zk.Adam()]
    step = compiled(nets[0], optimizers[0], x, t, 10)
    del layer
    moody = next(each for each in nets[0].layers.values() if isinstance(each, Moody))
    moody.bad_call, moody.where, moody.error = 3, where, error
    with pytest.raises(type(error)) as caught:
        step.run(np.arange(30), [0, 6, 12, 18, 24, 30])
    assert caught.value is error
    compiled(nets[1], optimizers[1], x, t, 10).run(np.arange(12), [0, 6, 12])
    np.testing.assert_array_equal(nets[0].flat_params, nets[1].flat_params)
    assert optimizers[0].steps == optimizers[1].steps == 2
    for slot in ("m", "v"):
        np.testing.assert_array_equal(optimizers[0].state[""][slot], optimizers[1].state[""][slot])
    # And the program goes on as if nothing had been.
    moody.bad_call = -1
    assert step(np.arange(6)) == eager_loss(nets[1], optimizers[1], x, t)


def eager_loss(net: zk.Network, optimizer: Any, x: Any, t: Any) -> Any:
    return pytest.approx(eager_step(net, optimizer, x, t)(np.arange(6)), rel=1e-12)


def test_an_error_in_predict_comes_out_unchanged(rng):
    net = line(zk.Affine(5), Moody(), zk.Affine(4))
    moody = next(each for each in net.layers.values() if isinstance(each, Moody))
    moody.bad_call = 1
    x = data(rng, net)[0]
    with pytest.raises(RuntimeError) as caught:
        net.predict(x)
    assert caught.value is moody.error
    np.testing.assert_allclose(net.predict(x), net.predict_eagerly(x), rtol=1e-12)


def test_layers_know_whether_they_train(rng):
    net = line(zk.Affine(5), Moody(), zk.Affine(4))
    moody = next(each for each in net.layers.values() if isinstance(each, Moody))
    x, t = data(rng, net)
    compiled(net, zk.SGD(), x, t, 10)(np.arange(10))
    net.predict(x)
    assert moody.modes == [True, False]


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_layers_cannot_write_into_what_they_are_given(where, rng):
    net = line(zk.Affine(5), Writes(where), zk.Affine(4))
    x, t = data(rng, net)
    before = net.flat_params.copy()
    with pytest.raises(ValueError, match="read-only"):
        compiled(net, zk.SGD(), x, t, 10)(np.arange(10))
    np.testing.assert_array_equal(net.flat_params, before)


def test_an_optimizer_of_the_users_own_runs_the_maths(rng):
    class Halving(zk.SGD):
        def _apply(self, p: Any, g: Any, **slots: Any) -> None:
            p -= 0.5 * self.lr * g

    net = line(zk.Affine(5), zk.Tanh(), zk.Affine(4))
    twin = net.copy()
    x, t = data(rng, net)
    step = zk.compile_step(net, Halving(0.2), x, t, batch_size=10)
    step(np.arange(10))
    assert "Halving has no kernel" in str(step.program)
    eager_step(twin, zk.SGD(0.1), x, t)(np.arange(10))
    np.testing.assert_allclose(net.flat_params, twin.flat_params, rtol=1e-14)
