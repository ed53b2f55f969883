"""fit: train a network by mini-batches (the book's section 4.5)."""

from __future__ import annotations

import math
import operator
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from zerokara.data.batches import Batches
from zerokara.engine.compile import step_for
from zerokara.engine.samples import Samples, checked_samples
from zerokara.errors import ArgumentError, DataError, DtypeError
from zerokara.network import Network
from zerokara.optimizers import SGD, Optimizer
from zerokara.training.best import Best
from zerokara.training.callbacks import Callback
from zerokara.training.diverged import diverged
from zerokara.training.history import History
from zerokara.training.metrics import accuracy, has_accuracy
from zerokara.training.run import Run

__all__ = ["Run", "fit"]

CHUNK_SECONDS = 0.1
"""About how long training goes on before Ctrl-C is answered and progress is shown."""

WRITE_SHARE = 0.05
"""At most this share of the time goes into rewriting history.json between epochs."""


def fit(
    net: Network,
    train: tuple[Any, Any],
    *,
    test: tuple[Any, Any] | None = None,
    optimizer: Optimizer | None = None,
    batch_size: int = 100,
    epochs: int | None = None,
    steps: int | None = None,
    sampling: str = "shuffle",
    seed: int = 0,
    callbacks: Iterable[Callback] = (),
    out: str | os.PathLike[str] | None = None,
    evaluate: bool = True,
) -> History:
    """Train `net` in place and return what happened.

    The same seed, data and arguments give the same bits. Ctrl-C stops the training, puts the best
    model so far back into `net`, says so on stderr and returns as usual; otherwise `net` ends
    with the parameters of the last step.

    Args:
        net: a network with a loss.
        train: (x, t): x an array or `zerokara.data.Pixels` of shape (N, *input shape), or a
            mapping of input names to such; t targets of N samples.
        test: the same, to measure by after each epoch.
        optimizer: by default `SGD(lr=0.1)`.
        batch_size: samples in a batch.
        epochs, steps: how long; one of them, by default 10 epochs.
        sampling: 'shuffle' (each sample once an epoch) or 'choice' (the book's random draw); see
            `zerokara.data.Batches`.
        seed: for the order of the samples.
        callbacks: called in this order; see `zerokara.training.Callback`.
        out: a run directory, made if missing. It gets `model.safetensors`, the best model (by
            test accuracy, else train accuracy, else the epoch's mean loss), and `history.json`.
        evaluate: whether to measure the accuracies after each epoch.

    Raises:
        ArgumentError, ShapeError, DtypeError, LabelError: arguments or data that do not fit,
            before any work is done.
        DivergedError: a loss was NaN or infinite; names the step and the layer. The parameters
            are those before that step.
        DataError, ModelFileError: a file of the run directory cannot be written.
    """
    optimizer = SGD(lr=0.1) if optimizer is None else optimizer
    callbacks = tuple(callbacks)
    _check_kinds(net, optimizer, callbacks)
    samples = checked_samples(net, train, "train")
    test_samples = None if test is None else checked_samples(net, test, "test")
    batches = Batches(len(samples), batch_size, sampling, seed)
    total = _total_steps(epochs, steps, batches.steps_per_epoch)
    run = Run(
        net=net,
        optimizer=optimizer,
        history=History(steps_per_epoch=batches.steps_per_epoch),
        total_steps=total,
        steps_per_epoch=batches.steps_per_epoch,
        out=_run_directory(out),
    )
    sets = (samples, test_samples) if evaluate else (None, None)
    return _Training(run, samples, sets, batches, callbacks).work()


class _Training:
    def __init__(
        self,
        run: Run,
        samples: Samples,
        evaluated: tuple[Samples | None, Samples | None],
        batches: Batches,
        callbacks: tuple[Callback, ...],
    ) -> None:
        self.run = run
        self.samples = samples
        self.batches = batches
        self.callbacks = callbacks
        self.by_step = [callback for callback in callbacks if callback.every_step]
        self.train, self.test = (
            given if given is not None and has_accuracy(run.net, given) else None
            for given in evaluated
        )
        largest = int(np.diff(batches.bounds).max())
        self.step = step_for(run.net, run.optimizer, samples, largest)
        self.best = Best(run.net, run.out and run.out / "model.safetensors")
        self.chunk = 1
        self.started = self.written = time.perf_counter()
        self.write_seconds = 0.0

    def work(self) -> History:
        run, history = self.run, self.run.history
        try:
            self._notify("on_train_begin")
            while run.step < run.total_steps and not run.stop:
                self._epoch()
        except KeyboardInterrupt:
            history.interrupted = True
            self.best.restore()
        finally:
            history.seconds = time.perf_counter() - self.started
            self._write_history()
            self._notify("on_train_end")
        if self.best.epoch is None:
            self.best.write()
        if history.interrupted:
            print(self._interruption(), file=sys.stderr)
        return history

    def _epoch(self) -> None:
        run = self.run
        indices, bounds = self.batches.indices(run.epoch), self.batches.bounds
        run.epoch += 1
        first = run.step
        end = min(first + run.steps_per_epoch, run.total_steps)
        while run.step < end and not run.stop:
            place = run.step - first
            count = 1 if self.by_step else min(self.chunk, end - run.step)
            began = time.perf_counter()
            losses = self.step.run(indices, bounds[place : place + count + 1]).tolist()
            took = time.perf_counter() - began
            self.chunk = max(1, int(CHUNK_SECONDS * len(losses) / max(took, 1e-9)))
            bad = not math.isfinite(losses[-1])
            run.history.loss += losses[:-1] if bad else losses
            run.step = len(run.history.loss)
            if bad:
                place = run.step - first
                feeds, t = self.samples.draw(indices[bounds[place] : bounds[place + 1]])
                lr = run.optimizer.lr
                raise diverged(run.net, feeds, t, step=run.step + 1, loss=losses[-1], lr=lr)
            for callback in self.by_step:
                callback.on_step_end(run)
            self._notify("on_chunk_end")
        self._end_epoch(run.history.loss[first:])

    def _end_epoch(self, losses: list[float]) -> None:
        run, history = self.run, self.run.history
        # Both are measured before either is noted, so that Ctrl-C leaves no half of an epoch.
        measured = [
            None if given is None else accuracy(run.net, given) for given in (self.train, self.test)
        ]
        history.epochs = run.epoch
        score, measure = -math.fsum(losses) / len(losses), "mean loss"
        if measured[0] is not None:
            history.train_accuracy.append(measured[0])
            score, measure = measured[0], "train accuracy"
        if measured[1] is not None:
            history.test_accuracy.append(measured[1])
            score, measure = measured[1], "test accuracy"
        self.best.offer(run.epoch, score, measure)
        history.best_epoch = self.best.epoch
        history.seconds = time.perf_counter() - self.started
        if history.seconds - (self.written - self.started) >= self.write_seconds / WRITE_SHARE:
            self._write_history()
        self._notify("on_epoch_end")

    def _write_history(self) -> None:
        if self.run.out is not None:
            began = time.perf_counter()
            self.run.history.save(self.run.out / "history.json")
            self.written = time.perf_counter()
            self.write_seconds = self.written - began

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


def _check_kinds(net: Any, optimizer: Any, callbacks: tuple[Any, ...]) -> None:
    expected = [(net, Network, "net"), (optimizer, Optimizer, "optimizer")]
    expected += [(callback, Callback, "a callback") for callback in callbacks]
    for given, kind, name in expected:
        if not isinstance(given, kind):
            hint = f"; make one with {given.__name__}(...)" if isinstance(given, type) else ""
            shown = given.__name__ if isinstance(given, type) else type(given).__name__
            raise DtypeError(f"fit: {name} must be a {kind.__name__}, got {shown}{hint}")


def _total_steps(epochs: int | None, steps: int | None, steps_per_epoch: int) -> int:
    if epochs is not None and steps is not None:
        raise ArgumentError(f"fit: give epochs or steps, not both (got {epochs} and {steps})")
    if steps is not None:
        return _whole("steps", steps)
    return _whole("epochs", 10 if epochs is None else epochs) * steps_per_epoch


def _whole(name: str, number: int) -> int:
    try:
        whole = operator.index(number)
    except TypeError:
        whole = 0
    if whole < 1 or isinstance(number, bool):
        raise ArgumentError(f"fit: {name} must be a whole number from 1, got {number!r}")
    return whole


def _run_directory(out: str | os.PathLike[str] | None) -> Path | None:
    if out is None:
        return None
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"fit: cannot make {out} ({error.strerror or error})") from None
    return Path(out)
