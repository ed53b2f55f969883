"""What a search refuses, and how a fault of the user's own is shown."""

from __future__ import annotations

import numpy as np
import pytest

from zerokara.errors import ArgumentError, DataError
from zerokara.search import search

pytest.importorskip("optuna", reason="searching needs optuna")

from search_cases import breaking, refusing, samples, small

from zerokara.search.job import Dense


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"trials": 0}, "trials must be a whole number from 1, got 0"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"workers": True}, "workers must be a whole number"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"sampler": "grid"}, "sampler must be tpe or random"),
        ({"validation": 1.0}, "above 0 and below 1"),
        ({"vary": []}, "vary must name"),
        ({"vary": ["lr", "lr"]}, "vary must name"),
        ({"vary": ["momentum"], "ranges": {}}, "'momentum' cannot be varied without a range"),
        ({"vary": ["lr"]}, "a range for hidden, which is not varied; add it to vary"),
        ({"fixed": {"lr": 0.1}}, "lr cannot be both varied and fixed"),
        ({"ranges": {"lr": (1, 0.1)}}, "must rise and lie in"),
        ({"ranges": {"lr": (0, 0.1)}}, "must begin above 0"),
        ({"ranges": {"lr": (float("nan"), 1)}}, "must rise"),
        ({"ranges": {"lr": ("a", "b")}}, "bounds of lr must be numbers"),
        ({"ranges": {"lr": (0.1, 1, "cubic")}}, "scale of lr must be log or linear"),
        ({"ranges": {"lr": 0.1}}, "range of lr must be"),
        ({"ranges": {"lr": [0.1]}}, "two choices or more"),
        ({"ranges": {"hidden": (1.5, 9)}}, "bounds of hidden must be whole"),
        ({"ranges": {"hidden": [4, 4]}}, "each once"),
        ({"ranges": {"hidden": [0, 4]}}, "must lie in 1"),
        ({"ranges": {"hidden": [True, 4]}}, "must lie in 1"),
        ({"vary": ["optimizer"], "ranges": {"optimizer": ["adam", "x"]}}, "'x' is unknown"),
        ({"vary": ["dropout"], "ranges": {"dropout": (0, 1.0)}}, "lie in 0 to 0.999"),
        ({"fixed": {"optimizer": "sdg"}}, "optimizer 'sdg' is unknown"),
        ({"build": lambda params, seed: 3}, "build must give a Network"),
        ({"build": lambda params, seed: Dense(64, 10)(params, seed), "workers": 2}, "lambdas"),
        ({"build": refusing}, "no network today"),
        ({"build": refusing, "workers": 2}, "no network today"),
        ({"fixed": {"momentum": np.int64(3)}}, "fixed must hold words, numbers"),
        ({"facts": {"x": float("inf")}}, "facts must hold words, numbers"),
        ({"storage": "mongodb://host/x"}, "mongodb://host/x cannot be used"),
        ({"storage": "sqlite:////nowhere/at/all.db"}, "cannot be opened"),
        ({"storage": "nonsense://u:secret@host/x"}, r"nonsense://u:\*\*\*@host/x cannot be used"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, changed, message):
    with pytest.raises((ArgumentError, DataError), match=message):
        small(tmp_path / "run", **changed)
    assert not (tmp_path / "run" / "report.html").exists()
    if "storage" in changed:
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("storage", "file"), [(None, "trials.db"), ("journal", "trials.log")])
def test_a_damaged_ledger_is_one_error(tmp_path, storage, file):
    small(tmp_path / "run", trials=1, epochs=1, storage=storage)
    for content in (b"no such thing\n" * 300, b"\xff\xfe\n{}\n", b'{"op_code": 3}\n'):
        (tmp_path / "run" / file).write_bytes(content)
        with pytest.raises(DataError, match=rf"{file} (cannot be|fails)"):
            small(tmp_path / "run", trials=1, epochs=1, storage=storage, resume=True)


def test_a_fault_in_a_worker_is_shown(tmp_path, capfd):
    with pytest.raises(RuntimeError, match=r"trial 1 failed .*KeyError"):
        small(tmp_path / "run", build=breaking, workers=2, trials=1)
    assert "a fault of the user's" in capfd.readouterr().err


def test_targets_without_classes_are_refused(tmp_path):
    x, _ = samples()
    with pytest.raises(ArgumentError, match="targets are float64"):
        search((x, np.zeros(300)), out=tmp_path / "run")
    with pytest.raises(ArgumentError, match="x has 300 samples and t has 299"):
        search((x, np.zeros(299, int)), out=tmp_path / "run")


def test_a_folder_is_not_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(DataError, match="holds files already"):
        small(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    small(tmp_path / "run", trials=1)
    with pytest.raises(DataError, match="holds a search already; resume it"):
        small(tmp_path / "run", trials=1)
    for changed in ({"seed": 6}, {"epochs": 5}, {"ranges": {"hidden": (4, 19)}}):
        with pytest.raises(ArgumentError, match="was begun with"):
            small(tmp_path / "run", resume=True, **changed)
    plan = tmp_path / "run" / "search.json"
    for text in ("{", "[]", '{"command": "train"}'):
        plan.write_text(text)
        with pytest.raises(DataError, match=r"search\.json: is no"):
            small(tmp_path / "run", resume=True)
