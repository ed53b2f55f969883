"""Several Python threads, and children that were forked, use the engine at once."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bits_script
import numpy as np
import pytest
from engine_cases import needs_core

import zerokara as zk

pytestmark = [needs_core, pytest.mark.native]


def test_networks_trained_at_once_are_as_if_trained_alone():
    names = ["wide", "book", "wide, clipped", "deep"]
    alone = [bits_script.trained(name) for name in names]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(bits_script.trained, names)) == alone


@pytest.mark.parametrize("layers", ["kernels", "Python"])
def test_one_network_predicts_in_many_threads(layers, rng):
    class Half(zk.layers.Layer):
        def forward(self, x: np.ndarray, *, training: bool = False) -> np.ndarray:
            return x * np.float32(0.5)

    middle = zk.ReLU() if layers == "kernels" else Half()
    net = zk.Sequential([zk.Affine(256), middle, zk.Affine(10)], 64)
    xs = [rng.normal(size=(rows, 64)).astype(np.float32) for rows in (1, 3, 50, 500, 1000) * 8]
    with ThreadPoolExecutor(4) as threads:  # the first call, which compiles, is contended as well
        got = list(threads.map(net.predict, xs))
    for x, scores in zip(xs, got, strict=True):
        # The very first calls may run the maths while the program is made.
        np.testing.assert_allclose(scores, net.predict(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [lambda: zk.SGD(1e-2), lambda: zk.Adam(1e-2)])
def test_one_step_called_by_two_threads_loses_no_update(make, rng):
    """One after the other: every update arrives, and Adam counts them right."""
    net = zk.Sequential([zk.Affine(3)], 5, loss=zk.IdentityWithLoss(), dtype=np.float64)
    twin = net.copy()
    x, t = rng.normal(size=(20, 5)), rng.normal(size=(20, 3))
    everyone = np.tile(np.arange(20), 50)
    bounds = np.arange(0, 1001, 20)
    optimizer = make()
    step = zk.compile_step(net, optimizer, x, t, batch_size=20)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: step.run(everyone, bounds), range(4)))
    once = zk.compile_step(twin, make(), x, t, batch_size=20)
    for _ in range(4):
        once.run(everyone, bounds)
    np.testing.assert_array_equal(net.flat_params, twin.flat_params)
    assert optimizer.steps == 200


FORK = """
import os, sys
import numpy as np
import bits_script
expected = bits_script.trained("wide")   # makes the pool
net, step, optimizer, indices, bounds = bits_script.make("book")
step.run(indices, bounds[:4])
child = os.fork()
if child == 0:
    try:
        assert bits_script.trained("wide") == expected
        step.run(indices, bounds[3:8])       # a program of the parent, in its copy
        assert np.isfinite(net.predict(np.ones((100, 784), np.float32))).all()
    except BaseException as error:
        print("in the child:", repr(error), file=sys.stderr)
        os._exit(1)
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert bits_script.trained("wide") == expected
step.run(indices, bounds[3:8])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_child_trains(threads):
    folders = [str(Path(bits_script.__file__).parent), str(Path(zk.__file__).parents[1])]
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(folders),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_warnings_are_not_raised_by_garbage_in_the_padding(rng):
    """What lies past a row's end may be anything; NumPy must not see its floating-point flags."""
    net = zk.models.TwoLayerNet(5, 3, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.params["W1"][...] = np.inf
        net.predict(rng.normal(size=(9, 5)).astype(np.float32))
        assert np.add(np.float32(1), np.float32(2)) == 3
