"""Numbers below the smallest normal one: zero in a program, numbers elsewhere (decision 16)."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import ISAS, needs_core, using

import zerokara as zk

pytestmark = [needs_core, pytest.mark.native]

TINY = np.float32(1e-40)
NORMAL = np.finfo(np.float32).tiny
LOSS = zk.SoftmaxWithLoss


def still_numbers() -> bool:
    """Whether this thread makes and reads tiny numbers."""
    normal, tiny = np.full(2, NORMAL), np.full(2, TINY)
    return bool((normal * np.float32(0.25) > 0).all() and (tiny * np.float32(1e30) > 0).all())


class Watching(zk.layers.Layer):
    """A layer of the user's own, which notes what NumPy makes of tiny numbers in it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bool] = []

    def forward(self, x, *, training=True):
        self.seen.append(still_numbers())
        return x + 0

    def backward(self, dout):
        self.seen.append(still_numbers())
        return dout + 0


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("rows", [1, 40])
def test_a_program_reads_tiny_weights_as_zero(isa, rows):
    with using(isa):
        net = zk.Sequential([zk.Affine(33)], (700,), loss=zk.IdentityWithLoss(), dtype=np.float32)
        net.params["affine1.W"][...] = TINY
        x = np.full((rows, 700), 1e30, np.float32)
        assert np.all(net.predict_eagerly(x) > 0)  # the maths knows them
        assert np.all(net.predict(x) == 0)
        assert still_numbers()


@pytest.mark.parametrize("isa", ISAS)
def test_the_mean_of_a_gradient_that_ended_ends_too(isa):
    """Adam's running mean shrinks by a tenth a step; it must not stay among the tiny numbers."""
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 600)).astype(np.float32)
    x[32:, :300] = 0
    t = rng.integers(0, 10, 64)
    digests = set()
    for threads in (1, 2):
        with using(isa), limits(threads):
            net = zk.Sequential(
                [zk.Affine(20), zk.ReLU(), zk.Affine(10)], (600,), loss=LOSS(), rng=3
            )
            optimizer = zk.Adam()
            step = zk.compile_step(net, optimizer, x, t, batch_size=32)
            step(np.arange(32))
            later = np.tile(np.arange(32, 64), 1200)
            step.run(later, np.arange(0, len(later) + 1, 32))
        size = np.abs(optimizer.state[""]["m"])
        assert not np.any((size > 0) & (size < NORMAL))
        assert np.any(size == 0)
        digests.add(net.flat_params.tobytes())
        assert still_numbers()
    assert len(digests) == 1


def test_layers_of_the_users_own_have_them():
    watching = Watching()
    net = zk.Sequential([zk.Affine(50), watching, zk.Affine(10)], (784,), loss=LOSS(), rng=3)
    x = np.random.default_rng(0).normal(size=(100, 784)).astype(np.float32)
    step = zk.compile_step(net, zk.SGD(0.1), x, np.zeros(100, np.int64), batch_size=100)
    step(np.arange(100))
    assert watching.seen == [True, True]
    assert still_numbers()
