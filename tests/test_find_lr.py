"""find_lr: the ramp, a suggestion that trains, and a network that it leaves as it was."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fit_cases import blobs, small_net

import zerokara as zk
from zerokara.errors import ArgumentError, DtypeError, ShapeError
from zerokara.optimizers import OPTIMIZERS


def everything(net: zk.Network, optimizer: zk.optimizers.Optimizer) -> list[Any]:
    state = [array.tobytes() for layer in net.layers.values() for array in layer.state.values()]
    slots = {n: {k: a.tobytes() for k, a in s.items()} for n, s in optimizer.state.items()}
    return [
        net.flat_params.tobytes(),
        net.flat_grads.tobytes(),
        *state,
        repr(slots),
        optimizer.steps,
        optimizer.config(),
    ]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_ramp_by_hand_and_nothing_is_changed(name: str) -> None:
    x, t = blobs()
    layers = [zk.Affine(8), zk.ReLU(), zk.Dropout(0.3), zk.Affine(3)]
    net = zk.Sequential(layers, 6, loss=zk.SoftmaxWithLoss())
    optimizer = OPTIMIZERS[name](lr=0.01, schedule=zk.schedules.StepDecay(3))
    zk.fit(net, (x, t), optimizer=optimizer, batch_size=10, epochs=1)
    before, draws = everything(net, optimizer), np.random.get_state()[1].tolist()  # type: ignore[index]
    twin, rule = net.copy(), copy.deepcopy(optimizer)
    found = zk.find_lr(net, x, t, optimizer=optimizer, low=1e-4, high=0.1, steps=9, batch_size=10)
    assert everything(net, optimizer) == before
    assert np.random.get_state()[1].tolist() == draws  # type: ignore[index]
    rule.schedule = None
    step = zk.compile_step(twin, rule, x, t, batch_size=10)
    rates, losses, mean, means = np.geomspace(1e-4, 0.1, 9), [], 0.0, []
    for number in range(9):
        rule.lr = rates[number]
        losses.append(step(zk.data.Batches(len(x), 10).batch(number)))
        mean = 0.9 * mean + 0.1 * losses[-1]
        means.append(mean / (1 - 0.9 ** (number + 1)))
    np.testing.assert_array_equal(found.lrs, rates)
    assert found.losses.tolist() == losses
    np.testing.assert_allclose(found.smoothed, means, rtol=1e-14)
    assert found.suggestion == rates[int(np.argmin(means))] / 10
    assert not found.diverged


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_suggestion_trains(name: str) -> None:
    train, test = zk.data.load_digits()

    def net() -> zk.Network:
        return zk.models.TwoLayerNet(64, 50, 10, weight_init_std=(2 / 64) ** 0.5)

    found = zk.find_lr(net(), *train, optimizer=OPTIMIZERS[name]())
    trained = net()
    rule = OPTIMIZERS[name](lr=found.suggestion)
    history = zk.fit(trained, train, test=test, optimizer=rule, epochs=15)
    assert history.test_accuracy[-1] > 0.9
    # As the command line's own defaults do, it finds far more than a guess of a tenth of a guess.
    slow = net()
    lazy = zk.fit(slow, train, test=test, optimizer=OPTIMIZERS[name](lr=1e-6), epochs=15)
    assert lazy.test_accuracy[-1] < history.test_accuracy[-1]


def test_it_ends_where_the_loss_gets_out_of_hand() -> None:
    net = zk.Sequential([zk.Affine(5), zk.Affine(3)], 6, loss=zk.IdentityWithLoss())
    x, t = blobs()
    found = zk.find_lr(net, x, np.eye(3)[t], high=1e6)
    assert found.diverged
    assert len(found.lrs) == len(found.losses) == len(found.smoothed) < 100
    assert np.isfinite(found.losses).all()
    assert 1e-6 < found.suggestion < found.lrs[-1] / 10
    assert "diverged; suggestion" in repr(found)


def test_the_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figure = zk.find_lr(small_net(), *blobs()).plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_xlabel(), axes.get_ylabel()) == (
        "log",
        "learning rate",
        "loss",
    )
    with pytest.raises(ArgumentError, match=r"RateSearch\.plot: .* must end in a picture format"):
        zk.find_lr(small_net(), *blobs()).plot(tmp_path / "a.txt")


X, T = blobs()


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"low": 1.0, "high": 0.5}, ArgumentError, "0 < low < high"),
        ({"steps": 1}, ArgumentError, "steps must be a whole number from 2, got 1"),
        ({"batch_size": 0}, ArgumentError, "batch_size"),
        ({"x": X[:, :3]}, ShapeError, "find_lr: data: input 'x' must have shape"),
        ({"optimizer": zk.SGD}, DtypeError, "find_lr: expected a Network and an Optimizer"),
        ({"net": None}, DtypeError, "got NoneType"),
    ],
)
def test_what_cannot_be_is_refused(change: Any, error: type[Exception], match: str) -> None:
    arguments = {"net": small_net(), "x": X, "t": T} | change
    with pytest.raises(error, match=match):
        zk.find_lr(**arguments)


def test_a_network_that_is_spoiled_is_said_to_be() -> None:
    net = small_net()
    net.params["W1"][0, 0] = np.nan
    with pytest.raises(ArgumentError, match=r"first loss is nan; see zk\.diagnose"):
        zk.find_lr(net, X, T)
