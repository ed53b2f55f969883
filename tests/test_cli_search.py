"""`zerokara search`, as a user runs it."""

from __future__ import annotations

import contextlib
import html
import io
import json
import os
import re
import shlex
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

pytest.importorskip("optuna", reason="searching needs optuna")
pytest.importorskip("matplotlib", reason="the report's pictures need matplotlib")

SMALL = ["--vary", "lr,hidden,dropout", "--range", "hidden=8:20", "--range", "dropout=0:0.2"]
SMALL += ["--trials", "4", "--epochs", "3", "--seed", "2", "--optimizer", "momentum"]


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What a search says on stdout and on stderr, and its folder."""
    folder = tmp_path_factory.mktemp("cli") / "search"
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        assert main(["search", *SMALL, "--out", str(folder)]) == 0
    return out.getvalue(), err.getvalue(), folder


@pytest.fixture(scope="module")
def done(said):
    return said[2]


def states(folder: Path) -> list[list[str]]:
    page = (folder / "report.html").read_text()
    rows = re.findall(r'<tr class="\w+">(.*?)</tr>', page)
    return [re.findall(r"<td>(.*?)</td>", row) for row in rows]


def test_it_says_what_it_found(said):
    out, err, folder = said
    *before, last = out.splitlines()
    assert last == str(folder / "report.html")
    assert before[-1].startswith("4 trials (4 complete); best: trial ")
    assert len(re.findall(r"^\d/4  trial \d: 0\.\d{4}  lr=", err, re.MULTILINE)) == 4


def test_the_best_is_an_ordinary_run(done, capsys):
    best = done / "best"
    assert {"model.safetensors", "checkpoint.safetensors", "history.json", "config.json"} <= {
        path.name for path in best.iterdir()
    }
    history = History.load(best / "history.json")
    value = float(states(done)[0][2])
    assert round(max(history.validation_accuracy), 4) == value
    capsys.readouterr()
    (x, _), _ = zk.data.load_digits(normalize=False, flatten=False)
    zk.data.write_idx(done.parent / "digits.idx", x[:5, 0].astype(np.uint8))
    assert main(["predict", str(best), str(done.parent / "digits.idx")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert main(["train", "--resume", str(best)]) == 0
    assert "this training has ended" in capsys.readouterr().err


def test_the_line_in_the_report_gives_the_same_model(done, tmp_path):
    page = (done / "report.html").read_text()
    line = html.unescape(re.search(r"<pre>(.*?)</pre>", page)[1])
    words = shlex.split(line)
    assert words[:3] == ["zerokara", "train", "digits"]
    assert main([*words[1:], "--out", str(tmp_path / "again")]) == 0
    model = (tmp_path / "again" / "model.safetensors").read_bytes()
    assert model == (done / "best" / "model.safetensors").read_bytes()
    number = states(done)[0][0]
    trial = done / "trials" / f"{int(number):04d}"
    assert model == (trial / "model.safetensors").read_bytes()
    net = zk.load(done / "best" / "model.safetensors")
    _, test = zk.data.load_digits()
    assert f"accuracy on the test set is {net.accuracy(*test):.2%}" in page


def test_the_test_set_does_not_choose(done):
    """A trial never sees it: its history has nothing of it, and its model is by validation."""
    for path in (done / "trials").iterdir():
        history = History.load(path / "history.json")
        assert history.test_accuracy == []
        assert history.best_epoch == 1 + int(np.argmax(history.validation_accuracy))


def test_it_goes_on_for_longer(done, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("zerokara.search.report._draw", lambda *_: {})  # as there; it takes time
    out = tmp_path / "search"
    shorter = ["2" if word == "4" else word for word in SMALL]
    assert main(["search", *shorter, "--out", str(out)]) == 0
    assert len(states(out)) == 2
    assert main(["search", "--resume", str(out), "--trials", "4"]) == 0
    assert [row[:6] for row in states(out)] == [row[:6] for row in states(done)]
    one, other = (json.loads((f / "best" / "config.json").read_text()) for f in (out, done))
    assert one["options"] == other["options"]
    capsys.readouterr()
    assert main(["search", "--resume", str(out)]) == 0
    assert "this training has ended" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("search cifar", "data 'cifar' is unknown"),
        ("search --vary lr,momentum", "--vary 'momentum' is unknown; expected some of lr,"),
        ("search --vary lr --lr 0.1", "--lr is varied and cannot be fixed"),
        ("search --vary lr,", "--vary '' is unknown"),
        ("search --net two-layer --vary depth", "--vary depth is not for --net two-layer"),
        ("search --net two-layer --dropout 0.5", "--dropout is not for --net two-layer"),
        ("search --range lr", "expected NAME=LOW:HIGH"),
        ("search --range lr=1", "expected NAME=LOW:HIGH"),
        ("search --range lr=a:b", "bounds of lr must be numbers"),
        ("search --range lr=1e-1:1e-3", "must rise"),
        ("search --range hidden=4:9", "hidden, which is not varied"),
        ("search --trials 0", "--trials"),
        ("search --workers 0", "--workers"),
        ("search --sampler grid", "sampler must be tpe or random"),
        ("search --validation 2", "above 0 and below 1"),
        ("search --storage x://y --out new", "x://y cannot be used"),
        ("search --out full", "holds files already"),
        ("search --out full/mine.txt", "full/mine.txt"),
        ("search --resume nowhere", "no search"),
        ("search --resume full", "no search"),
        ("search --resume full --epochs 3 --range lr=1:2", "leave out --epochs, --range"),
        ("train --depth 2", "--depth is not for --net two-layer; take --net multi-layer"),
        ("train --net multi-layer --dropout 1", "--dropout must be from 0 to below 1"),
        ("train --validation-seed 3", "give both"),
    ],
)
def test_wrong_input_is_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    assert main(shlex.split(words)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert message in said.err
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_a_missing_extra_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.chdir(tmp_path)
    assert main(["search"]) == 2
    assert capsys.readouterr().err == (
        "zerokara: searching needs optuna: pip install 'zerokara[search]' (or pip install optuna)\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.hostile
@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_ctrl_c_says_how_to_go_on(tmp_path, workers):
    path = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    words = ["search", "--trials", "4", "--epochs", "300", "--no-prune", "--workers", workers]
    # Under a runner that ignores SIGINT, Python would not turn it into KeyboardInterrupt.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from zerokara.cli import main; sys.exit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words, "--out", "here"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while not list((tmp_path / "here").glob("trials/*/checkpoint.safetensors")):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "of 4 trials have ended; zerokara search --resume here goes on" in err
    assert "Traceback" not in err
    assert out == ""
    assert (tmp_path / "here" / "report.html").exists()
