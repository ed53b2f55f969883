"""Trainings that are killed and resumed: each goes through other parts of what a checkpoint holds.

As a program, ``resume_cases.py CASE FOLDER COUNT SEED``, it begins the training in FOLDER and kills
it at random moments, resuming it each time, until it has been killed COUNT times; as often as it
comes to its end, the files it left are held against those of a run that was never killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import zerokara as zk
from zerokara.data import Augment
from zerokara.schedules import Cosine, OneCycle, StepDecay, Warmup
from zerokara.training import Callback
from zerokara.training.checkpoint import NAME, read_checkpoint

SIDE, CLASSES, COUNT = 6, 3, 90


class Nap(Callback):
    """Makes a training last, and counts its steps, as a user's callback may."""

    every_step = True

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.seen = seconds, 0

    def on_step_end(self, run: Any) -> None:
        self.seen += 1
        time.sleep(self.seconds)

    def state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def restore(self, state: Any) -> None:
        self.seen = state["seen"]


class Leave(Callback):
    """End at a step as a kill would: by an exception that nobody expects."""

    every_step = True

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, run: Any) -> None:
        if run.step == self.step:
            raise Gone


class Gone(Exception):
    pass


def images(seed: int = 0, count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = rng.integers(0, CLASSES, count)
    x = rng.normal(size=(count, SIDE, SIDE)).astype(np.float32)
    x[np.arange(count), t, t] += 3
    return x.reshape(count, -1), t


def net(dropout: float = 0.0, dtype: Any = np.float32) -> zk.Sequential:
    noise = [zk.Dropout(dropout)] if dropout else []
    layers = [zk.Affine(8), zk.BatchNormalization(), zk.ReLU(), *noise, zk.Affine(CLASSES)]
    return zk.Sequential(layers, SIDE * SIDE, loss=zk.SoftmaxWithLoss(), dtype=dtype)


# name -> the network, and the arguments of fit
CASES: dict[str, Callable[[], tuple[zk.Network, dict[str, Any]]]] = {
    "plain": lambda: (
        zk.models.TwoLayerNet(SIDE * SIDE, 5, CLASSES),
        {"optimizer": zk.Momentum(lr=0.1), "steps": 57, "test": images(1)},
    ),
    "all": lambda: (
        net(dropout=0.3),
        {
            "optimizer": zk.AdamW(lr=0.01, clip_norm=1.0, schedule=Warmup(7, Cosine())),
            "epochs": 7,
            "validation": 0.2,
            "patience": 3,
            "monitor": "loss",
            "augment": Augment(shift=1, rotate=10, elastic=0.5, flip=0.5),
            "checkpoint_steps": 3,
        },
    ),
    "parts": lambda: (
        net(dropout=0.5, dtype=np.float64),
        {
            "optimizer": zk.RMSProp(schedule=OneCycle()),
            "epochs": 12,
            "accumulate": 3,
            "sampling": "choice",
            "checkpoint_steps": 1,
        },
    ),
    "stops": lambda: (
        net(dropout=0.2),
        {
            "optimizer": zk.Nesterov(lr=0.01, schedule=StepDecay(40, 0.5)),
            "epochs": 30,
            "validation": images(2, 30),
            "patience": 4,
            "min_delta": 0.02,
            "checkpoint_seconds": 0.01,
        },
    ),
}


def train(case: str, out: Path | None, nap: float = 0.0, **change: Any) -> tuple[Any, zk.History]:
    """The training of a case from its beginning, or from where `out` says that it stood."""
    network, arguments = CASES[case]()
    arguments = {"batch_size": 10, "callbacks": [Nap(nap)], "seed": 3, **arguments, **change}
    history = zk.fit(network, images(), out=out, resume=out is not None, **arguments)
    return network, history


def remains(folder: Path) -> dict[str, Any]:
    """All that a training left, the time that it took aside."""
    checkpoint = read_checkpoint(folder / NAME)
    assert checkpoint is not None
    numbers = json.loads(json.dumps(checkpoint.numbers))
    numbers["history"].pop("seconds")
    history = json.loads((folder / "history.json").read_text())
    history.pop("seconds")
    return {
        "numbers": numbers,
        "history": history,
        "model": (folder / "model.safetensors").read_bytes(),
        "arrays": {name: array.tobytes() for name, array in sorted(checkpoint.arrays.items())},
        "files": sorted(path.name for path in folder.iterdir()),
    }


def kill_and_resume(case: str, folder: Path, count: int, seed: int) -> tuple[int, int]:
    """How often it was killed, and how often it came to its end with what was expected."""
    import safetensors.numpy  # noqa: F401 - here once, and not in each child

    assert callable(zk.fit)
    rng = np.random.default_rng(seed)
    began = time.perf_counter()
    _in_a_child(lambda: train(case, folder / "whole", nap=0.002), None)
    lasts = time.perf_counter() - began
    wanted = remains(folder / "whole")
    killed = ended = 0
    run = folder / "run"
    while killed < count or not ended:
        # One in four goes on to its end, from wherever those before it were killed.
        moment = None if rng.random() < 0.25 else lasts * rng.random()
        if _in_a_child(lambda: train(case, run, nap=0.002), moment):
            found = remains(run)
            for part in wanted:
                if found[part] != wanted[part]:
                    raise SystemExit(f"{case}: after {killed} kills another {part} in {run}")
            ended += 1
            shutil.rmtree(run)
        else:
            killed += 1
    return killed, ended


def _in_a_child(work: Callable[[], Any], seconds: float | None) -> bool:
    """Run it in a process of its own, killed after so many seconds; whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"child: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        raise SystemExit(f"the training failed with {os.WEXITSTATUS(status)}")
    return True


if __name__ == "__main__":
    case, place, kills, number = sys.argv[1:]
    print(*kill_and_resume(case, Path(place), int(kills), int(number)))
