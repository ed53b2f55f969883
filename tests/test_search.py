"""zerokara.search: trials that can be made again, the ledger, pruning, what is left behind."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import DataError, MissingExtraError

pytest.importorskip("optuna", reason="searching needs optuna")

from search_cases import remains, samples, small, telling_threads

from zerokara.search.job import Dense, optimizer_of, trial_seed
from zerokara.search.plots import plot_importances
from zerokara.search.samples import split


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("done") / "search"
    return small(folder, pictures=True)


def test_a_search_finds_what_learns(done):
    assert [trial.number for trial in done.trials] == list(range(1, 9))
    assert done.best.value > 0.6
    assert done.best.value == max(t.value for t in done.trials if t.state == "complete")
    assert min(trial.value for trial in done.trials) < done.best.value
    assert repr(done).startswith(f"<Result: 8 trials, best {done.best.value:.4f} by trial")
    for trial in done.trials:
        assert 1e-3 <= trial.params["lr"] <= 1
        assert 4 <= trial.params["hidden"] <= 20
        assert trial.value == max(trial.validation_accuracy)
        assert len(trial.train_accuracy) == len(trial.validation_accuracy)


def test_trials_below_the_median_are_given_up(done, tmp_path):
    states = {trial.state for trial in done.trials}
    assert states == {"complete", "pruned"}
    for trial in done.trials:
        assert (len(trial.validation_accuracy) < 4) == (trial.state == "pruned")
    whole = small(tmp_path / "whole", prune=False)
    assert all(trial.state == "complete" for trial in whole.trials)
    for one, other in zip(done.trials, whole.trials, strict=True):
        if one.params == other.params:  # as far as it came, it was the same training
            shown = len(one.validation_accuracy)
            assert one.validation_accuracy == other.validation_accuracy[:shown]


def test_the_same_arguments_give_the_same_search(done, tmp_path):
    assert remains(small(tmp_path / "again")) == remains(done)
    assert remains(small(tmp_path / "other", seed=3, trials=2)) != remains(done)[:2]


def test_a_trial_can_be_made_again_by_hand(done):
    best = done.best
    assert best.seed == trial_seed(2, best.number - 1)
    train, validation = split(samples(), 0.2, 2)
    net = Dense(64, 10)(best.params, best.seed)
    history = zk.fit(
        net,
        train,
        validation=validation,
        optimizer=optimizer_of(best.params),
        batch_size=10,
        epochs=4,
        seed=best.seed,
        restore_best=True,
    )
    assert history.validation_accuracy == best.validation_accuracy
    kept = zk.load(done.folder / "best" / "model.safetensors")
    assert np.array_equal(kept.flat_params, net.flat_params)
    assert kept.accuracy(*validation) == pytest.approx(best.value, abs=1e-12)


def test_the_samples_that_judge_are_those_that_fit_would_keep_out():
    x, t = samples()
    (left, labels), (kept, kept_labels) = split((x, t), 0.2, 3)
    assert (len(left), len(kept)) == (240, 60)
    rows = zk.training.validation.split_rows(300, 0.2, 3)
    assert np.array_equal(np.asarray(left), np.asarray(x)[rows[0]])
    assert np.array_equal(np.asarray(kept), np.asarray(x)[rows[1]])
    assert np.array_equal(np.concatenate([labels, kept_labels]), t[np.concatenate(rows)])


def test_several_workers_make_the_same_trials(tmp_path, monkeypatch):
    """With proposals that do not depend on who ends first; and each worker has its share."""
    (tmp_path / "told").mkdir()
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    common = {"sampler": "random", "prune": False, "build": telling_threads, "trials": 4}
    alone = small(tmp_path / "alone", **common)
    several = small(tmp_path / "several", workers=2, **common)
    assert remains(several) == remains(alone)
    told = {p.name: p.read_text() for p in (tmp_path / "told").iterdir()}
    assert told.pop(str(os.getpid()))
    share = str(max(zk.native.max_threads() // 2, 1))
    assert len(told) == 2
    assert {text.split()[0] for text in told.values()} == {share}
    assert {text.split()[1] for text in told.values()} == {share}


def test_a_search_goes_on_for_longer(done, tmp_path):
    first = small(tmp_path / "run", trials=4)
    assert len(first.trials) == 4
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run" / "trials").rglob("*.json")}
    longer = small(tmp_path / "run", trials=8, resume=True)
    assert remains(longer) == remains(done)
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    again = small(tmp_path / "run", trials=2, resume=True)  # all of them are there already
    assert remains(again) == remains(done)


def test_ctrl_c_in_a_trial_leaves_what_goes_on(done, tmp_path):
    def interrupt(tried, best, count):
        if count == 4:
            raise KeyboardInterrupt

    cut = small(tmp_path / "run", notify=interrupt)
    assert cut.interrupted
    assert len(cut.trials) == 4
    assert remains(small(tmp_path / "run", resume=True)) == remains(done)


def test_what_diverges_is_told_and_is_the_worst(tmp_path):
    result = small(
        tmp_path / "run",
        vary=["lr"],
        ranges={"lr": [1e25, 1e26, 0.3]},
        trials=6,
        epochs=2,
        sampler="random",
    )
    states = {trial.params["lr"]: trial.state for trial in result.trials}
    assert states[1e25] == states[1e26] == "diverged"
    assert result.best.params == {"lr": 0.3}
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"{result.count('diverged')} diverged" in page


def test_everything_can_be_varied(tmp_path):
    result = small(
        tmp_path / "run",
        sampler="random",
        vary=["lr", "weight_decay", "hidden", "depth", "dropout", "optimizer"],
        ranges={"depth": (1, 2), "optimizer": ["adam", "SGD"]},
        trials=4,
        epochs=1,
    )
    assert {trial.params["optimizer"] for trial in result.trials} == {"Adam", "SGD"}
    for trial in result.trials:
        net = zk.load(trial.folder / "model.safetensors")
        affine = [layer for layer in net.layers.values() if isinstance(layer, zk.Affine)]
        assert len(affine) == trial.params["depth"] + 1
        assert affine[0].W.shape == (64, trial.params["hidden"])
        noise = [layer for layer in net.layers.values() if isinstance(layer, zk.Dropout)]
        assert [layer.ratio for layer in noise] == [trial.params["dropout"]] * len(noise)
        assert noise


def test_names_of_ones_own(tmp_path):
    def build(params, seed):
        act = zk.Tanh() if params["act"] == "tanh" else zk.ReLU()
        layers = [zk.Affine(params["units"]), act, zk.Affine(10)]
        return zk.Sequential(layers, 64, loss=zk.SoftmaxWithLoss(), rng=seed)

    # Three choices of which the last is a scale's name are choices all the same.
    ranges = {"units": (np.int64(3), np.int64(6)), "act": ["tanh", "relu", "log"]}
    result = small(tmp_path / "run", build=build, vary=["units", "act"], ranges=ranges, trials=3)
    assert all(type(trial.params["units"]) is int for trial in result.trials)
    assert {trial.params["act"] for trial in result.trials} <= {"tanh", "relu", "log"}


def test_journal_and_url_hold_the_same_trials(done, tmp_path):
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    for storage, file in (("journal", tmp_path / "0" / "trials.log"), (url, Path(url[10:]))):
        folder = tmp_path / ("0" if storage == "journal" else "1")
        small(folder, storage=storage, trials=4)
        assert file.exists()
        assert not (folder / "trials.db").exists()
        assert remains(small(folder, storage=storage, resume=True)) == remains(done)


def test_a_cut_line_of_the_journal_is_taken_off(done, tmp_path):
    small(tmp_path / "run", storage="journal", trials=4)
    with (tmp_path / "run" / "trials.log").open("ab") as file:
        file.write(b'{"op_code": 4, "work')
    os.symlink("nowhere", tmp_path / "run" / "trials.log.lock")
    again = small(tmp_path / "run", storage="journal", resume=True)
    assert remains(again) == remains(done)


def test_the_report_shows_every_trial(done):
    page = (done.folder / "report.html").read_text()
    for trial in done.trials:
        assert f"<td>{trial.number}</td><td>{trial.state}</td>" in page
        assert str(trial.seed) in page
    for name in ("history", "curves", "parameters", "pair"):
        assert f"pictures/{name}.png" in page
        picture = done.folder / "pictures" / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert "that takes 10 complete trials" in page
    assert not list(done.folder.rglob("*.tmp"))


def test_importances_come_with_enough_trials(tmp_path):
    result = small(tmp_path / "run", trials=10, epochs=2, prune=False)
    assert set(result.importances) == {"lr", "hidden"}
    assert sum(result.importances.values()) == pytest.approx(1)
    assert result.importances["lr"] > result.importances["hidden"]
    assert "complete trials, and there are" not in (tmp_path / "run" / "report.html").read_text()
    bars = plot_importances(result, tmp_path / "bars.png").axes[0].patches
    assert sorted(bar.get_width() for bar in bars) == sorted(result.importances.values())
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    small(tmp_path / "run", pictures=True, trials=1, epochs=1)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "No pictures: plots need matplotlib" in page
    assert "<img" not in page


def test_without_optuna_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'zerokara\[search\]'"):
        small(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_optuna_comes_only_with_a_search():
    code = "import sys, zerokara.search; print('optuna' in sys.modules)"
    path = os.pathsep.join(filter(None, sys.path))
    flags = ["-S"] if sys.flags.no_site else []
    said = subprocess.run(
        [sys.executable, *flags, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert said.stdout == "False\n", said.stderr


def test_trials_that_are_gone_are_not_begun_anew(tmp_path):
    small(tmp_path / "run", trials=1, epochs=1)
    (tmp_path / "run" / "trials.db").unlink()
    with pytest.raises(DataError, match="are not in its storage, a file in it; was it moved"):
        small(tmp_path / "run", trials=1, epochs=1, resume=True)


def test_a_database_that_fails_in_between_is_one_error(tmp_path):
    url = f"sqlite:///{tmp_path}/elsewhere.db"

    def spoil(tried, best, count):
        with sqlite3.connect(tmp_path / "elsewhere.db") as database:
            database.execute("DROP TABLE trial_intermediate_values")
        database.close()

    with pytest.raises(DataError, match=r"elsewhere\.db fails \(.*resume when it works again"):
        small(tmp_path / "run", storage=url, notify=spoil)


def test_a_password_is_kept_nowhere(tmp_path, monkeypatch):
    import optuna

    made = []

    class Elsewhere(optuna.storages.RDBStorage):
        def __init__(self, url, **options):
            made.append(url)
            super().__init__(f"sqlite:///{tmp_path}/x.db")

    monkeypatch.setattr(optuna.storages, "RDBStorage", Elsewhere)
    secret = "postgresql://me:se:cr@et@host:5432/db"
    small(tmp_path / "run", trials=1, storage=secret)
    assert set(made) == {secret}
    assert json.loads((tmp_path / "run" / "search.json").read_text())["plan"]["storage"] == (
        "postgresql://me:***@host:5432/db"
    )
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or b"se:cr" not in path.read_bytes()


def test_the_database_is_let_go_of(done):
    with sqlite3.connect(done.folder / "trials.db") as database:
        database.execute("BEGIN EXCLUSIVE")
    database.close()
