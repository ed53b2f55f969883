"""One stretch of training: what `zk.fit` does, going on from the epochs that were made before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from zerokara.data.batches import Batches, Indices
from zerokara.engine.samples import checked_samples
from zerokara.network import Network
from zerokara.optimizers import Optimizer
from zerokara.sklearn.arrays import Split, Table
from zerokara.training.best import Best
from zerokara.training.callbacks import Callback
from zerokara.training.feeding import Direct
from zerokara.training.history import History
from zerokara.training.loop import Sets, Training
from zerokara.training.pace import Pace
from zerokara.training.run import Run
from zerokara.training.stepping import WholeBatches
from zerokara.training.validation import Measured, Patience


class Later(Batches):
    """The batches of a training whose first epochs have been made: epoch 0 is number `first`."""

    def __init__(self, count: int, batch_size: int, seed: int, first: int) -> None:
        super().__init__(count, batch_size, "shuffle", seed)
        self.first = first

    def indices(self, epoch: int) -> Indices:
        return super().indices(epoch + self.first)


@dataclass
class Watch:
    """What early stopping remembers, from one `partial_fit` to the next."""

    patience: Patience
    best: Best

    @property
    def over(self) -> bool:
        """Whether the last epochs, as many as patience has, were no better."""
        return self.patience.epochs is not None and self.patience.waited >= self.patience.epochs

    def __getstate__(self) -> dict[str, Any]:
        # The network that it watches is the estimator's, which binds it again.
        best = Best.__new__(Best)
        best.__dict__ = {**self.best.__dict__, "net": None}
        return {"patience": self.patience, "best": best}


def train(
    net: Network,
    optimizer: Optimizer,
    data: Table,
    *,
    split: Split,
    monitor: str,
    batch_size: int,
    epochs: int,
    planned: int | None,
    seed: int,
    first: int,
    watch: Watch | None,
    restore: bool,
    callbacks: tuple[Callback, ...],
) -> History:
    """Train for so many epochs, of which `first` have been made before.

    As `zk.fit` of the package, to the bit, where none has; and epoch by epoch the same as at once.

    Args:
        split: which samples are trained on, and what is measured after each epoch.
        planned: the epochs, from now on, that a schedule whose length was left open is stretched
            over; None leaves it as it is.
        watch: what stops it early.
        restore: whether the network ends with the best parameters.

    Raises:
        ArgumentError, ShapeError, DtypeError, LabelError, DivergedError: as `zk.fit`.
    """
    samples = checked_samples(net, (data.x, data.t), "X, y", sample_weight=data.weight)
    rows, kept = split
    measured = None
    if isinstance(kept, Table):
        measured = Measured(net, checked_samples(net, kept[:2], "X_val, y_val"))
    elif kept is not None:
        measured = Measured(net, samples, kept)
    batches = Later(len(samples) if rows is None else len(rows), batch_size, seed, first)
    total = epochs * batches.steps_per_epoch
    if optimizer.schedule is not None and planned is not None:
        end = optimizer.steps + planned * batches.steps_per_epoch
        optimizer.schedule = optimizer.schedule.bound(end)
    largest = int(np.diff(batches.bounds).max())
    training = Training(
        run=Run(
            net=net,
            optimizer=optimizer,
            history=History(steps_per_epoch=batches.steps_per_epoch),
            total_steps=total,
            steps_per_epoch=batches.steps_per_epoch,
        ),
        feed=Direct(samples),
        steps=WholeBatches(net, optimizer, samples, largest),
        batches=batches,
        rows=rows,
        sets=Sets(validation=measured, monitor=monitor),
        callbacks=callbacks,
        best=Best(net, None) if watch is None else watch.best,
        patience=Patience(None) if watch is None else watch.patience,
        restore_best=restore,
        pace=Pace(None, math.inf, wanted=False),
        plan={},
        first_update=optimizer.steps,
    )
    return training.work()


def joined(before: History | None, then: History) -> History:
    """One history of two stretches, the second's best epoch counted from the first's begin."""
    if before is None:
        return then
    best = before.best_epoch if then.best_epoch is None else before.epochs + then.best_epoch
    return History(
        loss=before.loss + then.loss,
        validation_loss=before.validation_loss + then.validation_loss,
        validation_accuracy=before.validation_accuracy + then.validation_accuracy,
        seconds=before.seconds + then.seconds,
        epochs=before.epochs + then.epochs,
        steps_per_epoch=then.steps_per_epoch,
        best_epoch=best,
        interrupted=then.interrupted,
        stopped_early=then.stopped_early,
    )
