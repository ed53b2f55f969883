"""search: the door of the package."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zerokara.errors import ArgumentError, DataError
from zerokara.network import Network
from zerokara.optimizers import Optimizer
from zerokara.search import crew
from zerokara.search.job import Dense, Outcome, Params, Setup, optimizer_of
from zerokara.search.ledger import SAMPLERS, Ledger, check_optuna, quiet, trial_folder
from zerokara.search.lock import only_search
from zerokara.search.plan import check_folder, write_plan
from zerokara.search.report import write_report
from zerokara.search.result import Result, Tried, read_result, read_tried
from zerokara.search.samples import fingerprint, split
from zerokara.search.space import make_space, optimizer_name
from zerokara.search.storage import JOURNALLED, masked, opened
from zerokara.training.checkpoint import NAME as CHECKPOINT

BEST = "best"
Notify = Callable[[Tried, Tried | None, int], None]


def search(
    train: tuple[Any, Any],
    build: Callable[[Params, int], Network] | None = None,
    *,
    out: str | os.PathLike[str],
    vary: Iterable[str] = ("lr", "weight_decay"),
    ranges: Mapping[str, Any] | None = None,
    fixed: Params | None = None,
    optimizer: Callable[[Params], Optimizer] | None = None,
    trials: int = 20,
    epochs: int = 10,
    batch_size: int = 100,
    validation: tuple[Any, Any] | float = 0.2,
    seed: int = 0,
    sampler: str = "tpe",
    prune: bool = True,
    workers: int = 1,
    storage: str | None = None,
    resume: bool = False,
    notify: Notify | None = None,
    facts: Mapping[str, Any] | None = None,
    keep_best: bool = True,
) -> Result:
    """Look for hyperparameters whose network answers best on samples that it did not train on.

    A trial is a training (`zerokara.fit`) with a network and an optimizer of its own. Its seed
    comes from `seed` and its number, so the same number and hyperparameters give the same bits.
    With one worker, the whole search is a function of its arguments, however often it was killed
    and taken up again; with several, what TPE proposes also depends on which trial ends first.

    Args:
        train: (x, t): an array or `zerokara.data.Pixels` of shape (N, ...), and N targets.
        build: gives the network for (hyperparameters, seed); by default a `MultiLayerNetExtend` of
            `depth` layers of `hidden` neurons, with `dropout`.
        out: the folder of the search, made if missing.
        vary: what is varied: lr, weight_decay, hidden, depth, dropout, optimizer, or names of your
            own that `build` or `optimizer` reads.
        ranges: for some of them (low, high), (low, high, 'log' or 'linear') or a list of choices.
        fixed: hyperparameters that all trials share.
        optimizer: gives the optimizer for the hyperparameters; by default from `optimizer` (a
            name), `lr` and `weight_decay`.
        trials: how many, those of an earlier call on this folder included.
        epochs, batch_size: of each trial.
        validation: a share of `train` that is drawn once by `seed` and kept out, or a pair (x, t).
            Never give the test set: what was chosen by it says nothing about new samples.
        seed: of everything that is random.
        sampler: 'tpe' (Bergstra et al. 2011), or 'random', as in the book.
        prune: whether a trial ends early whose best epoch is worse than the median of the others
            at that epoch.
        workers: processes at work at once, each with its share of the threads. With more than one
            everything given must be what pickle takes, and a script needs
            ``if __name__ == "__main__":`` around its call.
        storage: None for a SQLite file in `out`, 'journal' for a journal file in it, or the URL of
            a database that Optuna takes.
        resume: go on with the search in `out`; where there is none, begin. All arguments must be
            those of the begun one, but for trials, which may be more, and workers.
        notify: called after each trial with it, the best one so far (None before the first that is
            complete), and how many have ended.
        facts: more for the report, by name.
        keep_best: whether `best` in the folder gets the run directory of the best trial.

    Raises:
        MissingExtraError: Optuna is not installed.
        ArgumentError, ShapeError, DtypeError, LabelError: arguments or data that do not fit.
        DataError: a folder that holds something else, a storage that cannot be opened.
    """
    check_optuna()
    fixed = dict(fixed or {})
    if "optimizer" in fixed:
        fixed["optimizer"] = optimizer_name(fixed["optimizer"])
    space = make_space(vary, ranges, fixed.get("optimizer", "SGD"))
    _check(trials, epochs, batch_size, seed, workers, sampler)
    both = sorted(space.keys() & fixed.keys())
    if both:
        raise ArgumentError(f"search: {', '.join(both)} cannot be both varied and fixed")
    if isinstance(validation, tuple):
        left, kept = train, validation
    else:
        left, kept = split(train, validation, seed)
    setup = Setup(
        left,
        kept,
        build=build or _dense(left),
        rule=optimizer or optimizer_of,
        fixed=fixed,
        epochs=epochs,
        batch_size=batch_size,
    )
    _try_out(setup, {name: _one(each.words()) for name, each in space.items()})
    plan = {
        "vary": {name: each.words() for name, each in space.items()},
        "fixed": fixed,
        "epochs": epochs,
        "batch_size": batch_size,
        "validation": None if isinstance(validation, tuple) else validation,
        "seed": seed,
        "sampler": sampler,
        "prune": bool(prune),
        "storage": None if storage is None else masked(storage),
        "samples": fingerprint(left, kept),
    }
    _check_json("fixed", fixed)
    _check_json("facts", facts)
    folder = Path(out)
    check_folder(folder, plan, resume)
    if storage not in (None, JOURNALLED):
        # One that does not open is refused before anything is there to resume.
        with opened(folder, storage):
            pass
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"search: cannot make {out} ({error.strerror or error})") from None
    with only_search(folder), quiet():
        begun = check_folder(folder, plan, resume)
        study = write_plan(folder, begun, plan, dict(facts or {}), trials)
        with opened(folder, storage) as place:
            ledger = Ledger(
                folder,
                study,
                space,
                seed=seed,
                sampler=sampler,
                prune=prune,
                epochs=epochs,
                storage=place,
            )
            if begun is not None and not ledger.trials() and _has_trials(folder):
                raise DataError(
                    f"search: the trials of {folder} are not in its storage, "
                    f"{plan['storage'] or 'a file in it'}; was it moved, or deleted?"
                )
            return _work(ledger, setup, plan, trials, workers, notify, dict(facts or {}), keep_best)


def _work(
    ledger: Ledger,
    setup: Setup,
    plan: dict[str, Any],
    trials: int,
    workers: int,
    notify: Notify | None,
    facts: dict[str, Any],
    keep_best: bool,
) -> Result:
    ledger.take_up()
    best = read_result(ledger).best

    def finish(place: int, outcome: Outcome) -> None:
        nonlocal best
        ledger.finish(place, outcome)
        tried = read_tried(ledger, place)
        best = Result(ledger.folder, [tried] if best is None else [best, tried]).best
        # Only a trial that is not at its end needs it.
        (tried.folder / CHECKPOINT).unlink(missing_ok=True)
        if notify is not None:
            notify(tried, best, ledger.finished())

    interrupted = False
    try:
        crew.work(
            setup,
            ledger.folder,
            workers,
            lambda: ledger.next(trials),
            ledger.report,
            finish,
            ledger.lost,
        )
    except KeyboardInterrupt:
        interrupted = True
    result = read_result(ledger, interrupted)
    if keep_best and result.best is not None:
        _keep(result.best.folder, ledger.folder / BEST)
    write_report(result, plan, facts)
    return result


def _check(
    trials: int, epochs: int, batch_size: int, seed: int, workers: int, sampler: str
) -> None:
    least = {"trials": 1, "epochs": 1, "batch_size": 1, "workers": 1, "seed": 0}
    given = {
        "trials": trials,
        "epochs": epochs,
        "batch_size": batch_size,
        "workers": workers,
        "seed": seed,
    }
    for name, value in given.items():
        if type(value) is not int or value < least[name]:
            raise ArgumentError(
                f"search: {name} must be a whole number from {least[name]}, got {value!r}"
            )
    if sampler not in SAMPLERS:
        raise ArgumentError(f"search: sampler must be {' or '.join(SAMPLERS)}, got {sampler!r}")


def _dense(pair: tuple[Any, Any]) -> Dense:
    x, t = np.shape(pair[0]), np.asarray(pair[1])
    if t.ndim == 1 and not np.issubdtype(t.dtype, np.integer):
        raise ArgumentError(f"search: targets are {t.dtype}; give labels, or a build of your own")
    return Dense(math.prod(x[1:]), t.shape[1] if t.ndim == 2 else int(t.max()) + 1)


def _try_out(setup: Setup, params: dict[str, Any]) -> None:
    """Make a network and an optimizer once, so that what does not fit is said at once."""
    params = {**setup.fixed, **params}
    net, rule = setup.build(params, 0), setup.rule(params)
    if not isinstance(net, Network) or not isinstance(rule, Optimizer):
        raise ArgumentError(
            "search: build must give a Network and optimizer an Optimizer, got "
            f"{type(net).__name__} and {type(rule).__name__}"
        )


def _has_trials(folder: Path) -> bool:
    # The first one makes its folder only after it stands in the storage.
    trials = trial_folder(folder, 0).parent
    return trials.is_dir() and any(trials.iterdir())


def _check_json(name: str, given: Any) -> None:
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"search: {name} must hold words, numbers, lists and dicts of them ({error})"
        ) from None


def _one(words: Any) -> Any:
    """A value from what is varied."""
    return words["choices"][0] if isinstance(words, dict) else words[0]


def _keep(run: Path, best: Path) -> None:
    """Copy the run directory of the best trial to where it is looked for."""
    beside = best.with_name(f".{best.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        shutil.copytree(run, beside)
        shutil.rmtree(best, ignore_errors=True)
        beside.replace(best)
    except OSError as error:
        raise DataError(f"{best}: cannot be written ({error.strerror or error})") from None
