"""What the tests of the search share: functions that workers can import, and a search to kill.

As a program, ``search_cases.py FOLDER WORKERS``, it searches in FOLDER, or goes on there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import zerokara as zk
from zerokara import native
from zerokara.search import Result, report, search
from zerokara.search.job import Dense, optimizer_of


def samples(count: int = 300) -> tuple[Any, Any]:
    (x, t), _ = zk.data.load_digits(normalize="lazy")
    return x[:count], t[:count]


def small(out: Path, *, pictures: bool = False, **changed: Any) -> Result:
    """A search of a second or two; half of it would be the drawing of pictures."""
    arguments: dict[str, Any] = {
        "vary": ["lr", "hidden"],
        "ranges": {"hidden": (4, 20)},
        "trials": 8,
        "epochs": 4,
        "batch_size": 10,
        "seed": 2,
    }
    undrawn = mock.patch.object(report, "_draw", return_value={})
    with contextlib.nullcontext() if pictures else undrawn:
        return search(samples(), out=out, **(arguments | changed))


def remains(result: Result) -> list[tuple[Any, ...]]:
    """What must be the same whatever happened on the way."""
    return [
        (t.number, t.state, t.params, t.seed, t.value, t.validation_accuracy, t.train_accuracy)
        for t in result.trials
    ]


def napping(params: Any) -> zk.optimizers.Optimizer:
    """An optimizer for a training that lasts a little, so that a kill can come within it."""
    time.sleep(0.05)
    return optimizer_of(params)


def deadly(params: Any, seed: int) -> zk.Network:
    """Takes its process along for one choice of hidden."""
    if params["hidden"] == 7 and "DEADLY" in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
    return Dense(64, 10)(params, seed)


def telling_threads(params: Any, seed: int) -> zk.Network:
    """Leaves in a file how many threads its process has."""
    Path(os.environ["TOLD"], str(os.getpid())).write_text(
        f"{os.environ.get('OMP_NUM_THREADS')} {native.max_threads()}"
    )
    return Dense(64, 10)(params, seed)


def refusing(params: Any, seed: int) -> zk.Network:
    """Fails in a trial, and not when the search tries it out."""
    if seed:
        raise zk.errors.ArgumentError("no network today")
    return Dense(64, 10)(params, seed)


def breaking(params: Any, seed: int) -> zk.Network:
    """Has a fault of its own."""
    if seed:
        raise KeyError("a fault of the user's")
    return Dense(64, 10)(params, seed)


if __name__ == "__main__":
    small(Path(sys.argv[1]), workers=int(sys.argv[2]), resume=True, optimizer=napping)
