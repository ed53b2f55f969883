"""`zerokara train`, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import zerokara as zk
from zerokara.cli import main
from zerokara.training.history import History

FILES = {"model.safetensors", "checkpoint.safetensors", "history.json", "config.json", "curve.png"}


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zerokara", *words],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


def environment() -> dict[str, str]:
    """The environment with every path absolute: the tests run in other folders."""
    path = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    return os.environ | {"PYTHONPATH": path}


@pytest.fixture(scope="module")
def piped(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    pytest.importorskip("matplotlib")
    cwd = tmp_path_factory.mktemp("piped")
    return run("train", cwd=cwd), cwd


def test_plain_train_learns_and_leaves_a_run_directory(piped):
    done, cwd = piped
    assert done.returncode == 0, done.stderr
    *before, last = done.stdout.splitlines()
    folder = cwd / last
    assert folder.parent == cwd / "runs"
    assert last.endswith("-digits-two-layer")
    assert {path.name for path in folder.iterdir()} == FILES
    history = History.load(folder / "history.json")
    assert max(history.test_accuracy) > 0.95
    assert f"test accuracy {max(history.test_accuracy):.4f}" in before[-1]
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_model_in_the_run_directory_is_the_best_one(piped):
    done, cwd = piped
    folder = cwd / done.stdout.splitlines()[-1]
    net = zk.load(folder / "model.safetensors")
    _, (x, t) = zk.data.load_digits()
    assert net.accuracy(x, t) == max(History.load(folder / "history.json").test_accuracy)


def test_piped_progress_is_sparse_and_plain(piped):
    done, _ = piped
    lines = done.stderr.splitlines()
    assert 2 <= len(lines) <= 21
    assert all(line.startswith("epoch ") for line in lines)
    assert lines[-1].startswith("epoch 30/30  loss 0.")
    assert "\x1b" not in done.stderr + done.stdout
    assert "\r" not in done.stderr


def test_config_says_all_that_runs_it_again(piped, tmp_path):
    done, cwd = piped
    folder = cwd / done.stdout.splitlines()[-1]
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["versions"]["zerokara"] == zk.__version__
    assert config["versions"]["numpy"] == np.__version__
    assert (config["input_white"], config["input_scale"]) == (16, 1 / 16)
    assert config["classes"] == list("0123456789")
    words = [config["options"].pop("data")]
    for name, value in config["options"].items():
        words += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
    again = run("train", *words, "--out", "again", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    first, second = folder / "model.safetensors", tmp_path / "again" / "model.safetensors"
    assert first.read_bytes() == second.read_bytes()


def test_options_reach_the_training(tmp_path, capsys):
    out = tmp_path / "run"
    words = ["--optimizer", "adamw", "--steps", "7", "--hidden", "9", "--batch-size", "20"]
    words += ["--sampling", "choice", "--dtype", "float64", "--seed", "3", "--lr", "0.01"]
    assert main(["train", "digits", *words, "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    config = json.loads((out / "config.json").read_text("utf-8"))
    assert config["options"]["optimizer"] == "AdamW"
    assert config["optimizer_config"]["lr"] == 0.01
    assert config["optimizer_config"]["weight_decay"] == 0.01
    net = zk.load(out / "model.safetensors")
    assert net.dtype == np.float64
    assert net.params["W1"].shape == (64, 9)
    assert History.load(out / "history.json").steps == 7


def test_an_optimizer_without_lr_gets_its_own(tmp_path):
    words = ["train", "--optimizer", "ADAM", "--steps", "1", "--out", str(tmp_path / "a")]
    assert main(words) == 0
    assert json.loads((tmp_path / "a" / "config.json").read_text())["options"]["lr"] == 0.001


def test_default_names_are_numbered_and_never_written_over(tmp_path, monkeypatch):
    from datetime import datetime

    from zerokara.cli import rundir

    monkeypatch.chdir(tmp_path)
    now = datetime(2025, 1, 2, 3, 4, 5)
    made = [rundir.make(None, "digits-two-layer", now) for _ in range(3)]
    first = "20250102-030405-digits-two-layer"
    assert [folder.name for folder in made] == [first, f"{first}-2", f"{first}-3"]


def test_many_epochs_still_give_few_lines(tmp_path, capsys):
    words = ["train", "--epochs", "101", "--batch-size", "1437", "--out", str(tmp_path / "a")]
    assert main(words) == 0
    lines = capsys.readouterr().err.splitlines()
    assert 10 <= len(lines) <= 21
    assert lines[-1].startswith("epoch 101/101")


def test_without_matplotlib_training_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    out = tmp_path / "run"
    assert main(["train", "--epochs", "1", "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == FILES - {"curve.png"}
    captured = capsys.readouterr()
    assert "pip install" in captured.err
    assert captured.out.splitlines()[-1] == str(out)


def test_a_reader_that_goes_away_does_not_lose_the_run(tmp_path):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "zerokara", "train", "--epochs", "3", "--out", "run"],
        cwd=tmp_path,
        env=environment(),
        stdout=write,
        stderr=write,
        timeout=120,
    )
    os.close(write)
    assert done.returncode == 141
    assert History.load(tmp_path / "run" / "history.json").epochs == 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_under_the_log_does_not_lose_the_run(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "zerokara", "train", "--epochs", "3", "--out", "run"],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=full,
            timeout=120,
        )
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == b"run"


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_keeps_the_best_model_and_ends_with_130(tmp_path):
    # Under a runner that ignores SIGINT, Python would not turn it into KeyboardInterrupt.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from zerokara.cli import main; sys.exit(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "train", "--epochs", "1000000", "--out", "run"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        model, limit = tmp_path / "run" / "model.safetensors", time.monotonic() + 60
        while not model.exists() and time.monotonic() < limit:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.splitlines()[-1] == "run"
    assert "interrupted after step" in err
    assert "Traceback" not in err
    assert History.load(tmp_path / "run" / "history.json").interrupted
    assert zk.load(model).params["W1"].shape == (64, 50)


def test_in_a_terminal_there_is_a_bar(tmp_path):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "zerokara", "train", "--epochs", "5", "--out", "run"],
        cwd=tmp_path,
        env=environment() | {"TERM": "xterm-256color", "COLUMNS": "110"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # Linux says the end of a terminal so
            pass
        out = process.stdout.read() if process.stdout else b""
    os.close(ours)
    assert process.returncode == 0
    assert out.decode().splitlines()[-1] == "run"
    text = shown.decode()
    assert "━" in text
    assert "epoch 5/5  loss 0." in text
    assert "steps/s" in text


@pytest.mark.real
def test_mnist_and_fashion_run_by_the_book(mnist_root, fashion_root, tmp_path):
    for name, root, least in (("mnist", mnist_root, 0.93), ("fashion-mnist", fashion_root, 0.85)):
        words = ["train", name, "--data-dir", str(root), "--sampling", "choice"]
        assert main([*words, "--out", str(tmp_path / name)]) == 0
        history = History.load(tmp_path / name / "history.json")
        assert history.steps == 10_000
        assert history.test_accuracy[-1] > least
