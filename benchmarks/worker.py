"""The process that is timed: one peer, so many threads. Told what to do by lines of JSON.

Started by `harness.crew`. Each line asks for one thing and gets one line back, {"error": ...} where
it did not work: {"do": "load", "task": ...} builds the peer's step, {"do": "check"} gives its
losses or scores, {"do": "block", "seconds": s} runs for about that long and gives the steps and
seconds that it took.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness.tasks import CHECKED_STEPS, Task, checked_batches, read_data
from peers import peer_class

DISTINCT_ROWS = 64
"""How many different inputs a predict block goes round, at most."""


class Bench:
    """What the process does; its data is mapped from the files that the parent wrote."""

    def __init__(self, name: str, threads: int, folder: Path) -> None:
        self.threads, self.folder = threads, folder
        self.peer_class = peer_class(name)
        self.rng = np.random.default_rng(3)

    def load(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.task = Task.from_json(asked["task"])
        self.x, self.t = read_data(self.folder, self.task)
        self.peer: Any = None  # the last task's memory goes first
        self.peer = self.peer_class(self.task, self.task.layers(), self.x, self.t, self.threads)
        if not self.task.trains:
            rows = self.task.rows
            starts = range(0, min(DISTINCT_ROWS * rows, len(self.x) - rows), rows)
            self.peer.set_rows([self._rows(start) for start in starts])
        self.pace = 0.0
        return {}

    def check(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not self.task.trains:
            return {"scores": np.asarray(self.peer.scores(self._rows(0)), np.float64).tolist()}
        batches = checked_batches(self.task, len(self.t))
        losses = [self.peer.train(batches[i : i + 1]) for i in range(CHECKED_STEPS)]
        return {"losses": losses, "tolerance": self.peer.loss_tolerance}

    def block(self, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = float(asked["seconds"])
        chunk = self.peer.chunk
        if not self.pace:
            self._time(chunk)  # what is made at the first call is no part of any block
            _, self.pace = self._time(max(chunk, 3))
        count = max(round(wanted / self.pace / chunk), 1) * chunk
        count, each = self._time(count)
        self.pace = each
        return {"steps": count, "seconds": each * count}

    def _time(self, count: int) -> tuple[int, float]:
        if self.task.trains:
            batches = self.rng.integers(0, len(self.t), (count, self.task.rows))
            return count, _seconds(lambda: self.peer.train(batches)) / count
        return count, _seconds(lambda: self.peer.predict(count)) / count

    def _rows(self, start: int) -> Any:
        rows = self.x[start : start + self.task.rows]
        return np.multiply(rows, np.float32(1 / 255), dtype=np.float32)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    name, threads, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    # What a library prints goes to the log, so that the answers stay alone on their pipe.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    bench: Any = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            bench = bench or Bench(name, threads, folder)
            answer = getattr(bench, asked["do"])(asked)
        except Exception as error:  # the parent says which peer could not, and goes on
            lines = str(error).strip().splitlines() or [""]
            answer = {"error": f"{type(error).__name__}: {lines[0][:200]}"}
            sys.excepthook(type(error), error, error.__traceback__)
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
