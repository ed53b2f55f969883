"""`zerokara predict` on digits that a network of this run has learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import zerokara as zk
from zerokara.cli import main
from zerokara.cli.reader import Reader
from zerokara.data import load_digits, write_idx


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", "--epochs", "10", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def digits():
    """Test images (N, 8, 8) of 0 to 16, their labels, and the network's input for them."""
    _, (raw, t) = load_digits(normalize=False, flatten=False)
    _, (x, _) = load_digits()
    return raw[:, 0], t, x


def answers(capsys, *words: str) -> list[dict]:
    assert main(["predict", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_idx_file_gives_what_the_network_says(trained, digits, tmp_path, capsys):
    raw, t, x = digits
    write_idx(tmp_path / "some.idx.gz", raw[:20])
    found = answers(capsys, str(trained), str(tmp_path / "some.idx.gz"))
    expected = zk.load(trained / "model.safetensors").probabilities(x[:20])
    got = [[answer["probabilities"][str(d)] for d in range(10)] for answer in found]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)
    assert np.mean([int(answer["class"]) for answer in found] == t[:20]) > 0.85
    one = answers(capsys, str(trained), f"{tmp_path / 'some.idx.gz'}:7")
    assert len(one) == 1
    assert one[0]["image"].endswith("some.idx.gz:7")
    assert one[0]["class"] == found[7]["class"]


def test_png_files_of_every_kind_say_the_same(trained, digits, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    raw, t, x = digits
    best = int(np.argmax(zk.load(trained / "model.safetensors").probabilities(x)[:, 3]))
    assert t[best] == 3
    grey = image.fromarray(np.rint(raw[best] * (255 / 16)).astype(np.uint8))
    clear = image.new("RGBA", (8, 8), "white")
    clear.putalpha(grey)  # white strokes on nothing
    ink = image.new("RGBA", (8, 8), "black")
    ink.putalpha(grey)
    kinds = {
        "grey": grey,
        "rgb": grey.convert("RGB"),
        "rgba": grey.convert("RGBA"),
        "palette": grey.convert("P"),
        "clear": clear,
        "large": grey.resize((64, 64), image.Resampling.NEAREST),
    }
    for name, picture in kinds.items():
        picture.save(tmp_path / f"{name}.png")
    found = answers(capsys, str(trained), *(str(tmp_path / f"{name}.png") for name in kinds))
    assert [answer["class"] for answer in found] == ["3"] * len(kinds)
    np.testing.assert_allclose([answer["probability"] for answer in found], found[0]["probability"])
    image.eval(grey, lambda value: 255 - value).save(tmp_path / "paper.png")
    ink.save(tmp_path / "ink.png")
    words = [str(tmp_path / "paper.png"), str(tmp_path / "ink.png")]
    inverted = answers(capsys, str(trained), "--invert", *words)
    np.testing.assert_allclose([a["probability"] for a in inverted], found[0]["probability"])


def test_resizing_is_said_on_stderr(trained, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    image.new("L", (32, 32)).save(tmp_path / "a.png")
    assert main(["predict", str(trained), str(tmp_path / "a.png")]) == 0
    captured = capsys.readouterr()
    assert "a.png: resized from 32x32 to 8x8" in captured.err
    assert len(captured.out.splitlines()) == 1


def test_piped_lines_are_tab_separated(trained, digits, tmp_path, capsys):
    write_idx(tmp_path / "some.idx", digits[0][:3])
    assert main(["predict", str(trained), str(tmp_path / "some.idx")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for index, line in enumerate(lines):
        name, best, chance, *every = line.split("\t")
        assert name == f"{tmp_path / 'some.idx'}:{index}"
        table = dict(pair.rsplit(":", 1) for pair in every)
        assert list(table) == list("0123456789")
        assert table[best] == chance == max(table.values(), key=float)
        assert sum(map(float, table.values())) == pytest.approx(1, abs=1e-3)


def test_a_bare_model_says_what_it_assumes(trained, digits, tmp_path, capsys):
    model = tmp_path / "net.safetensors"
    model.write_bytes((trained / "model.safetensors").read_bytes())
    full = np.rint(digits[0][:5] * (255 / 16)).astype(np.uint8)
    write_idx(tmp_path / "full.idx", full)
    assert main(["predict", str(model), str(tmp_path / "full.idx"), "--json"]) == 0
    captured = capsys.readouterr()
    assert "assuming that it was trained on pixels from 0 to 255" in captured.err
    expected = zk.load(model).predict(full.reshape(5, 64) / 255).argmax(axis=1)
    assert [int(a["class"]) for a in json.loads(captured.out)] == expected.tolist()


def test_another_programs_config_is_left_alone(trained, tmp_path):
    (tmp_path / "net.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text('{"hidden_size": 768}')
    notes: list[str] = []
    reader = Reader.open(str(tmp_path / "net.safetensors"), note=notes.append)
    assert len(notes) == 1
    assert reader.scale == 1 / 255


def test_pixels_beyond_what_was_trained_on_are_refused(trained, tmp_path, capsys):
    write_idx(tmp_path / "bright.idx", np.full((1, 8, 8), 200, np.uint8))
    assert main(["predict", str(trained), str(tmp_path / "bright.idx:0")]) == 2
    assert "has a pixel of 200; the model was trained on 0 to 16" in capsys.readouterr().err


def test_a_file_whose_name_ends_like_an_index(trained, digits, tmp_path, capsys):
    write_idx(tmp_path / "odd:1", digits[0][:2])
    assert len(answers(capsys, str(trained), str(tmp_path / "odd:1"))) == 2
    assert len(answers(capsys, str(trained), str(tmp_path / "odd:1:1"))) == 1


def test_class_names_come_from_the_run(tmp_path, capsys):
    config = {"program": "zerokara", "input_white": 255, "input_scale": 1 / 255}
    config["classes"] = ["cat", "dog"]
    zk.save(zk.models.TwoLayerNet(4, 3, 2), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_idx(tmp_path / "x.idx", np.zeros((1, 2, 2), np.uint8))
    found = answers(capsys, str(tmp_path), str(tmp_path / "x.idx:0"))
    assert found[0]["probabilities"] == {"cat": 0.5, "dog": 0.5}
