"""`zerokara train --net simple-conv` and `--net deep-conv`, and `predict` with what they leave."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import zerokara as zk
from zerokara.cli import main, nets

ALWAYS = {"model.safetensors", "checkpoint.safetensors", "history.json", "config.json"}
FILES = ALWAYS | {"curve.png", "filters.png", "maps.png"}


@pytest.mark.parametrize(
    ("name", "model", "hidden"),
    [("simple-conv", "SimpleConvNet", 100), ("deep-conv", "DeepConvNet", 50)],
)
def test_trains_draws_and_predicts(
    name: str, model: str, hidden: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    run = tmp_path / "run"
    assert main(["train", "digits", "--net", name, "--steps", "10", "--out", str(run)]) == 0
    assert {path.name for path in run.iterdir()} - {"mistakes.png"} == FILES
    config = json.loads((run / "config.json").read_text())
    assert config["options"]["optimizer"] == "Adam"
    assert config["options"]["hidden"] == hidden
    net = zk.load(run / "model.safetensors")
    assert type(net).__name__ == model
    assert net.inputs["x"].shape == (1, 8, 8)

    _, (x, _) = zk.data.load_digits(flatten=False)
    picture = tmp_path / "digit.png"
    image.fromarray((x[0, 0] * 255).round().astype(np.uint8)).save(picture)
    capsys.readouterr()
    assert main(["predict", str(run), str(picture), "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    wanted = net.probabilities(x[:1])[0]
    found = [answer["probabilities"][str(digit)] for digit in range(10)]
    # PNG has 256 levels where the digits have 17.
    np.testing.assert_allclose(found, wanted, atol=0.05)
    assert answer["class"] == str(wanted.argmax())


def test_defaults_are_the_books() -> None:
    plan = nets.Plan((28, 28), 10, 100, 0.01, 0, np.float32)
    simple = nets.net("simple-conv").build(plan)
    assert np.array_equal(simple.flat_params, zk.models.SimpleConvNet().flat_params)
    asked = {name: (net.epochs, net.optimizer) for name, net in nets.NETS.items()}
    assert asked["two-layer"] == asked["multi-layer"] == (None, "SGD")
    assert asked["simple-conv"] == asked["deep-conv"] == (20, "Adam")


def test_without_matplotlib_training_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    run = tmp_path / "run"
    words = ["train", "digits", "--net", "simple-conv", "--steps", "3", "--out", str(run)]
    assert main(words) == 0
    assert {path.name for path in run.iterdir()} == ALWAYS
    assert "pip install" in capsys.readouterr().err
