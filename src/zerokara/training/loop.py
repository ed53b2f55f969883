"""The training itself: epochs of steps, what is measured after each, and what is written when."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass

from zerokara.data.batches import Batches, Indices
from zerokara.errors import DivergedError
from zerokara.training.best import Best
from zerokara.training.callbacks import Callback
from zerokara.training.checkpoint import NAME, write_checkpoint
from zerokara.training.diverged import diverged
from zerokara.training.feeding import Feed
from zerokara.training.history import History
from zerokara.training.interrupt import Interrupt
from zerokara.training.pace import Pace
from zerokara.training.run import Run
from zerokara.training.snapshot import snapshot
from zerokara.training.stepping import Steps
from zerokara.training.validation import Measured, Patience

CHUNK_SECONDS = 0.1
"""About how long training goes on before Ctrl-C is answered and progress is shown."""


@dataclass
class Sets:
    """What is measured after each epoch; None is not."""

    train: Measured | None = None
    test: Measured | None = None
    validation: Measured | None = None
    monitor: str = "accuracy"  #: what of the validation set decides


@dataclass
class Training:
    """One training, made by `fit`; `work` does it.

    Attributes:
        rows: the samples that are trained on, None for all.
        plan: what must be the same when it is resumed; see `training.plan`.
        first_update: the updates that the optimizer had made before.
        finished: why it ended, or nothing while it goes on: "steps", "patience" or "callback".
    """

    run: Run
    feed: Feed
    steps: Steps
    batches: Batches
    rows: Indices | None
    sets: Sets
    callbacks: tuple[Callback, ...]
    best: Best
    patience: Patience
    restore_best: bool
    pace: Pace
    plan: dict[str, object]
    first_update: int
    finished: str = ""

    def work(self) -> History:
        """Train to the end, to Ctrl-C, or to an error."""
        run, history = self.run, self.run.history
        self.by_step = [callback for callback in self.callbacks if callback.every_step]
        self.chunk = 1
        self.started = time.perf_counter() - history.seconds
        self.whole = True  # nothing is half done: a checkpoint may be written
        try:
            with Interrupt() as self.interrupt:
                self._notify("on_train_begin")
                while not self.finished and history.epochs < run.total_epochs:
                    self._epoch()
                self.finished = self.finished or "steps"
                self._checkpoint()
                if self.restore_best:
                    self.best.restore()
        except KeyboardInterrupt:
            history.interrupted = True
            if self.whole:
                self._checkpoint()
            self.best.restore()
        finally:
            history.seconds = time.perf_counter() - self.started
            if run.out is not None:
                history.save(run.out / "history.json")
            self._notify("on_train_end")
        if self.best.epoch is None:
            self.best.write()
        if history.interrupted:
            print(self._interruption(), file=sys.stderr)
        return history

    def _epoch(self) -> None:
        run = self.run
        number = run.history.epochs
        indices, bounds = self.batches.indices(number), self.batches.bounds
        if self.rows is not None:
            indices = self.rows[indices]
        run.epoch = number + 1
        first = number * run.steps_per_epoch
        end = min(first + run.steps_per_epoch, run.total_steps)
        while run.step < end and not run.stop:
            place = run.step - first
            cut = bounds[place : place + self._count(end, bounds[place:]) + 1]
            self._steps(number, indices[cut[0] : cut[-1]], cut - cut[0])
            for callback in self.by_step:
                callback.on_step_end(run)
            self._notify("on_chunk_end")
            if self.pace.step_is_due(run.step, run.step == end):
                self._checkpoint()
            self.interrupt.check()
        self._end_epoch(run.history.loss[first:])

    def _count(self, end: int, bounds: Indices) -> int:
        """How many steps to make before anything else."""
        if self.by_step:
            return 1
        count = self.pace.most_steps(self.run.step, min(self.chunk, end - self.run.step))
        most = self.feed.most_rows
        while most is not None and count > 1 and bounds[count] - bounds[0] > most:
            count -= 1
        return count

    def _steps(self, epoch: int, indices: Indices, bounds: Indices) -> None:
        run = self.run
        began = time.perf_counter()
        placed = self.feed.place(epoch, indices)
        self.whole = False
        losses = self.steps.run(placed, bounds).tolist()
        took = time.perf_counter() - began
        self.chunk = max(1, int(CHUNK_SECONDS * len(losses) / max(took, 1e-9)))
        bad = not math.isfinite(losses[-1])
        run.history.loss += losses[:-1] if bad else losses
        run.step = len(run.history.loss)
        if bad:
            last = bounds[len(losses) - 1 : len(losses) + 1]
            feeds, t = self.feed.samples.draw(placed[last[0] : last[1]])
            lr = run.optimizer.lr
            raise diverged(run.net, feeds, t, step=run.step + 1, loss=losses[-1], lr=lr)
        self.whole = True

    def _end_epoch(self, losses: list[float]) -> None:
        run, history, sets = self.run, self.run.history, self.sets
        # All is measured before any of it is noted, so that Ctrl-C leaves no half of an epoch.
        train = None if sets.train is None else sets.train.accuracy()
        test = None if sets.test is None else sets.test.accuracy()
        kept = sets.validation
        loss = None if kept is None else self._finite(kept.loss())
        right = kept.accuracy() if kept is not None and kept.classes else None
        self.whole = False
        history.epochs = run.epoch
        score, measure = -math.fsum(losses) / len(losses), "mean loss"
        if train is not None:
            history.train_accuracy.append(train)
            score, measure = train, "train accuracy"
        if test is not None:
            history.test_accuracy.append(test)
            score, measure = test, "test accuracy"
        if loss is not None:
            history.validation_loss.append(loss)
            score, measure = -loss, "validation loss"
        if right is not None:
            history.validation_accuracy.append(right)
            if sets.monitor == "accuracy":
                score, measure = right, "validation accuracy"
        self.best.offer(run.epoch, score, measure)
        history.best_epoch = self.best.epoch
        history.seconds = time.perf_counter() - self.started
        if run.stop:
            self.finished = "callback"
        elif self.patience.ends(score) and run.step < run.total_steps:
            self.finished = "patience"
            run.stop = history.stopped_early = True
        self.whole = True
        self._notify("on_epoch_end")
        if run.stop and not self.finished:
            self.finished = "callback"
        if self.pace.epoch_is_due():
            self._checkpoint(with_history=True)
        self.interrupt.check()

    def _finite(self, loss: float) -> float:
        if not math.isfinite(loss):
            raise DivergedError(
                f"training diverged: after epoch {self.run.epoch} the validation loss is {loss}. "
                f"Lower the learning rate (now lr={self.run.optimizer.lr:g}) or scale the inputs"
            )
        return loss

    def _checkpoint(self, with_history: bool = False) -> None:
        out = self.run.out
        if out is None:
            return
        with self.pace.writing():
            self.run.history.seconds = time.perf_counter() - self.started
            if self.pace.wanted:
                write_checkpoint(out / NAME, snapshot(self))
            if with_history:
                self.run.history.save(out / "history.json")

    def _notify(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self.run)

    def _interruption(self) -> str:
        place = "in the network" if self.best.path is None else f"in {self.best.path}"
        begin = f"interrupted after step {self.run.step} of {self.run.total_steps}"
        if self.best.epoch is None:
            return f"{begin}, before an epoch ended: its model is kept {place}"
        score = f"{self.best.measure} {abs(self.best.score):.4f}"
        return f"{begin}: the model of epoch {self.best.epoch} ({score}) is kept {place}"
