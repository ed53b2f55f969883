"""A training as a checkpoint, and a training put back to where a checkpoint stood."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zerokara._types import Array
from zerokara.errors import ArgumentError, ModelFileError
from zerokara.training.best import fill, layer_state
from zerokara.training.checkpoint import Checkpoint
from zerokara.training.history import History, first_wrong
from zerokara.training.plan import check_same

if TYPE_CHECKING:
    from zerokara.training.loop import Training


def snapshot(training: Training) -> Checkpoint:
    """All that a training goes on from, as it stands between two steps.

    Who is drawn when, dropout's noise and the variants of images come from seeds and counts. So
    these counts are all that there is of random states.
    """
    run, best, optimizer = training.run, training.best, training.run.optimizer
    history = dict(vars(run.history))
    losses = history.pop("loss")
    numbers = {
        "plan": training.plan,
        "first_update": training.first_update,
        "total_steps": run.total_steps,
        "finished": training.finished,
        "stop": run.stop,
        "optimizer": {"base_lr": optimizer.base_lr, "steps": optimizer.steps},
        "history": history,
        "best": {"epoch": best.epoch, "measure": best.measure, "score": _or_none(best.score)},
        "patience": {
            "reference": training.patience.reference,
            "waited": training.patience.waited,
        },
        "callbacks": [
            {"name": type(callback).__qualname__, "state": callback.state()}
            for callback in training.callbacks
        ],
    }
    arrays = {"params": run.net.flat_params, "loss": np.array(losses, np.float64)}
    arrays |= {f"state:{layer}.{key}": a for (layer, key), a in layer_state(run.net).items()}
    slots = optimizer.slots_for("", run.net.flat_params)
    arrays |= {f"slot:{name}": slots[name] for name in optimizer.slots}
    if best.epoch is not None:
        arrays["best"] = best.params
        arrays |= {f"best:{layer}.{key}": a for (layer, key), a in best.state.items()}
    return Checkpoint(numbers, arrays)


def restore(training: Training, checkpoint: Checkpoint, path: Path) -> None:
    """Put a training that has not begun to where the checkpoint stood; all is checked before.

    Raises:
        ArgumentError: it was begun with other arguments, or cannot be made longer or shorter so.
        ModelFileError: the checkpoint is damaged.
    """
    numbers, run = checkpoint.numbers, training.run
    check_same(training.plan, numbers.get("plan"), str(path.parent))
    try:
        history = _history(numbers["history"], checkpoint.arrays["loss"])
        best, patience = dict(numbers["best"]), dict(numbers["patience"])
        optimizer, callbacks = dict(numbers["optimizer"]), list(numbers["callbacks"])
        total, finished = int(numbers["total_steps"]), str(numbers["finished"])
        stop = bool(numbers["stop"])
        first_update = int(numbers["first_update"])
        base_lr, updates = float(optimizer["base_lr"]), int(optimizer["steps"])
        score = None if best["score"] is None else float(best["score"])
        _check_arrays(training, checkpoint.arrays, best["epoch"] is not None)
        if best["epoch"] != history.best_epoch or updates != first_update + history.steps:
            raise ValueError("its counts contradict each other")
        names = [str(each["name"]) for each in callbacks]
        states = [dict(each["state"]) for each in callbacks]
        reference, waited = patience["reference"], int(patience["waited"])
        measure = str(best["measure"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: is a damaged checkpoint ({error})") from None
    given = [type(callback).__qualname__ for callback in training.callbacks]
    if any(states) and names != given:
        raise ArgumentError(
            f"fit: resume: callbacks are {given}, but the training in {path.parent} was begun with "
            f"{names}, of which some carry a state; give the same"
        )
    if total != run.total_steps:
        _check_length(training, history, total, str(path.parent))
        finished = "" if finished == "steps" else finished

    arrays = checkpoint.arrays
    keys = list(layer_state(run.net))
    fill(run.net, arrays["params"], {key: arrays[f"state:{key[0]}.{key[1]}"] for key in keys})
    slots = run.optimizer.slots_for("", run.net.flat_params)
    for name in run.optimizer.slots:
        np.copyto(slots[name], arrays[f"slot:{name}"])
    run.optimizer.steps, run.optimizer.base_lr = updates, base_lr
    vars(run.history).update(vars(history))
    run.history.interrupted = False
    run.step = run.resumed = history.steps
    run.epoch, run.stop = history.epochs, stop
    training.first_update, training.finished = first_update, finished
    training.patience.reference, training.patience.waited = reference, waited
    if best["epoch"] is not None and score is not None:
        training.best.epoch, training.best.score = history.best_epoch, score
        training.best.measure, training.best.params = measure, arrays["best"]
        training.best.state = {key: arrays[f"best:{key[0]}.{key[1]}"] for key in keys}
    if names == given:
        for callback, state in zip(training.callbacks, states, strict=True):
            callback.restore(state)


def _history(found: dict[str, Any], losses: Array) -> History:
    content = {**found, "loss": losses.tolist(), "steps": len(losses)}
    wrong = first_wrong(content)
    if wrong:
        raise ValueError(f"its history: {wrong}")
    content.pop("steps")
    return History(**content)


def _check_arrays(training: Training, arrays: dict[str, Array], best: bool) -> None:
    """Refuse arrays that are missing, or of another shape or dtype than the training's."""
    net, optimizer = training.run.net, training.run.optimizer
    wanted = {"params": net.flat_params}
    wanted |= {f"slot:{name}": net.flat_params for name in optimizer.slots}
    wanted |= {f"state:{layer}.{key}": a for (layer, key), a in layer_state(net).items()}
    if best:
        wanted["best"] = net.flat_params
        wanted |= {f"best:{layer}.{key}": a for (layer, key), a in layer_state(net).items()}
    for name, target in wanted.items():
        if name not in arrays:
            raise ValueError(f"it lacks {name!r}")
        found = arrays[name]
        if found.shape != target.shape or found.dtype != target.dtype:
            raise ValueError(
                f"{name!r} is {found.dtype} of shape {found.shape}, expected {target.dtype} of "
                f"shape {target.shape}"
            )


def _check_length(training: Training, history: History, before: int, where: str) -> None:
    """Whether a training may go on to another number of steps than it was begun with."""
    run = training.run
    given = f"fit: resume: {run.total_steps} steps, but the training in {where} was begun for"
    schedule = run.optimizer.schedule
    if schedule is not None and schedule.open:
        raise ArgumentError(
            f"{given} {before}, which is the length of its schedule {schedule!r}; give as many"
        )
    if run.total_steps < history.steps:
        raise ArgumentError(f"{given} {before} and has made {history.steps}; give at least these")
    if history.epochs * run.steps_per_epoch > history.steps < run.total_steps:
        raise ArgumentError(
            f"{given} {before}, which cut its last epoch short; such a one cannot be made longer"
        )


def _or_none(score: float) -> float | None:
    return score if np.isfinite(score) else None
