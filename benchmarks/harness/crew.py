"""The crew: one process a (peer, threads), alive from the first block to the last."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from peers import PEERS

from harness.tasks import ROOT, Task

WORKER = ROOT / "benchmarks" / "worker.py"
PATIENCE = 180.0
"""Seconds after which a peer that does not answer is given up."""
SCORE_TOLERANCE = 1e-4
"""How far a float32 score may be from ours in float64; the scores are of size 1."""


class PeerFailed(Exception):
    """A peer that cannot be timed, and why."""


def bind_to(cores: set[int]) -> None:
    """Bind this process, and what it starts, to these cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def all_cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


class Worker:
    """One peer with so many threads, in a process of its own.

    Args:
        peer: its name in PEERS.
        threads: how many it may use.
        folder: where `write_data` put the data; logs go there too.
        cores: what the process is bound to; None for as many as threads, the last ones, so that
            a library that has no setting for its threads keeps to them too.
    """

    def __init__(
        self, peer: str, threads: int, folder: Path, cores: list[int] | None = None
    ) -> None:
        self.peer, self.threads = peer, threads
        self.cores = all_cores()[-threads:] if cores is None else cores
        self.log = folder / f"{peer}-{threads}.log"
        self._process = self._start(folder)

    @property
    def label(self) -> str:
        return f"{self.peer}/{self.threads}"

    def load(self, task: Task) -> None:
        """Have the peer build a task's step.

        Raises:
            PeerFailed: it cannot.
        """
        self.task = task
        self._ask(do="load", task=task.as_json())

    def check(self, expected: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        """Compare with `harness.tasks.expected_results`; the greatest difference.

        Must follow `load`: losses are of the first steps from the initial weights.

        Raises:
            PeerFailed: it gets something else.
        """
        worst, tolerance = self._compare(expected)
        if not worst <= tolerance:  # this form refuses NaN too
            raise PeerFailed(f"wrong results: off by {worst:.2g}, at most {tolerance:g} is allowed")
        return worst

    def check_noise(self, expected: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        """See that Dropout is at work: losses that are numbers, and others than without it.

        Must follow `load`, as `check` must.

        Raises:
            PeerFailed: they are as without it, or not finite.
        """
        worst, tolerance = self._compare(expected)
        if not tolerance < worst < np.inf:
            raise PeerFailed(f"no dropout: losses are off by {worst:.2g} from those without it")
        return worst

    def _compare(self, expected: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
        """How far the results are off, and how far they may be."""
        answer = self._ask(do="check")
        if self.task.trains:
            off = np.abs(np.array(answer["losses"]) - expected) / np.abs(expected)
            return float(off.max()), float(answer["tolerance"])
        return float(np.abs(np.array(answer["scores"]) - expected).max()), SCORE_TOLERANCE

    def block(self, seconds: float) -> float:
        """Run for about so long; seconds a step or call."""
        answer = self._ask(do="block", seconds=seconds)
        return float(answer["seconds"]) / int(answer["steps"])

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _start(self, folder: Path) -> subprocess.Popen[bytes]:
        mine = set(all_cores())
        count = str(self.threads)
        names = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
        environment = os.environ | {f"{name}_NUM_THREADS": count for name in names}
        environment |= {
            "CPU_COUNT": count,  # tinygrad's
            "JAX_PLATFORMS": "cpu",
            "DEV": "CPU",
            "CUDA_VISIBLE_DEVICES": "",
            "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        }
        environment |= PEERS[self.peer].environment
        command = [sys.executable, str(WORKER), self.peer, count, str(folder)]
        bind_to(set(self.cores))  # libraries count cores when they are imported
        try:
            with open(self.log, "ab") as log:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment,
                )
        finally:
            bind_to(mine)

    def _ask(self, **what: Any) -> dict[str, Any]:
        pipes = self._process.stdin, self._process.stdout
        if pipes[0] is None or pipes[1] is None:
            raise PeerFailed("the process has no pipes")
        try:
            pipes[0].write(json.dumps(what).encode() + b"\n")
            pipes[0].flush()
        except BrokenPipeError:
            raise PeerFailed(f"the process ended ({self._last_line()})") from None
        if not select.select([pipes[1]], [], [], PATIENCE)[0]:
            self.close()
            raise PeerFailed(f"no answer to {what['do']!r} within {PATIENCE:g} s")
        line = pipes[1].readline()
        if not line:
            raise PeerFailed(f"the process ended ({self._last_line()})")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "no message"


class Crew:
    """Workers of several peers for one task, whose blocks alternate.

    Use as a context manager: the processes end with it. Peers that cannot do the task, or get
    wrong results, are left out and named in `failed`.
    """

    REST = 0.02  # seconds between blocks, so that threads of the last one are asleep

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self.failed: dict[str, str] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self.workers:
            worker.close()
        self.workers = []

    def add(self, worker: Worker, task: Task, expected: Any = None) -> bool:
        """Load a task into a new or known worker, and check it; whether that worked.

        Where Dropout's noise would make every library's losses its own, they are compared with its
        ratio at 0, and the task is loaded once more as it is timed.
        """
        try:
            if expected is not None and task.has_noise():
                worker.load(task.without_dropout())
                worker.check(expected)
                worker.load(task)
                worker.check_noise(expected)
            else:
                worker.load(task)
                if expected is not None:
                    worker.check(expected)
        except PeerFailed as failure:
            self.drop(worker, failure)
            return False
        if worker not in self.workers:
            self.workers.append(worker)
        return True

    def drop(self, worker: Worker, failure: PeerFailed) -> None:
        self.failed[worker.label] = str(failure)
        worker.close()
        if worker in self.workers:
            self.workers.remove(worker)
        print(f"    {worker.label}: not timed: {failure}", flush=True)

    def round(self, blocks: int, seconds: float) -> dict[str, float]:
        """One round: every worker's best block of so many, in seconds a step, by label."""
        best: dict[str, float] = {}
        for _ in range(blocks):
            for worker in list(self.workers):
                time.sleep(self.REST)
                try:
                    took = worker.block(seconds)
                except PeerFailed as failure:
                    self.drop(worker, failure)
                    best.pop(worker.label, None)
                    continue
                best[worker.label] = min(took, best.get(worker.label, took))
        return best


def missing_packages(peer: str) -> list[str]:
    """The packages that a peer needs and that are not installed."""
    from importlib.metadata import PackageNotFoundError, version

    missing = []
    for package in PEERS[peer].packages:
        try:
            version(package)
        except PackageNotFoundError:
            missing.append(package)
    return missing


def work_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for the data, logs and caches of one run, removed at its end."""
    return tempfile.TemporaryDirectory(prefix="zerokara-bench-", ignore_cleanup_errors=True)
