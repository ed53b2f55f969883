"""The command that draws the book's figures, and what it and `draw_figure` refuse."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from figure_cases import write_mnist

from zerokara.cli import main
from zerokara.errors import ArgumentError, DataError, MissingExtraError

pytest.importorskip("matplotlib", reason="plots are an extra")

from zerokara.figures import ENTRIES, draw_figure


def test_the_command_lists_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figures"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(ENTRIES)
    assert all(len(line) <= 80 for line in lines)


def test_the_command_draws_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "pictures"
    words = ["figures", "gradients", "descent", "gradients", "--out", str(out), "--format", "svg"]
    assert main(words) == 0
    assert capsys.readouterr().out.split() == [str(out / "gradients.svg"), str(out / "descent.svg")]
    assert sorted(path.name for path in out.iterdir()) == ["descent.svg", "gradients.svg"]
    assert (out / "descent.svg").read_bytes().startswith(b"<?xml")


def test_all_is_every_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    monkeypatch.setattr(
        "zerokara.figures.registry.draw_figure",
        lambda word, path, *, material, seed: asked.append((word, path.name, material.name, seed)),
    )
    write_mnist(tmp_path / "mnist")
    arguments = ["figures", "all", "--data-dir", str(tmp_path), "--out", str(tmp_path / "o")]
    assert main([*arguments, "--seed", "4"]) == 0
    assert asked == [(word, f"{word}.png", "MNIST", 4) for word in ENTRIES]
    assert len(capsys.readouterr().out.split()) == len(ENTRIES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optimisers"], "figure 'optimisers' is unknown; expected all or some of activations, "),
        (["all", "nothing"], "figure 'nothing' is unknown"),
        (["gradients", "--format", "xyz"], "must end in a picture format"),
        (["gradients", "--format", "pgf"], "must end in a picture format"),
        (["gradients", "--data-dir", "nowhere"], "root='nowhere' is not a folder"),
        (["search", "--data-dir", "nowhere"], "root='nowhere' is not a folder"),
        (["gradients", "--out", "file"], "--out file: is a file; name a folder"),
        (["gradients", "--out", "file/below"], "--out file/below: cannot be made"),
        (["gradients", "--seed", "-1"], "--seed"),
    ],
)
def test_wrong_input_is_one_line_before_anything_is_drawn(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    assert main(["figures", *words]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("ending", ["png", "below/it.svg"])
def test_a_place_that_takes_no_file_is_refused_before_any_training(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("zerokara.figures.training.fit", lambda *_, **__: pytest.fail("trains"))
    write_mnist(tmp_path / "mnist")
    taken = tmp_path / "out" / "search.png"
    taken.mkdir(parents=True)
    words = ["figures", "optimizers-mnist", "search", "--data-dir", str(tmp_path), "--format"]
    assert main([*words, ending, "--out", str(taken.parent)]) == 2
    said = capsys.readouterr()
    assert "cannot be written" in said.err
    assert len(said.err.splitlines()) == 1
    assert list(taken.parent.iterdir()) == [taken]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="every folder takes root's files")
def test_a_folder_without_leave_to_write_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    assert main(["figures", "gradients", "--out", str(tmp_path)]) == 2
    assert "gradients.png: cannot be written (Permission denied)" in capsys.readouterr().err


def test_unknown_words_and_endings_are_refused_in_python(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="figure 'graph' is unknown"):
        draw_figure("graph")
    with pytest.raises(ArgumentError, match="picture format"):
        draw_figure("gradients", tmp_path / "gradients.xyz")
    with pytest.raises(DataError, match="cannot be written"):
        draw_figure("gradients", tmp_path / "none" / "gradients.png", arrows=2)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_matplotlib_is_said_before_any_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'zerokara\[plots\]'"):
        draw_figure("search")
    assert main(["figures", "search", "--out", str(tmp_path / "o")]) == 2
    assert "zerokara[plots]" in capsys.readouterr().err
    assert main(["figures"]) == 0  # the list needs nothing
