"""Trainings that end otherwise: Ctrl-C, and losses that are no numbers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fit_cases import CLASSES, COUNT, SIZE, Recorder, StopAt, blobs, small_net

import zerokara as zk
from zerokara.data import Batches
from zerokara.engine import EagerStep
from zerokara.engine.samples import Samples
from zerokara.errors import (
    DivergedError,
)
from zerokara.training import Callback


def test_ctrl_c_keeps_the_best_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Best(Callback):
        """Note the parameters of the best epoch, and make the training worse from then on."""

        def __init__(self) -> None:
            self.params: bytes = b""

        def on_epoch_end(self, run: Any) -> None:
            if run.history.best_epoch == run.epoch:
                self.params = run.net.flat_params.tobytes()
            if run.epoch == 3:
                run.net.flat_params[...] = -run.net.flat_params

    net, log, best = small_net(), [], Best()
    callbacks = [best, Recorder(log, "r"), StopAt(22, KeyboardInterrupt)]
    history = zk.fit(
        net, blobs(), test=blobs(1), batch_size=10, epochs=9, callbacks=callbacks, out=tmp_path
    )
    assert history.interrupted
    assert history.steps == 22
    assert history.epochs == len(history.test_accuracy) == 5
    assert net.flat_params.tobytes() == best.params
    assert history.best_epoch == int(np.argmax(history.test_accuracy)) + 1
    assert net.accuracy(*blobs(1)) == max(history.test_accuracy)
    saved = zk.load(tmp_path / "model.safetensors")
    assert saved.flat_params.tobytes() == best.params
    assert zk.History.load(tmp_path / "history.json") == history
    assert log[-1] == ("r", "end", 22)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert f"after step 22 of 36: the model of epoch {history.best_epoch} (test acc" in said.err
    assert str(tmp_path / "model.safetensors") in said.err


@pytest.mark.parametrize("with_out", [False, True])
def test_ctrl_c_before_an_epoch_ended(
    with_out: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = small_net()
    out = tmp_path / "run" if with_out else None
    history = zk.fit(net, blobs(), batch_size=10, callbacks=[StopAt(2, KeyboardInterrupt)], out=out)
    assert history.interrupted
    assert (history.steps, history.best_epoch, history.epochs) == (2, None, 0)
    said = capsys.readouterr().err
    assert "step 2 of 40, before an epoch ended" in said
    if out is None:
        assert "in the network" in said
    else:
        loaded = zk.load(out / "model.safetensors")
        assert loaded.flat_params.tobytes() == net.flat_params.tobytes()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
@pytest.mark.hostile
def test_a_real_sigint_ends_in_order(tmp_path: Path) -> None:
    script = """
        import signal
        import sys
        import numpy as np
        import zerokara as zk
        from zerokara.training import Callback

        # Under a runner that ignores SIGINT, Python would not turn it into KeyboardInterrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)

        class Tell(Callback):
            def on_epoch_end(self, run):
                if run.epoch == 2:
                    print("ready", flush=True)

        x, t = np.eye(3)[[0, 1, 2] * 20], np.array([0, 1, 2] * 20)
        net = zk.models.TwoLayerNet(3, 4, 3)
        history = zk.fit(net, (x, t), epochs=10**7, callbacks=[Tell()], out=sys.argv[1])
        print(history.interrupted, history.epochs >= 2, flush=True)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        try:
            out, err = child.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            # The system may give a signal to another library's thread, where CPython 3.11 takes
            # no notice of it; people press again.
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=20)
    finally:
        child.kill()
        child.wait()
    assert out == "True True\n", err
    assert child.returncode == 0
    assert err.startswith("interrupted after step ")
    assert err.count("\n") == 1
    assert json.loads((tmp_path / "history.json").read_text())["interrupted"] is True
    assert zk.load(tmp_path / "model.safetensors").flat_params.size == 31


def test_divergence_names_the_step_and_the_layer(tmp_path: Path) -> None:
    x, t = blobs()
    net = zk.Sequential(
        [zk.Affine(5), zk.ReLU(), zk.Affine(3)], SIZE, loss=zk.IdentityWithLoss(), rng=1
    )
    rows = np.eye(CLASSES)[t]
    log: list[Any] = []
    twin = net.copy()
    with pytest.raises(DivergedError) as caught:
        zk.fit(
            net,
            (x, rows),
            optimizer=zk.SGD(lr=1e5),
            batch_size=10,
            epochs=50,
            callbacks=[Recorder(log)],
            out=tmp_path,
        )
    message = str(caught.value)
    saved = zk.History.load(tmp_path / "history.json")
    assert f"at step {saved.steps + 1}: the batch loss is " in message
    assert "lr=100000" in message
    assert log[-1] == ("", "end", saved.steps)
    # The same by hand: the parameters are those before that step, and the layer named is the
    # first of them that overflows.
    step = zk.compile_step(twin, zk.SGD(lr=1e5), x, rows, batch_size=10)
    batches = Batches(len(x), 10)
    for index in range(saved.steps):
        assert step(batches.batch(index)) == saved.loss[index]
    assert net.flat_params.tobytes() == twin.flat_params.tobytes()
    value, first = x[batches.batch(saved.steps)], None
    with np.errstate(all="ignore"):
        for name, layer in twin.layers.items():
            value = layer.forward(value)
            if first is None and not np.isfinite(value).all():
                first = name
    bad = [name for name, array in twin.params.items() if not np.isfinite(array).all()]
    assert (repr(bad[0]) if bad else repr(first or twin.loss_layer)) in message


class Spoiled(zk.Layer):
    """The square root, which has no number for what is below 0."""

    def forward(self, x: np.ndarray, *, training: bool = False) -> np.ndarray:
        return np.sqrt(x)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        return dout


def test_divergence_names_the_first_layer_of_several() -> None:
    net = zk.Sequential(
        [zk.Affine(4), zk.ReLU(), zk.Affine(4), Spoiled(), zk.Affine(CLASSES)],
        SIZE,
        loss=zk.SoftmaxWithLoss(),
    )
    before = net.flat_params.copy()
    with pytest.raises(DivergedError, match=r"step 1: the batch loss is nan.*'spoiled1'"):
        zk.fit(net, blobs())
    np.testing.assert_array_equal(net.flat_params, before)


def test_divergence_names_a_parameter_that_is_spoiled_already() -> None:
    net = small_net()
    net.params["W2"][0, 0] = np.nan
    with pytest.raises(DivergedError, match="The parameter 'W2'"):
        zk.fit(net, blobs())


def test_run_stops_at_the_first_bad_loss_without_its_update() -> None:
    x, t = blobs()
    x[20:30] = np.inf
    net, twin = small_net(), small_net()
    step = EagerStep(net, zk.SGD(lr=0.1), Samples(net, x, t))
    order = np.arange(COUNT)
    losses = step.run(order, np.array([0, 10, 20, 30, 37]))
    assert losses.dtype == np.float64
    assert losses.shape == (3,)
    assert np.isfinite(losses[:2]).all()
    assert not np.isfinite(losses[2])
    good = EagerStep(twin, zk.SGD(lr=0.1), Samples(twin, x, t))
    assert [good(order[:10]), good(order[10:20])] == losses[:2].tolist()
    assert net.flat_params.tobytes() == twin.flat_params.tobytes()
