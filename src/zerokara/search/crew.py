"""The crew: processes that make trials, each with its share of the threads.

They know nothing of Optuna. What they report goes through a pipe to the search's own process, which
alone writes the ledger; so no two processes ever wait for one database.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from zerokara import native
from zerokara.errors import ArgumentError, ZerokaraError
from zerokara.search import lock
from zerokara.search.job import Job, Outcome, Report, Setup, run_job

# What the libraries of numbers read when they are loaded.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class Worker:
    """A process, the pipe to it, and the trial that it is at."""

    process: SpawnProcess
    pipe: Connection
    job: Job | None = None


def work(
    setup: Setup,
    folder: Path,
    workers: int,
    next_job: Callable[[], Job | None],
    report: Callable[[int, int, float], bool],
    finish: Callable[[int, Outcome], None],
    lost: Callable[[int], None],
) -> None:
    """Make trials until there is none left.

    Args:
        setup: what they share; with several workers all of it must be what pickle takes.
        folder: the search's.
        workers: so many processes; 1 is this process itself.
        next_job, report, finish, lost: those of `Ledger`, always called in this process.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        ZerokaraError: a trial could not be made at all.
    """
    if workers == 1:
        while (job := next_job()) is not None:
            finish(job.place, run_job(setup, job, _reporter(report, job.place)))
        return
    crew: list[Worker] = []
    try:
        while True:
            idle = [worker for worker in crew if worker.job is None]
            while len(crew) - len(idle) < workers:
                job = next_job()
                if job is None:
                    break
                worker = idle.pop() if idle else _hired(setup, folder, workers, crew)
                worker.job = job
                with contextlib.suppress(OSError):  # it has died; that is seen below
                    worker.pipe.send(job)
            busy = {worker.pipe: worker for worker in crew if worker.job is not None}
            if not busy:
                return
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                if not _heard(busy[pipe], report, finish, lost):
                    crew.remove(busy[pipe])
                    _dismiss(busy[pipe])
    finally:
        for worker in crew:
            _dismiss(worker)


def _reporter(report: Callable[[int, int, float], bool], place: int) -> Report:
    return lambda epoch, value: report(place, epoch, value)


def _heard(
    worker: Worker,
    report: Callable[[int, int, float], bool],
    finish: Callable[[int, Outcome], None],
    lost: Callable[[int], None],
) -> bool:
    """Answer what a worker says; whether it is still there."""
    assert worker.job is not None
    place = worker.job.place
    try:
        kind, *rest = worker.pipe.recv()
    except (EOFError, OSError):
        lost(place)
        return False
    if kind == "epoch":
        verdict = report(place, *rest)
        with contextlib.suppress(OSError):
            worker.pipe.send(verdict)
    elif kind == "done":
        worker.job = None
        finish(place, rest[0])
    else:
        raise rest[0]
    return True


def _hired(setup: Setup, folder: Path, workers: int, crew: list[Worker]) -> Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_worker, args=(theirs, setup, folder), daemon=True)
    try:
        share = str(max(native.max_threads() // workers, 1))
        with _environment(share), _no_interrupt():
            process.start()
    except (AttributeError, TypeError, pickle.PicklingError) as error:  # what pickle says
        ours.close()
        raise ArgumentError(
            f"search: with several workers, build and optimizer must be functions or classes of a "
            f"module, not lambdas or local ones ({error}); or take workers=1"
        ) from None
    finally:
        theirs.close()
    worker = Worker(process, ours)
    crew.append(worker)
    return worker


def _dismiss(worker: Worker) -> None:
    worker.pipe.close()
    worker.process.terminate()
    worker.process.join()


@contextlib.contextmanager
def _environment(threads: str) -> Iterator[None]:
    """What a process that starts now finds in its environment."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, threads))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """What starts now never hears Ctrl-C, not even while it loads; here it is heard afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _worker(pipe: Connection, setup: Setup, folder: Path) -> None:
    """Make what trials come through the pipe, until it is closed."""
    # Ctrl-C goes to all processes of a terminal; the search's own one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def report(epoch: int, value: float) -> bool:
        pipe.send(("epoch", epoch, value))
        return bool(pipe.recv())

    with lock.worker_of(folder), contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            job = pipe.recv()
            try:
                answer: tuple[Any, ...] = ("done", run_job(setup, job, report))
            except (EOFError, BrokenPipeError):
                return
            except ZerokaraError as error:
                answer = ("error", error)
            except Exception as error:
                traceback.print_exc()
                place = f"search: trial {job.place + 1} failed in its worker, see above"
                answer = ("error", RuntimeError(f"{place}: {type(error).__name__}: {error}"))
            pipe.send(answer)


def _end_with_parent() -> None:
    """A killed search leaves nobody behind who writes into its folder."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
