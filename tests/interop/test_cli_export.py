"""zerokara export: a run as ONNX, and as weights by PyTorch's names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from onnx_cases import onnx, run

import zerokara as zk
from zerokara.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a run directory with a network and its config."""
    net = zk.Sequential(
        [zk.Affine(5), zk.ReLU(), zk.Affine(3)], 4, loss=zk.SoftmaxWithLoss(), rng=3
    )
    zk.save(net, tmp_path / "model.safetensors")
    config = {"program": "zerokara", "classes": ["ant", "bee", "cat"], "input_scale": 1 / 16}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.count("\n") == 1
    return caught.err


def test_onnx(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    out = said(capsys, "export", folder, "--to", "onnx").splitlines()
    path = folder / "model.onnx"
    assert out[-1] == str(path)
    assert out[0] == f"{path}: ONNX, IR version 8, opset 13"
    assert "  greatest difference from ONNX Runtime: " in out[-2]
    assert float(out[-2].split(": ")[1].split()[0]) < 1e-5
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    wanted = zk.load(folder / "model.safetensors").probabilities(x)
    np.testing.assert_allclose(run(path, x, "probabilities"), wanted, atol=1e-6)
    (entry,) = onnx.load(path).metadata_props
    assert json.loads(entry.value) == ["ant", "bee", "cat"]


def test_pixels_with_the_scale_of_the_training(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "pixels.onnx"
    words = ("--pixels", "--mean", "0.5", "--std", "0.5,0.25,1,2", "--out", path)
    assert "input   x: uint8 (N, 4)" in said(capsys, "export", folder, *words)
    pixels = np.random.default_rng(0).integers(0, 17, (6, 4), np.uint8)
    net = zk.load(folder / "model.safetensors")
    wanted = net.probabilities((pixels / 16 - 0.5) / [0.5, 0.25, 1, 2])
    np.testing.assert_allclose(run(path, pixels, "probabilities"), wanted, atol=1e-6)


def test_scores(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "export", folder / "model.safetensors", "--scores")
    assert "output  output: float32 (N, 3)" in text
    assert "probabilities" not in text


def test_safetensors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "export", folder, "--to", "safetensors")
    assert out == f"{folder / 'model-torch.safetensors'}\n"
    held = safetensors.numpy.load_file(folder / "model-torch.safetensors")
    net = zk.load(folder / "model.safetensors")
    assert sorted(held) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    np.testing.assert_array_equal(held["2.weight"], net.params["affine2.W"].T)


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "tflite"], "--to: expected onnx or safetensors, got 'tflite'"),
        (["--to", "safetensors", "--pixels"], "are for --to onnx"),
        (["--mean", "a,b"], "--mean: expected numbers with commas between, got 'a,b'"),
        (["--std", "0"], "std must be above 0"),
        (["--mean", "1,2"], "mean of shape (2,) does not fit samples of shape (4,)"),
        (["--out", "net.pt"], "must end in .onnx"),
    ],
)
def test_wrong_words(
    words: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.iterdir())
    assert message in refused(capsys, "export", folder, *words)
    assert sorted(folder.iterdir()) == before


@pytest.mark.hostile
def test_wrong_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = folder / "model.safetensors"
    words = ("--to", "safetensors", "--out", model)
    assert "is the model itself" in refused(capsys, "export", model, *words)
    assert "there is no such file" in refused(capsys, "export", folder / "none.safetensors")
    (folder / "config.json").write_text('{"program": "zerokara", "classes": ["a"]}')
    assert "its classes do not fit the model" in refused(capsys, "export", folder)
    model.unlink()
    assert "no run directory" in refused(capsys, "export", folder)
