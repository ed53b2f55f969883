"""History: to JSON and back, and what is refused on the way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerokara import History
from zerokara.errors import DataError

SHARES = st.floats(0, 1)


def some_history() -> History:
    return History([2.0, 1.5, 0.5], [0.5, 0.75], [0.25, 0.5], 1.25, 2, 2, 2, False)


@st.composite
def histories(draw: st.DrawFn) -> History:
    epochs = draw(st.integers(0, 4))
    return History(
        loss=draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=9)),
        train_accuracy=draw(st.lists(SHARES, min_size=epochs, max_size=epochs)),
        test_accuracy=draw(st.just([]) | st.lists(SHARES, min_size=epochs, max_size=epochs)),
        seconds=draw(st.floats(0, 1e6)),
        epochs=epochs,
        steps_per_epoch=draw(st.integers(1, 100)),
        best_epoch=draw(st.none() | st.integers(1, epochs)) if epochs else None,
        interrupted=draw(st.booleans()),
    )


@given(history=histories())
def test_comes_back_equal(history: History, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("history") / "history.json"
    history.save(path)
    assert History.load(path) == history


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    some_history().save(tmp_path / "h.json")
    found = json.loads((tmp_path / "h.json").read_text())
    assert found["loss"] == [2.0, 1.5, 0.5]
    assert found["train_accuracy"] == [0.5, 0.75]
    assert found["test_accuracy"] == [0.25, 0.5]
    assert (found["seconds"], found["steps"]) == (1.25, 3)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"loss": [1.0, None, 2.0]}, "loss must be a list of finite"),
        ({"loss": [1.0, float("nan"), 2.0]}, "loss must be a list of finite"),
        ({"loss": [1.0]}, "1 losses for 3 steps"),
        ({"train_accuracy": [0.5, 1.5]}, "must lie in 0..1"),
        ({"test_accuracy": [0.5]}, "1 entries for 2 epochs"),
        ({"seconds": -1}, "seconds"),
        ({"epochs": True}, "epochs|entries"),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be a whole number from 1"),
        ({"best_epoch": 3}, "best_epoch"),
        ({"interrupted": 1}, "interrupted"),
        ({"more": 1}, "unknown entries: .'more'."),
    ],
)
@pytest.mark.hostile
def test_wrong_entries_are_named(change: dict[str, Any], match: str, tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    some_history().save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=match) as caught:
        History.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"1" * 10_000]
)
@pytest.mark.hostile
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "h.json").write_bytes(content)
    with pytest.raises(DataError, match="is no history"):
        History.load(tmp_path / "h.json")


def test_a_missing_file_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        History.load(tmp_path / "none.json")
    with pytest.raises(DataError, match="cannot be written"):
        some_history().save(tmp_path / "none" / "h.json")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "h.json"
    some_history().save(path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        History([1.0]).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["h.json"]


def test_shows_itself_in_a_line() -> None:
    assert repr(some_history()) == (
        "<History: 3 steps, 2 epochs, 1.2 s, loss 0.5, train accuracy 0.7500, test accuracy 0.5000>"
    )
    assert "interrupted" in repr(History(interrupted=True))
