"""Resuming: a training that was killed at any moment ends with the bits of one that never was."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from resume_cases import CASES, Gone, Leave, Nap, images, net, remains, train

import zerokara as zk
from zerokara import native
from zerokara.errors import ArgumentError
from zerokara.training import Callback
from zerokara.training.checkpoint import NAME, read_checkpoint

KILLS = int(os.environ.get("ZEROKARA_KILLS", "20"))


def leave_and_resume(case: str, step: int, out: Path) -> tuple[Any, zk.History]:
    with pytest.raises(Gone):
        train(case, out, callbacks=[Nap(), Leave(step)])
    assert read_checkpoint(out / NAME) is not None
    # Of the second callback nothing is kept; it stands in for the one that ended it.
    return train(case, out, callbacks=[Nap(), Leave(-1)])


@pytest.mark.parametrize("case", CASES)
def test_fifty_and_fifty_are_a_hundred(case: str, tmp_path: Path) -> None:
    """Steps 1 to 50, a kill, and the same again to the end; or fewer, where patience ends it."""
    change: dict[str, Any] = {"callbacks": [Nap(), Leave(-1)], "checkpoint_steps": 10}
    if case in ("plain", "parts"):
        change |= {"steps": 100, "epochs": None}
    whole, history = train(case, tmp_path / "whole", **change)
    assert history.steps >= 30
    half = history.steps // 20 * 10
    with pytest.raises(Gone):
        train(case, tmp_path / "run", **(change | {"callbacks": [Nap(), Leave(half + 3)]}))
    checkpoint = read_checkpoint(tmp_path / "run" / NAME)
    assert checkpoint is not None
    assert half <= len(checkpoint.arrays["loss"]) <= half + 3
    resumed, after = train(case, tmp_path / "run", **change)
    assert resumed.flat_params.tobytes() == whole.flat_params.tobytes()
    history.seconds = after.seconds = 0
    assert after == history
    assert remains(tmp_path / "run") == remains(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that were forked")
@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_moments(case: str, tmp_path: Path) -> None:
    """Set ZEROKARA_KILLS to a few hundred for more."""
    script = Path(__file__).with_name("resume_cases.py")
    count = -(-KILLS // len(CASES))
    done = subprocess.run(
        [sys.executable, str(script), case, str(tmp_path), str(count), "11"],
        capture_output=True,
        text=True,
        timeout=60 + 10 * count,
    )
    assert done.returncode == 0, done.stderr
    killed, ended = map(int, done.stdout.split())
    assert killed >= count
    assert ended >= 1


def test_resuming_what_has_ended_changes_nothing(tmp_path: Path) -> None:
    for case in ("plain", "stops"):
        first, history = train(case, tmp_path / case)
        before = remains(tmp_path / case)
        again, after = train(case, tmp_path / case)
        assert again.flat_params.tobytes() == first.flat_params.tobytes()
        history.seconds = after.seconds = 0
        assert after == history
        assert remains(tmp_path / case) == before


@pytest.mark.parametrize("shorter", [2, 4])
def test_a_longer_training_goes_on(shorter: int, tmp_path: Path) -> None:
    def fit(epochs: int, out: str) -> tuple[bytes, zk.History]:
        model, rule = net(0.2), zk.Adam(schedule=zk.schedules.StepDecay(9))
        history = zk.fit(
            model, images(), optimizer=rule, epochs=epochs, out=tmp_path / out, resume=True
        )
        history.seconds = 0
        return model.flat_params.tobytes(), history

    fit(shorter, "run")
    assert fit(6, "run") == fit(6, "whole")
    with pytest.raises(
        ArgumentError, match=r"resume: 1 steps.*for 6 and has made 6; give at least"
    ):
        fit(1, "run")


def test_what_cannot_be_made_longer_is_said(tmp_path: Path) -> None:
    options: dict[str, Any] = {"batch_size": 10, "resume": True}
    zk.fit(net(), images(), steps=5, out=tmp_path / "a", **options)
    with pytest.raises(ArgumentError, match="cut its last epoch short"):
        zk.fit(net(), images(), steps=9, out=tmp_path / "a", **options)
    for epochs, match in ((1, ""), (2, "the length of its schedule Cosine")):
        rule, out = zk.SGD(schedule=zk.schedules.Cosine()), tmp_path / "b"
        if match:
            with pytest.raises(ArgumentError, match=match):
                zk.fit(net(), images(), optimizer=rule, epochs=epochs, out=out, **options)
        else:
            zk.fit(net(), images(), optimizer=rule, epochs=epochs, out=out, **options)


def test_without_resume_a_training_begins_anew(tmp_path: Path) -> None:
    made = [zk.fit(net(), images(), epochs=2, out=tmp_path) for _ in range(2)]
    assert made[0].loss == made[1].loss
    assert read_checkpoint(tmp_path / NAME).arrays["loss"].tolist() == made[1].loss  # type: ignore[union-attr]


def test_a_model_file_that_is_gone_comes_back(tmp_path: Path) -> None:
    network, _ = train("plain", tmp_path)
    model = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / ".history.json.1-2.tmp").write_text("half of a fi")
    again, _ = train("plain", tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == model
    assert again.flat_params.tobytes() == network.flat_params.tobytes()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_ctrl_c_leaves_a_checkpoint_of_that_very_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Press(Callback):
        every_step = True

        def on_step_end(self, run: Any) -> None:
            if run.step == 23 and not run.resumed:
                os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        change: dict[str, Any] = {"checkpoint_steps": None}
        _, history = train("all", tmp_path / "run", **change, callbacks=[Nap(), Press()])
    finally:
        signal.signal(signal.SIGINT, handler)
    assert history.interrupted
    assert history.steps == 23
    checkpoint = read_checkpoint(tmp_path / "run" / NAME)
    assert checkpoint is not None
    assert len(checkpoint.arrays["loss"]) == 23
    network, after = train("all", tmp_path / "run", **change, callbacks=[Nap(), Press()])
    # Press, too: its name is part of the run.
    monkeypatch.setattr(os, "kill", lambda *a: None)
    whole, wanted = train("all", tmp_path / "whole", **change, callbacks=[Nap(), Press()])
    assert network.flat_params.tobytes() == whole.flat_params.tobytes()
    assert after.loss == wanted.loss
    assert not after.interrupted
    assert remains(tmp_path / "run") == remains(tmp_path / "whole")


def test_the_time_of_both_parts_is_counted(tmp_path: Path) -> None:
    leave_and_resume("plain", 40, tmp_path)
    checkpoint = read_checkpoint(tmp_path / NAME)
    assert checkpoint is not None
    before = checkpoint.numbers["history"]["seconds"]
    _, after = train("plain", tmp_path, callbacks=[Nap(), Leave(-1)])
    assert after.seconds >= before > 0


def test_a_training_without_out_writes_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    train("all", None)
    assert list(tmp_path.iterdir()) == []
    shutil.rmtree(tmp_path)


THREADED = """
import sys
import zerokara as zk
from zerokara.training import Callback

class Leave(Callback):
    def on_epoch_end(self, run):
        if run.epoch == int(sys.argv[2]):
            sys.stdout.flush()
            import os
            os._exit(9)

(x, t), test = zk.data.load_digits()
layers = [zk.Affine(256), zk.BatchNormalization(), zk.ReLU(), zk.Dropout(0.3), zk.Affine(10)]
net = zk.Sequential(layers, 64, loss=zk.SoftmaxWithLoss())
rule = zk.Adam(schedule=zk.schedules.Cosine())
augment = zk.data.Augment(shift=1, rotate=10, elastic=0.5)
zk.fit(net, (x, t), test=test, optimizer=rule, batch_size=256, epochs=4, augment=augment,
       callbacks=[Leave()], out=sys.argv[1], resume=True)
"""


@pytest.mark.native
@pytest.mark.skipif(not native.available, reason="NumPy's BLAS may cut a product by its threads")
def test_other_numbers_of_threads_go_on_to_the_same_bits(tmp_path: Path) -> None:
    path = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))

    def run(out: str, leave: int, threads: int) -> int:
        environment = {"PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}
        return subprocess.run(
            [sys.executable, "-c", THREADED, str(tmp_path / out), str(leave)],
            env=os.environ | environment,
            timeout=120,
            check=False,
        ).returncode

    assert [run("a", 2, 1), run("a", 3, 2), run("a", 0, 1)] == [9, 9, 0]
    assert run("b", 0, 2) == 0
    assert remains(tmp_path / "a") == remains(tmp_path / "b")
