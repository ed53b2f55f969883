"""`zerokara train --resume`, and the options of train that it must keep."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from resume_cases import remains

import zerokara as zk
from zerokara.cli import main
from zerokara.training.history import History

OPTIONS = ["--epochs", "4", "--validation", "0.2", "--patience", "3", "--schedule", "cosine"]
OPTIONS += ["--warmup", "9", "--augment", "shift=1,rotate=5", "--accumulate", "2", "--seed", "3"]
OPTIONS += ["--optimizer", "adamw", "--weight-decay", "0.1", "--clip-norm", "2"]


def train(*words: str) -> int:
    return main(["train", *words])


def test_every_option_reaches_the_training(tmp_path: Path, capsys: Any) -> None:
    assert train(*OPTIONS, "--out", str(tmp_path / "run")) == 0
    out = capsys.readouterr().out.splitlines()
    assert ", validation 0." in out[-2]
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    rule = config["optimizer_config"]
    assert (rule["weight_decay"], rule["clip_norm"]) == (0.1, 2.0)
    assert rule["schedule"]["name"] == "Warmup"
    assert rule["schedule"]["then"] == {"name": "Cosine", "steps": None, "end": 0.0}
    history = History.load(tmp_path / "run" / "history.json")
    (x, t), test = zk.data.load_digits(normalize="lazy")
    net = zk.models.TwoLayerNet(64, 50, 10, weight_init_std=(2 / 64) ** 0.5, rng=3)
    schedule = zk.schedules.Warmup(9, zk.schedules.Cosine())
    wanted = zk.fit(
        net,
        (x, t),
        test=test,
        validation=0.2,
        patience=3,
        optimizer=zk.AdamW(weight_decay=0.1, clip_norm=2, schedule=schedule),
        batch_size=50,
        accumulate=2,
        augment=zk.data.Augment(shift=1, rotate=5),
        epochs=4,
        seed=3,
    )
    assert history.loss == wanted.loss
    assert history.validation_accuracy == wanted.validation_accuracy


def test_a_finished_run_is_resumed_to_itself_and_for_longer(tmp_path: Path, capsys: Any) -> None:
    run, whole = str(tmp_path / "run"), str(tmp_path / "whole")
    common = ["--schedule", "step:40:0.5", "--optimizer", "momentum", "--lr", "0.1"]
    assert train("--epochs", "2", *common, "--out", run) == 0
    before = remains(Path(run))
    capsys.readouterr()
    assert train("--resume", run) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == run
    assert said.err == "this training has ended, at step 58 of 58\n"
    assert remains(Path(run)) == before
    assert train("--resume", run, "--epochs", "4") == 0
    assert capsys.readouterr().err.startswith("going on at step 58 of 116, in epoch 3\nepoch 3/4")
    assert train("--epochs", "4", *common, "--out", whole) == 0
    found, wanted = remains(Path(run)), remains(Path(whole))
    assert found["arrays"] == wanted["arrays"]
    assert found["model"] == wanted["model"]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["options"]["epochs"] == 4
    # What it was made longer to is what it is resumed to from now on.
    assert train("--resume", run) == 0
    assert remains(Path(run)) == found


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
def test_a_killed_run_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    path = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    words = [sys.executable, "-m", "zerokara", "train"]
    options = [*OPTIONS, "--epochs", "40", "--patience", "40", "--checkpoint-steps", "7"]

    def begin(*more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*words, *more],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    assert begin(*options, "--out", "whole").wait(120) == 0
    wanted = remains(tmp_path / "whole")
    for delay in (0.0, 0.05, 0.2, 0.4, 0.6):
        run = tmp_path / "run"
        child = begin(*options, "--out", "run")
        for again in range(3):
            limit = time.monotonic() + 60
            while not (run / "checkpoint.safetensors").exists() and time.monotonic() < limit:
                time.sleep(0.005)
            time.sleep(delay + 0.3 * again)
            child.send_signal(signal.SIGKILL)
            child.wait(60)
            child = begin("--resume", "run")
        assert child.wait(120) == 0
        assert remains(run) == wanted
        shutil.rmtree(run)


def test_a_run_that_was_killed_at_once_begins_anew(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train("--epochs", "2", "--out", str(run)) == 0
    before = remains(run)
    for name in ("checkpoint.safetensors", "model.safetensors", "history.json", "curve.png"):
        (run / name).unlink(missing_ok=True)
    assert train("--resume", str(run)) == 0
    assert {k: v for k, v in remains(run).items() if k != "files"} == {
        k: v for k, v in before.items() if k != "files"
    }


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert train("--epochs", "1", "--out", "run") == 0
    (tmp_path / "empty").mkdir()
    return tmp_path / "run"


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--resume nowhere", "--resume nowhere: no run directory, it holds no config.json"),
        ("--resume empty", "--resume empty: no run directory"),
        ("--resume run --lr 0.1", "takes its options from run/config.json; leave out --lr"),
        ("--resume run digits --batch-size 3", "leave out --batch-size, DATA"),
        ("--resume run --epochs 2 --steps 3", "give one of them"),
        ("--resume run --steps 3", "has made 29; give at least these"),
        ("--schedule wavy", "--schedule 'wavy' is unknown; expected constant, cosine, one-cycle"),
        ("--schedule step", "--schedule 'step' is unknown"),
        ("--schedule step:0", "--schedule step:0: StepDecay: every must be a whole number"),
        ("--schedule cosine:3", "--schedule 'cosine:3' is unknown"),
        ("--augment shift", "--augment 'shift': expected NAME=NUMBER"),
        ("--augment turn=3", "with the names shift, rotate"),
        ("--augment shift=-3", "Augment: shift must be 0 or more"),
        ("--validation 2", "validation as a share must be above 0 and below 1"),
        ("--patience 3", "--patience needs samples to judge by; add --validation 0.1"),
        ("--clip-norm 0", "clip_norm must be above 0"),
        ("--weight-decay -1", "weight_decay must be 0 or more"),
        ("--checkpoint-seconds 0", "checkpoint_seconds must be above 0"),
        ("--warmup -1", "--warmup"),
        ("--accumulate 0", "--accumulate"),
    ],
)
def test_wrong_words_are_one_line(words: str, part: str, run: Path, capsys: Any) -> None:
    capsys.readouterr()
    assert train(*words.split(), *([] if "--resume" in words else ["--out", "new"])) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("zerokara: ")
    assert said.err.count("\n") == 1
    assert part in said.err


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"epochs": "many"}, "option 'epochs' must be int | None, got 'many'"),
        ({"lr": True}, "option 'lr' must be float | None, got True"),
        ({"net": None}, "option 'net' must be str, got None"),
        ({"tail": 1}, "option 'tail' is unknown to this version"),
        ({"seed": 5}, "was begun with"),
        ({"data": "cifar"}, "data 'cifar' is unknown"),
    ],
)
def test_a_config_that_was_changed_is_refused(
    change: dict[str, Any], part: str, run: Path, capsys: Any
) -> None:
    config = json.loads((run / "config.json").read_text())
    config["options"] |= change
    (run / "config.json").write_text(json.dumps(config))
    before = (run / "checkpoint.safetensors").read_bytes()
    capsys.readouterr()
    assert train("--resume", "run") == 2
    assert part in capsys.readouterr().err
    assert (run / "checkpoint.safetensors").read_bytes() == before
