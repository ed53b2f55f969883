"""How far a training is: a live bar in a terminal, a few plain lines anywhere else."""

from __future__ import annotations

import os
import sys
import time
from statistics import fmean
from types import TracebackType
from typing import TYPE_CHECKING, Self

from zerokara.training.callbacks import Callback

if TYPE_CHECKING:
    from zerokara.training.run import Run

PLAIN_LINES = 20  # at most so many, and the last one
SMOOTHED = 50  # the loss shown is the mean of so many batches
WIDE = 100  # columns from which the time left fits too


def progress() -> Bar | Lines:
    """What suits stderr; use it as a context manager around the training, and as its callback."""
    live = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Bar() if live else Lines()


class Bar(Callback):
    """A bar that is drawn anew a few times a second."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        console = Console(stderr=True, highlight=False)
        text = Column(no_wrap=True)
        columns = [BarColumn(bar_width=None), TextColumn("{task.description}", table_column=text)]
        if console.width >= WIDE:
            columns.append(TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, expand=True)
        self.task = self.bar.add_task("", total=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def on_train_begin(self, run: Run) -> None:
        self.began = time.perf_counter()
        self.bar.update(self.task, total=run.total_steps)
        self.bar.start()
        if run.resumed:
            self.bar.console.print(_taken_up(run))

    def on_chunk_end(self, run: Run) -> None:
        self.bar.update(
            self.task, completed=run.step, description="  ".join(_state(run, self.began))
        )

    def on_epoch_end(self, run: Run) -> None:
        self.on_chunk_end(run)

    def on_train_end(self, run: Run) -> None:
        self.bar.stop()  # what fit says last stands below the bar


class Lines(Callback):
    """A line after an epoch, or after every few where there are many."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def on_train_begin(self, run: Run) -> None:
        self.began = time.perf_counter()
        if run.resumed:
            self._say(_taken_up(run))

    def on_epoch_end(self, run: Run) -> None:
        every = -(-run.total_epochs // PLAIN_LINES)
        if run.epoch % every == 0 or run.step == run.total_steps or run.stop:
            self._say("  ".join(_state(run, self.began)))

    def _say(self, line: str) -> None:
        try:
            print(line, file=sys.stderr, flush=True)
        except OSError:
            # Nobody reads any more, or the disk under the log is full. The training goes on:
            # its run directory is what counts.
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _state(run: Run, began: float) -> list[str]:
    """Where the training stands, in words of a steady width."""
    history = run.history
    width = len(str(run.total_epochs))
    parts = [f"epoch {run.epoch:{width}}/{run.total_epochs}"]
    if history.loss:
        parts.append(f"loss {fmean(history.loss[-SMOOTHED:]):.4f}")
    if history.train_accuracy:
        parts.append(f"train {history.train_accuracy[-1]:.4f}")
    if history.validation_accuracy:
        parts.append(f"validation {history.validation_accuracy[-1]:.4f}")
    if history.test_accuracy:
        parts.append(f"test {history.test_accuracy[-1]:.4f}")
    parts.append(f"{(run.step - run.resumed) / max(time.perf_counter() - began, 1e-9):.0f} steps/s")
    return parts


def _taken_up(run: Run) -> str:
    if run.stop or run.step == run.total_steps:
        return f"this training has ended, at step {run.resumed} of {run.total_steps}"
    return f"going on at step {run.resumed} of {run.total_steps}, in epoch {run.epoch + 1}"
