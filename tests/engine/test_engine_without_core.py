"""Without the native core the same calls run the maths."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import zerokara as zk

PROGRAM = """
import numpy as np
import zerokara as zk
from zerokara import errors, native
from zerokara.engine import EagerStep, compile_inference
assert not native.available
rng = np.random.default_rng(0)
x, t = rng.normal(size=(40, 6)), rng.integers(0, 3, 40)
net = zk.Sequential([zk.Affine(5), zk.ReLU(), zk.Affine(3)], 6, loss=zk.SoftmaxWithLoss())
assert compile_inference(net) is None
optimizer = zk.Adam()
step = zk.compile_step(net, optimizer, x, t, batch_size=10)
assert isinstance(step, EagerStep)
assert "ZEROKARA_NATIVE=0" in str(step.program)
first = step(np.arange(10))
losses = step.run(np.arange(40), np.arange(0, 41, 10))
assert losses.shape == (4,) and losses.dtype == np.float64 and np.isfinite(losses).all()
assert optimizer.steps == 5
assert step([1, 2, 3]) > 0
assert net.predict(x).shape == (40, 3) and 0 <= net.accuracy(x, t) <= 1
for data in (x, np.ones((40, 6), int)):
    step = zk.compile_step(net, optimizer, data, t, batch_size=10)
    before = net.flat_params.copy()
    for bad in ([-1], [40], [0.5], np.ones(5, bool), [], [[1, 2]], np.arange(11)):
        try:
            step(bad)
        except errors.ZerokaraError:
            assert (net.flat_params == before).all()
        else:
            raise AssertionError(f"{bad} was taken for indices of {data.dtype} data")
for size in (0, 2.5, "x"):
    try:
        zk.compile_step(net, optimizer, x, t, batch_size=size)
    except errors.ZerokaraError:
        pass
    else:
        raise AssertionError(f"batch_size {size} was taken")
"""


def test_the_same_calls_run_the_maths():
    source = str(Path(zk.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"ZEROKARA_NATIVE": "0", "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
