"""Searches that are killed: what was finished stays, what was not is made as it would have been."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zerokara.errors import DataError
from zerokara.search.lock import only_search

pytest.importorskip("optuna", reason="searching needs optuna")
pytest.importorskip("fcntl", reason="a system without fcntl")

from search_cases import deadly, napping, remains, small

pytestmark = pytest.mark.hostile

KILLS = int(os.environ.get("ZEROKARA_KILLS", "4"))
PROGRAM = Path(__file__).with_name("search_cases.py")


def begun(folder: Path, workers: int) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    flags = ["-S"] if sys.flags.no_site else []
    return subprocess.Popen(
        [sys.executable, *flags, str(PROGRAM), str(folder), str(workers)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def written(folder: Path) -> int:
    """When the search last wrote into its ledger."""
    ledger = folder / "trials.db"
    return ledger.stat().st_mtime_ns if ledger.exists() else 0


def killed(folder: Path, workers: int, wanted: int) -> int:
    """Kill and go on until so many kills have come within a search; how many did."""
    chance, kills = random.Random(wanted), 0
    while kills < wanted:
        before = written(folder)
        process = begun(folder, workers)
        until = time.monotonic() + 60
        while written(folder) == before and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        # From the first thing that it writes to some trials later, as the machine goes.
        time.sleep(chance.uniform(0.0, 0.8))
        process.kill()
        _, said = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, said.decode()
        kills += 1
    return kills


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return small(tmp_path_factory.mktemp("whole") / "search", optimizer=napping)


@pytest.mark.parametrize("wanted", [1, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_a_search_that_was_killed_ends_as_one_that_was_not(whole, tmp_path, wanted):
    assert killed(tmp_path / "run", 1, wanted) > 0
    result = small(tmp_path / "run", optimizer=napping, resume=True)
    assert remains(result) == remains(whole)
    assert not list((tmp_path / "run").rglob("checkpoint.safetensors"))


@pytest.mark.slow
def test_with_workers_no_trial_is_lost_and_no_process_stays(tmp_path):
    assert killed(tmp_path / "run", 2, KILLS) > 0
    result = small(tmp_path / "run", optimizer=napping, resume=True, workers=2)
    assert [trial.number for trial in result.trials] == list(range(1, 9))
    assert {trial.state for trial in result.trials} <= {"complete", "pruned"}
    # The lock of the workers is free, so none is left; `only_search` waits for it.
    with only_search(tmp_path / "run"):
        pass


def test_two_searches_do_not_share_a_folder(tmp_path):
    small(tmp_path / "run", trials=1)
    with (
        only_search(tmp_path / "run"),
        pytest.raises(DataError, match="another search is at work in this folder"),
    ):
        small(tmp_path / "run", trials=2, resume=True)
    assert len(small(tmp_path / "run", trials=2, resume=True).trials) == 2


def test_a_trial_that_kills_its_worker_is_given_up_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("DEADLY", "yes")
    arguments = {
        "vary": ["hidden"],
        # The first is tried out when the search begins, in this process.
        "ranges": {"hidden": [8, 7]},
        "sampler": "random",
        "trials": 5,
        "epochs": 1,
    }
    result = small(tmp_path / "run", build=deadly, workers=2, **arguments)
    states = {trial.params["hidden"]: trial.state for trial in result.trials}
    assert states == {7: "failed", 8: "complete"}
    assert len(result.trials) == 5
    assert "failed" in (tmp_path / "run" / "report.html").read_text()
