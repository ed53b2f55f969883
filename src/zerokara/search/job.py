"""One trial: a training with given hyperparameters, that can be repeated to the same bits."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zerokara.errors import ArgumentError, DivergedError
from zerokara.models import MultiLayerNetExtend
from zerokara.network import Network
from zerokara.optimizers import OPTIMIZERS, Optimizer
from zerokara.training.callbacks import Callback
from zerokara.training.fit import fit

if TYPE_CHECKING:
    from zerokara.training.run import Run

Params = Mapping[str, Any]
Report = Callable[[int, float], bool]
"""Takes an epoch and its validation accuracy; whether the trial is to be given up."""


@dataclass(frozen=True)
class Setup:
    """What all trials of a search share; workers get a copy of it."""

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    build: Callable[[Params, int], Network]
    rule: Callable[[Params], Optimizer]
    fixed: Params
    epochs: int
    batch_size: int


@dataclass(frozen=True)
class Job:
    """A trial to be made: its place in the search, what is varied, its seed, its folder."""

    place: int
    params: Params
    seed: int
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a trial: the best validation accuracy, None if it diverged before one."""

    value: float | None
    epochs: int
    seconds: float
    pruned: bool = False
    diverged: str = ""


def trial_seed(seed: int, place: int) -> int:
    """The seed of a trial's initial weights, noise and order of samples."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0])


def run_job(setup: Setup, job: Job, report: Report) -> Outcome:
    """Train as the job says, from its last checkpoint if it has one.

    Raises:
        KeyboardInterrupt: Ctrl-C; a checkpoint is there.
        ArgumentError, ShapeError, ...: what `fit` says to a network or data that do not fit.
    """
    began = time.perf_counter()
    params = {**setup.fixed, **job.params}
    told = _Told(report)
    try:
        history = fit(
            setup.build(params, job.seed),
            setup.train,
            validation=setup.validation,
            optimizer=setup.rule(params),
            batch_size=setup.batch_size,
            epochs=setup.epochs,
            seed=job.seed,
            callbacks=[told],
            out=job.folder,
            resume=True,
        )
    except DivergedError as error:
        return Outcome(None, told.epochs, time.perf_counter() - began, diverged=str(error))
    if history.interrupted:
        raise KeyboardInterrupt
    if not history.validation_accuracy:
        raise ArgumentError(
            "search: trials are judged by their accuracy, and these targets and this loss have none"
        )
    pruned = history.epochs < setup.epochs
    return Outcome(max(history.validation_accuracy), history.epochs, history.seconds, pruned)


class _Told(Callback):
    """Reports the validation accuracy of every epoch, also of those before a kill."""

    def __init__(self, report: Report) -> None:
        self.report, self.epochs = report, 0

    def on_train_begin(self, run: Run) -> None:
        # What they are told here changes nothing: it was decided before the kill.
        for value in run.history.validation_accuracy:
            self.epochs += 1
            self.report(self.epochs, value)

    def on_epoch_end(self, run: Run) -> None:
        self.epochs = run.epoch
        value = run.history.validation_accuracy[-1:]
        # After the last epoch there is nothing left to give up.
        if value and self.report(run.epoch, value[0]) and run.step < run.total_steps:
            run.stop = True


@dataclass(frozen=True)
class Dense:
    """Builds `MultiLayerNetExtend` from hidden, depth and dropout, He's weights at the start."""

    inputs: int
    classes: int

    def __call__(self, params: Params, seed: int) -> Network:
        dropout = float(params.get("dropout", 0.0))
        return MultiLayerNetExtend(
            self.inputs,
            [int(params.get("hidden", 50))] * int(params.get("depth", 1)),
            self.classes,
            use_dropout=dropout > 0,
            dropout_ratio=dropout,
            rng=seed,
        )


def optimizer_of(params: Params) -> Optimizer:
    """The optimizer that `optimizer`, `lr` and `weight_decay` say; SGD with 0.1 by default."""
    kind = OPTIMIZERS[params.get("optimizer", "SGD")]
    lr = inspect.signature(kind).parameters["lr"].default
    chosen: dict[str, Any] = {"lr": 0.1 if lr is inspect.Parameter.empty else lr}
    chosen |= {name: params[name] for name in ("lr", "weight_decay") if name in params}
    return kind(**chosen)
