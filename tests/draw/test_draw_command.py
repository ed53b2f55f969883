"""`zerokara draw`: files in, pictures out, one line for what is wrong."""

from __future__ import annotations

import pytest

import zerokara as zk
from zerokara.cli import main
from zerokara.draw.text import TIMES


@pytest.fixture
def model(tmp_path):
    """A model file for the digits."""
    path = tmp_path / "net.safetensors"
    zk.save(zk.models.TwoLayerNet(64, 5, 10), path)
    return path


def test_a_picture_lies_beside_the_model(model, capsys):
    assert main(["draw", str(model)]) == 0
    picture = model.with_name("net-graph.svg")
    assert capsys.readouterr().out == f"{picture}\n"
    assert f"64{TIMES}5" in picture.read_text("utf-8")


def test_a_run_directory_is_drawn(tmp_path, capsys):
    zk.save(zk.models.SimpleConvNet((1, 8, 8)), tmp_path / "model.safetensors")
    assert main(["draw", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'model-graph.svg'}\n"


def test_data_adds_values_and_gradients(model, tmp_path, capsys):
    pictures = []
    for index in ("0", "5"):
        out = tmp_path / f"{index}.svg"
        words = ["draw", str(model), "--data", "digits", "--index", index, "--out", str(out)]
        assert main(words) == 0
        pictures.append(out.read_text("utf-8"))
    assert all("← |grad|" in picture for picture in pictures)
    assert pictures[0] != pictures[1]


def test_the_same_call_gives_the_same_bytes(model):
    words = ["draw", str(model), "--data", "digits"]
    picture = model.with_name("net-graph.svg")
    assert main(words) == 0
    first = picture.read_bytes()
    assert main(words) == 0
    assert picture.read_bytes() == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["draw", "{model}", "--out", "x.gif"], "must end in .svg or .png"),
        (["draw", "{model}", "--index", "3"], "give that too"),
        (["draw", "{model}", "--data", "pears"], "'pears' is unknown"),
        (["draw", "{model}", "--data", "digits", "--index", "9999"], "test images 0 to"),
        (["draw", "{model}", "--data", "digits", "--index=-1"], "test images 0 to"),
        (["draw", "{model}", "--out", "{folder}/no/x.svg"], "cannot be written"),
        (["draw", "{folder}/no.safetensors"], "no.safetensors"),
        (["draw", "{folder}"], "no run directory"),
        (["draw"], "MODEL"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, message, model, tmp_path, capsys):
    words = [word.format(model=model, folder=tmp_path) for word in words]
    assert main(words) == 2
    done = capsys.readouterr()
    assert done.out == ""
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert not list(tmp_path.glob("*.svg"))


def test_data_that_does_not_fit_is_refused(tmp_path, capsys):
    zk.save(zk.models.TwoLayerNet(5, 4, 10), tmp_path / "net.safetensors")
    assert main(["draw", str(tmp_path / "net.safetensors"), "--data", "digits"]) == 2
    assert "expected shape" in capsys.readouterr().err
