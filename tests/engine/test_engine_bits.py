"""The same bits: for every number of threads, in any process, however the steps are cut."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import bits_script
import numpy as np
import pytest
from engine_cases import ISAS, needs_core, using

import zerokara as zk
from zerokara import native
from zerokara.training import Callback

pytestmark = [needs_core, pytest.mark.native]
SCRIPT = Path(bits_script.__file__)


def in_a_process(threads: int | None) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    # The same kernels as here, and the same zerokara.
    environment |= {"ZEROKARA_ISA": native.isa()}
    environment["PYTHONPATH"] = str(Path(zk.__file__).parents[1])
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ") for line in done.stdout.splitlines())


def test_processes_of_one_two_and_three_threads_agree():
    first = in_a_process(1)
    assert list(first) == list(bits_script.SHAPES)
    for threads in (2, 3):
        assert in_a_process(threads) == first
    # This process has as many as the machine has cores.
    assert {name: bits_script.trained(name) for name in first} == first


@pytest.mark.parametrize("isa", ISAS)
def test_threads_within_one_process_agree(isa):
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    with using(isa):
        for name in (
            "book",
            "deep inputs",
            "normalized inputs",
            "deep",
            "clipped",
            "wide",
            "wide, few rows",
            "wide, one row",
            "images",
            "images, few",
        ):
            digests = set()
            for threads in (1, 2, 3):
                with limits(threads):
                    digests.add(bits_script.trained(name))
            assert len(digests) == 1, name


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "window",
    [
        {"size": (4, 3), "stride": (2, 1)},  # tile by tile
        {"size": 3, "pad": 1},  # by squares of two lines
        {"size": 5, "pad": 2},  # along lines
    ],
)
def test_an_image_whose_lines_are_shared_out_has_the_bits_of_many(isa, window, rng):
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    with using(isa):
        for height in (1, 2, 7, 21, 22):
            shape = (16, height + 3, 100)
            layers = [zk.Convolution(20, **window), zk.ReLU(), zk.MaxPool((1, 3))]
            layers.append(zk.Convolution(17, 3, pad=1))
            net = zk.Sequential([*layers, zk.Flatten()], shape, loss=zk.IdentityWithLoss())
            x = rng.normal(size=(6, *shape)).astype(np.float32)
            with limits(1):
                want = net.predict(x)
            for threads in (2, 3, 7):
                with limits(threads):
                    for rows in (1, 2):
                        np.testing.assert_array_equal(net.predict(x[:rows]), want[:rows])


def test_threadpoolctl_sees_and_limits_the_pool():
    control = pytest.importorskip("threadpoolctl")
    ours = [each for each in control.threadpool_info() if each["user_api"] == "openmp"]
    if not ours:
        pytest.skip("this core was built without OpenMP")
    before = native.max_threads()
    for threads in (1, 2, 5):
        with control.threadpool_limits(threads, user_api="openmp"):
            assert native.max_threads() == threads
    assert native.max_threads() == before


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_environment_sets_the_threads(threads):
    code = "from zerokara import native; print(native.max_threads())"
    source = str(Path(zk.__file__).parents[1])
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": source}
    out = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert int(out) == threads


@pytest.mark.parametrize("name", bits_script.SHAPES)
def test_a_run_has_the_bits_of_its_steps(name):
    results = []
    for chunk in (100, 1, 7, 33):
        net, step, optimizer, indices, bounds = bits_script.make(name)
        losses: list[float] = []
        for start in range(0, 20, chunk):
            losses += step.run(indices, bounds[start : min(start + chunk, 20) + 1]).tolist()
        results.append((bits_script.digest(net, optimizer), losses, optimizer.steps))
    net, step, optimizer, indices, bounds = bits_script.make(name)
    alone = [step(indices[bounds[i] : bounds[i + 1]]) for i in range(20)]
    results.append((bits_script.digest(net, optimizer), alone, optimizer.steps))
    assert all(result == results[0] for result in results)
    assert results[0][2] == 20


def test_batches_of_many_sizes_in_one_run_have_the_bits_of_steps(rng):
    cuts = np.concatenate([[0], np.cumsum([1, 60, 2, 3, 4, 64, 1, 1, 5, 64, 13])])
    indices = rng.integers(0, 300, cuts[-1])
    digests = []
    for alone in (False, True):
        net, step, optimizer, *_ = bits_script.make("wide, clipped")
        if alone:
            for a, b in pairwise(cuts):
                step(indices[a:b])
        else:
            assert len(step.run(indices, cuts)) == 11
        digests.append(bits_script.digest(net, optimizer))
    assert digests[0] == digests[1]


def test_the_size_that_a_program_was_made_for_changes_no_bit(rng):
    x, t = rng.normal(size=(90, 20)).astype(np.float32), rng.integers(0, 4, 90)
    nets = []
    for size in (30, 31, 1000):
        net = zk.Sequential([zk.Affine(40), zk.Tanh(), zk.Affine(4)], 20, loss=zk.SoftmaxWithLoss())
        zk.compile_step(net, zk.Adam(), x, t, batch_size=size).run(
            np.arange(90), np.array([0, 30, 60, 90])
        )
        nets.append(net)
    for net in nets[1:]:
        np.testing.assert_array_equal(net.flat_params, nets[0].flat_params)


class Nothing(Callback):
    every_step = True

    def on_step_end(self, run: object) -> None:
        pass


def test_fit_has_the_same_bits_twice_and_with_a_callback_each_step(rng):
    x, t = rng.normal(size=(130, 20)).astype(np.float32), rng.integers(0, 4, 130)
    nets, losses = [], []
    for callbacks in ([], [], [Nothing()]):
        net = zk.Sequential([zk.Affine(40), zk.ReLU(), zk.Affine(4)], 20, loss=zk.SoftmaxWithLoss())
        history = zk.fit(
            net, (x, t), optimizer=zk.Adam(), batch_size=32, epochs=3, callbacks=callbacks
        )
        nets.append(net.flat_params)
        losses.append(history.loss)
    assert losses[0] == losses[1] == losses[2]
    for params in nets[1:]:
        np.testing.assert_array_equal(params, nets[0])
