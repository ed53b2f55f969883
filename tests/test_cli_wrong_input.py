"""Whatever is given to the command line wrongly: exit code 2 and one line that helps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zerokara as zk
from zerokara.cli import main
from zerokara.data import write_idx

pytestmark = pytest.mark.hostile


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a model and with files that are not what they should be."""
    folder = tmp_path_factory.mktemp("place")
    zk.save(zk.models.TwoLayerNet(64, 5, 10), folder / "net.safetensors")
    zk.save(zk.models.TwoLayerNet(60, 5, 10), folder / "not-square.safetensors")
    (folder / "text.safetensors").write_text("this is a text file, longer than a header\n")
    (folder / "text.png").write_text("this is a text file\n")
    (folder / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"garbage" * 9)
    (folder / "empty.png").write_bytes(b"")
    (folder / "empty").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "mine.txt").write_text("precious")
    write_idx(folder / "images.idx", np.zeros((3, 8, 8), np.uint8))
    write_idx(folder / "labels.idx", np.zeros(3, np.uint8))
    write_idx(folder / "none.idx", np.zeros((0, 8, 8), np.uint8))
    write_idx(folder / "large.idx", np.zeros((3, 9, 9), np.uint8))
    return folder


TRAIN = [
    ("train cifar", "data 'cifar' is unknown; expected digits, mnist or fashion-mnist"),
    ("train --net deep", "--net 'deep' is unknown; expected two-layer, multi-layer, simple-conv"),
    ("train --optimizer sdg", "'sdg' is unknown; expected SGD, Momentum"),
    ("train --sampling all", "--sampling 'all' is unknown"),
    ("train --dtype int8", "--dtype 'int8' is unknown"),
    ("train --epochs -3", "--epochs"),
    ("train --epochs many", "--epochs"),
    ("train --steps 0", "--steps"),
    ("train --hidden 0", "--hidden"),
    ("train --hidden 1000000000000000000000", "--hidden"),
    ("train --batch-size 0", "--batch-size"),
    ("train --seed -1", "--seed"),
    ("train --lr -0.1", "lr must be 0 or more"),
    ("train --lr nan", "lr must be 0 or more"),
    ("train --epochs 3 --steps 4", "give one of them"),
    ("train digits --data-dir .", "--data-dir: the digits come with zerokara"),
    ("train mnist --data-dir nowhere", "nowhere"),
    ("train mnist --data-dir empty", "train-images-idx3-ubyte.gz"),
    ("train --out full", "full: holds files already"),
    ("train --out text.png", "text.png: is a file"),
    ("train --out text.png/run", "text.png"),
    ("train --out fresh --lr 1e30", "step"),
    ("train digits mnist", "mnist"),
    ("train --colour", "--colour"),
]
PREDICT = [
    ("predict", "MODEL"),
    ("predict net.safetensors", "IMAGE"),
    ("predict missing.safetensors text.png", "missing.safetensors"),
    ("predict text.safetensors text.png", "text.safetensors"),
    ("predict empty text.png", "empty: no run directory, it holds no model.safetensors"),
    ("predict not-square.safetensors text.png", "expected square grey pictures"),
    ("predict net.safetensors missing.png", "missing.png: there is no such file"),
    ("predict net.safetensors text.png", "text.png: neither a PNG nor an IDX file"),
    ("predict net.safetensors empty.png", "empty.png: neither a PNG nor an IDX file"),
    ("predict net.safetensors full", "full: cannot be read"),
    ("predict net.safetensors images.idx:3", "images.idx:3: there is no such image; the file hol"),
    ("predict net.safetensors images.idx:-1", "from 0 to 2"),
    ("predict net.safetensors images.idx:one", "images.idx:one: there is no such file"),
    ("predict net.safetensors labels.idx:0", "expected images of shape (N, height, width)"),
    ("predict net.safetensors none.idx", "holds no images"),
    ("predict net.safetensors large.idx:0", "is 9x9 pixels; the model takes 8x8"),
]
OTHER = [("fly", "fly"), ("--fly", "--fly"), ("info --fly", "--fly"), ("info now", "now")]


@pytest.mark.parametrize(("words", "part"), TRAIN + PREDICT + OTHER)
def test_exit_code_2_and_one_line(words, part, place, capsys, monkeypatch):
    monkeypatch.chdir(place)
    assert main(words.split()) == 2
    assert_one_line(capsys.readouterr(), part)


def assert_one_line(captured, part):
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("zerokara: ")
    assert part in lines[0]


@pytest.mark.parametrize("words", ["train cifar", "predict a b", "fly"])
def test_the_same_from_a_shell(words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "zerokara", *words.split()],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("zerokara: ")


def test_a_refused_training_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (["--optimizer", "x"], ["--epochs", "0"], ["mnist", "--data-dir", "nowhere"]):
        assert main(["train", *words, "--out", "run"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_stays_as_it_was(place):
    assert main(["train", "--out", str(place / "full")]) == 2
    assert [path.name for path in (place / "full").iterdir()] == ["mine.txt"]


def test_corrupt_png(place, capsys):
    pytest.importorskip("PIL")
    assert main(["predict", str(place / "net.safetensors"), str(place / "corrupt.png")]) == 2
    assert_one_line(capsys.readouterr(), "corrupt.png: a damaged PNG file")


def test_an_index_for_a_png(place, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert main(["predict", str(place / "net.safetensors"), f"{tmp_path / 'a.png'}:0"]) == 2
    assert_one_line(capsys.readouterr(), "a PNG file holds one image")


@pytest.mark.parametrize("keep", [40, 60, 90])
def test_a_png_that_ends_too_early(place, tmp_path, capsys, keep):
    image = pytest.importorskip("PIL.Image")
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    image.fromarray(noise).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    assert len(whole) > 90
    (tmp_path / "a.png").write_bytes(whole[:keep])
    assert main(["predict", str(place / "net.safetensors"), str(tmp_path / "a.png")]) == 2
    assert_one_line(capsys.readouterr(), "a damaged PNG file")


def test_a_png_of_another_shape(place, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    image.new("L", (16, 8)).save(tmp_path / "wide.png")
    assert main(["predict", str(place / "net.safetensors"), str(tmp_path / "wide.png")]) == 2
    assert_one_line(capsys.readouterr(), "is 16x8 pixels; the model takes 8x8 pixels")


def test_a_png_that_would_fill_the_memory(place, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    image.new("1", (9000, 9000)).save(tmp_path / "huge.png")
    assert main(["predict", str(place / "net.safetensors"), str(tmp_path / "huge.png")]) == 2
    assert_one_line(capsys.readouterr(), "is 9000x9000 pixels; at most")


def test_16_bit_png(place, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "deep.png")
    assert main(["predict", str(place / "net.safetensors"), str(tmp_path / "deep.png")]) == 2
    assert_one_line(capsys.readouterr(), "has 16 bits a pixel")


def test_without_pillow(place, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert main(["predict", str(place / "net.safetensors"), str(place / "corrupt.png")]) == 2
    assert_one_line(capsys.readouterr(), "pip install pillow")


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, '{"program": "zerokara"}', '{"program": "zerokara", "classes": 3}']
)
def test_a_damaged_config(place, tmp_path, capsys, text):
    (tmp_path / "model.safetensors").write_bytes((place / "net.safetensors").read_bytes())
    (tmp_path / "config.json").write_text(text)
    assert main(["predict", str(tmp_path), str(place / "images.idx:0")]) == 2
    assert_one_line(capsys.readouterr(), "config.json")
