"""fit: train a network by mini-batches (the book's section 4.5)."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from zerokara.data.batches import Batches
from zerokara.engine.samples import Samples, checked_samples
from zerokara.errors import ArgumentError, DataError, DtypeError
from zerokara.network import Network
from zerokara.optimizers import SGD, Optimizer
from zerokara.training.best import Best
from zerokara.training.callbacks import Callback
from zerokara.training.checkpoint import NAME, read_checkpoint, sweep
from zerokara.training.feeding import Augmented, Direct, Feed, Variants, words_of
from zerokara.training.history import History
from zerokara.training.loop import Sets, Training
from zerokara.training.pace import Pace
from zerokara.training.plan import fingerprint, words_of_network, words_of_optimizer
from zerokara.training.run import Run
from zerokara.training.snapshot import restore
from zerokara.training.stepping import Parts, Steps, WholeBatches
from zerokara.training.validation import MONITORS, Measured, Patience, validation_set

__all__ = ["Run", "fit"]

MODEL, HISTORY = "model.safetensors", "history.json"


def fit(
    net: Network,
    train: tuple[Any, Any],
    *,
    test: tuple[Any, Any] | None = None,
    validation: tuple[Any, Any] | float | None = None,
    optimizer: Optimizer | None = None,
    batch_size: int = 100,
    accumulate: int = 1,
    epochs: int | None = None,
    steps: int | None = None,
    sampling: str = "shuffle",
    seed: int = 0,
    augment: Variants | None = None,
    sample_weight: Any = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    monitor: str = "accuracy",
    restore_best: bool | None = None,
    callbacks: Iterable[Callback] = (),
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    checkpoint_steps: int | None = None,
    checkpoint_seconds: float = 30.0,
    evaluate: bool = True,
) -> History:
    """Train `net` in place and return what happened.

    The same seed, data and arguments give the same bits, also if the training was killed on the
    way and resumed. Ctrl-C stops the training, puts the best model so far back into `net`, says so
    on stderr and returns as usual.

    Args:
        net: a network with a loss.
        train: (x, t): x an array or `zerokara.data.Pixels` of shape (N, *input shape), or a
            mapping of input names to such; t targets of N samples.
        test: the same, to measure by after each epoch.
        validation: the same, to choose the best model by, or a share of the training samples,
            above 0 and below 1, that is drawn by the seed and kept out of the training.
        optimizer: by default `SGD(lr=0.1)`. A schedule whose length is open gets that of the
            training.
        batch_size: samples in a batch.
        accumulate: so many batches give one update, by the mean gradient of all their samples: a
            batch as many times the size, without its memory. Steps are then updates.
        epochs, steps: how long; one of them, by default 10 epochs.
        sampling: 'shuffle' (each sample once an epoch) or 'choice' (the book's random draw); see
            `zerokara.data.Batches`.
        seed: for the order of the samples, their variants and the share kept out.
        augment: makes a variant of each sample, anew in each epoch: `zerokara.data.Augment`, or a
            function of (x, indices, epoch, seed) that gives an array like x.
        sample_weight: how much each training sample counts, (N,), 0 or more; 2 is as good as the
            sample repeated, within a batch. By default all count alike.
        patience: ends the training when so many epochs after another were not better by the
            validation samples.
        min_delta: what counts as better is more than this.
        monitor: 'accuracy' or 'loss' of the validation samples is what tells better from worse;
            the loss, where they have no accuracy.
        restore_best: whether `net` ends with the parameters of the best epoch, and not of the last
            step; by default where there is a patience.
        callbacks: called in this order; see `zerokara.training.Callback`.
        out: a run directory, made if missing. It gets `model.safetensors`, the best model (by
            validation, else test accuracy, else train accuracy, else the epoch's mean loss),
            `history.json`, and `checkpoint.safetensors`, which a resumed training goes on from.
        resume: go on from the checkpoint in `out`; where there is none, begin. All arguments must
            be those of the begun training, but for epochs and steps, which may be more.
        checkpoint_steps, checkpoint_seconds: a checkpoint is written at the ends of epochs and,
            between them, after every so many steps and seconds.
        evaluate: whether to measure the accuracies on train and test after each epoch.

    Raises:
        ArgumentError, ShapeError, DtypeError, LabelError: arguments or data that do not fit,
            before any work is done.
        DivergedError: a loss was NaN or infinite; names the step and the layer. The parameters
            are those before that step.
        DataError, ModelFileError: a file of the run directory cannot be written, or is damaged.
    """
    optimizer = SGD(lr=0.1) if optimizer is None else optimizer
    callbacks = tuple(callbacks)
    _check_kinds(net, optimizer, callbacks)
    samples = checked_samples(net, train, "train", sample_weight=sample_weight)
    tested = None if test is None else Measured(net, checked_samples(net, test, "test"))
    rows, validated = validation_set(net, samples, validation, seed)
    _check_choices(patience, min_delta, monitor, validated, resume, out)
    parts = _whole("accumulate", accumulate)
    count = len(samples) if rows is None else len(rows)
    Batches(count, batch_size, sampling, seed)  # refuses a batch_size that is none
    batches = Batches(count, batch_size * parts, sampling, seed)
    total = _total_steps(epochs, steps, batches.steps_per_epoch)
    pace = _pace(checkpoint_steps, checkpoint_seconds, out)
    largest = int(np.diff(batches.bounds).max())
    feed = _feed(net, samples, augment, seed, largest)
    plan: dict[str, Any] = {
        "network": words_of_network(net),
        "optimizer": words_of_optimizer(optimizer),
        "batch_size": batch_size,
        "accumulate": parts,
        "sampling": sampling,
        "seed": seed,
        "augment": words_of(augment),
        "patience": patience,
        "min_delta": float(min_delta),
        "monitor": monitor,
        "evaluate": bool(evaluate),
        "training samples": fingerprint(samples),
        "test samples": None if tested is None else fingerprint(tested.samples),
        "validation samples": _words_of_validation(validation, validated),
    }
    steppers: type[WholeBatches | Parts] = WholeBatches if parts == 1 else Parts
    stepper: Steps = steppers(net, optimizer, feed.samples, min(batch_size, largest))
    folder = _run_directory(out)
    sets = Sets(validation=validated, monitor=monitor)
    if evaluate:
        sets.train = _classes(Measured(net, samples, rows))
        sets.test = None if tested is None else _classes(tested)
    training = Training(
        run=Run(
            net=net,
            optimizer=optimizer,
            history=History(steps_per_epoch=batches.steps_per_epoch),
            total_steps=total,
            steps_per_epoch=batches.steps_per_epoch,
            out=folder,
        ),
        feed=feed,
        steps=stepper,
        batches=batches,
        rows=rows,
        sets=sets,
        callbacks=callbacks,
        best=Best(net, folder and folder / MODEL),
        patience=Patience(patience, min_delta),
        restore_best=patience is not None if restore_best is None else restore_best,
        pace=pace,
        plan=json.loads(json.dumps(plan, default=repr)),
        first_update=optimizer.steps,
    )
    if resume and folder is not None:
        _take_up(training, folder)
    if optimizer.schedule is not None:
        optimizer.schedule = optimizer.schedule.bound(training.first_update + total)
    return training.work()


def _take_up(training: Training, folder: Path) -> None:
    """Go on from the checkpoint in the folder, if one was written."""
    checkpoint = read_checkpoint(folder / NAME)
    sweep(folder, (NAME, MODEL, HISTORY))
    if checkpoint is not None:
        restore(training, checkpoint, folder / NAME)
        training.best.write_again()


def _feed(
    net: Network, samples: Samples, augment: Variants | None, seed: int, batch_size: int
) -> Feed:
    if augment is None:
        return Direct(samples)
    return Augmented(net, samples, augment, seed, batch_size)


def _classes(measured: Measured) -> Measured | None:
    return measured if measured.classes else None


def _words_of_validation(given: Any, measured: Measured | None) -> Any:
    if measured is None or measured.rows is not None:
        return given if given is None else float(given)
    return fingerprint(measured.samples)


def _check_choices(
    patience: int | None,
    min_delta: float,
    monitor: str,
    validated: Measured | None,
    resume: bool,
    out: Any,
) -> None:
    if patience is not None:
        _whole("patience", patience)
        if validated is None:
            raise ArgumentError(
                "fit: patience needs samples to judge by; give validation=(x, t), or a share of "
                "the training samples, such as validation=0.1"
            )
    if not 0 <= min_delta < math.inf:
        raise ArgumentError(f"fit: min_delta must be 0 or more and finite, got {min_delta}")
    if monitor not in MONITORS:
        raise ArgumentError(f"fit: monitor must be 'accuracy' or 'loss', got {monitor!r}")
    if resume and out is None:
        raise ArgumentError("fit: resume goes on from a run directory; give it as out")


def _pace(steps: int | None, seconds: float, out: Any) -> Pace:
    if steps is not None:
        steps = _whole("checkpoint_steps", steps)
    if not seconds > 0:
        raise ArgumentError(f"fit: checkpoint_seconds must be above 0, got {seconds}")
    return Pace(steps, seconds, wanted=out is not None)


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
