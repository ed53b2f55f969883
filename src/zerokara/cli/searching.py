"""A search by the command line: its trials are trainings of ``zerokara train``."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from zerokara.cli import datasets, nets, rundir
from zerokara.cli.options import Options, read_options
from zerokara.cli.training import network_of, started, taken_up
from zerokara.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from zerokara.network import Network
    from zerokara.optimizers import Optimizer
    from zerokara.search import Result, Tried
    from zerokara.training.history import History

DENSE = ("depth", "dropout")


@dataclass(frozen=True)
class Maker:
    """Networks and optimizers of trials, from the options that all of them share."""

    base: Options

    def options(self, params: Mapping[str, Any], seed: int) -> Options:
        """Those of one trial, as ``zerokara train`` takes them."""
        return replace(self.base, **params, seed=seed).filled()

    def build(self, params: Mapping[str, Any], seed: int) -> Network:
        """The network of a trial."""
        return network_of(self.options(params, seed))

    def rule(self, params: Mapping[str, Any]) -> Optimizer:
        """The optimizer of a trial."""
        return self.options(params, 0).rule()


@dataclass(frozen=True)
class Wish:
    """What the command asks for; `base` are the options that all trials share."""

    base: Options
    vary: list[str]
    ranges: dict[str, Any]
    trials: int
    sampler: str = "tpe"
    prune: bool = True
    storage: str | None = None

    def checked(self) -> Wish:
        """With the defaults of the data set filled in.

        Raises:
            ArgumentError: an option that means nothing, or that is also varied.
        """
        from zerokara.search.space import KNOWN

        for name in self.vary:
            if name in KNOWN:
                if getattr(self.base, name) is not None:
                    option = "--" + name.replace("_", "-")
                    raise ArgumentError(f"{option} is varied and cannot be fixed; give one of them")
            else:
                raise ArgumentError(
                    f"--vary {name!r} is unknown; expected some of {', '.join(KNOWN)}"
                )
            if name in DENSE and not nets.net(self.base.net).deep:
                raise ArgumentError(f"--vary {name} is not for --net {self.base.net}")
        filled = self.base.filled()
        kept = {name: getattr(self.base, name) for name in self.vary}
        # A rate that was not asked for is the optimizer's own, whichever that is in a trial.
        if "optimizer" in self.vary:
            kept["lr"] = self.base.lr
        return replace(self, base=replace(filled, **kept))


def begin(wish: Wish, out: Path | None, workers: int) -> bool:
    """Make the search's folder and search; whether it was interrupted.

    Raises:
        ArgumentError, DataError, MissingExtraError: before anything is made.
    """
    from datetime import datetime

    from zerokara.search.ledger import check_optuna
    from zerokara.search.space import make_space

    check_optuna()
    wish = wish.checked()
    space = make_space(wish.vary, wish.ranges, wish.base.optimizer)
    # In full and as JSON gives it back, for --resume.
    wish = replace(wish, ranges={name: each.words() for name, each in space.items()})
    if out is None:
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{wish.base.data}-{wish.base.net}"
        out = Path("searches", name)
    return _search(wish, out, workers, resume=False)


def go_on(folder: Path, trials: int | None, storage: str | None, workers: int) -> bool:
    """Go on with the search in a folder; whether it was interrupted.

    Raises:
        DataError: there is none.
        ArgumentError: its storage has a password, which is kept nowhere.
    """
    from zerokara.search.ledger import check_optuna
    from zerokara.search.plan import PLAN, read_plan

    check_optuna()
    begun = read_plan(folder)
    if begun is None:
        raise DataError(f"--resume {folder}: no search, it holds no {PLAN}")
    path = folder / PLAN
    found = begun["facts"].get("wish")
    wish = _read_wish(found, path)
    if wish.storage and ":***@" in wish.storage and storage is None:
        raise ArgumentError(
            f"--resume {folder}: its trials are in {wish.storage}; give --storage with the password"
        )
    longer = max(trials or 0, begun["trials"])
    wish = replace(wish, trials=longer, storage=storage or wish.storage)
    return _search(wish, folder, workers, resume=True)


def _read_wish(found: Any, path: Path) -> Wish:
    kinds = {"vary": list, "ranges": dict, "trials": int, "sampler": str, "prune": bool}
    if (
        not isinstance(found, dict)
        or found.keys() != {each.name for each in fields(Wish)}
        or not all(isinstance(found[name], kind) for name, kind in kinds.items())
        or not all(isinstance(name, str) for name in found["vary"])
        or not isinstance(found["storage"], str | None)
    ):
        raise DataError(f"{path}: does not say the options of a zerokara search")
    base = read_options(found["base"], path)
    if base.epochs is None or base.validation is None:
        raise DataError(f"{path}: does not say epochs and validation")
    return Wish(**{**found, "base": base})


def _search(wish: Wish, out: Path, workers: int, *, resume: bool) -> bool:
    from zerokara.search import search
    from zerokara.search.lock import only_search
    from zerokara.search.plan import read_plan
    from zerokara.search.report import write_report
    from zerokara.search.storage import masked

    base, maker = wish.base, Maker(wish.base)
    known = datasets.data_set(base.data)
    train, _ = datasets.load(base.data, flatten=nets.net(base.net).flatten, root=base.data_dir)
    shown = replace(wish, storage=masked(wish.storage) if wish.storage else None)
    facts: dict[str, Any] = {
        "title": f"Hyperparameters for {base.data}, {base.net}",
        "rows": {"data": f"{base.data}, {len(train[0])} training samples", "net": base.net},
        "wish": json.loads(json.dumps(asdict(shown))),
    }
    fixed = {
        name: getattr(base, name)
        for name in ("optimizer", "lr", "weight_decay", "hidden", "depth", "dropout")
        if getattr(base, name) is not None and name not in wish.vary
    }
    assert base.epochs is not None
    assert base.validation is not None
    result = search(
        train,
        maker.build,
        out=out,
        vary=wish.vary,
        ranges=wish.ranges,
        fixed=fixed,
        optimizer=maker.rule,
        trials=wish.trials,
        epochs=base.epochs,
        batch_size=base.batch_size or known.batch_size,
        validation=base.validation,
        seed=base.validation_seed or 0,
        sampler=wish.sampler,
        prune=wish.prune,
        workers=workers,
        storage=wish.storage,
        resume=resume,
        notify=lambda tried, best, count: _say(tried, best, count, wish.trials),
        facts=facts,
        keep_best=False,
    )
    if result.interrupted:
        ended = sum(trial.state != "unfinished" for trial in result.trials)
        typer.echo(
            f"interrupted: {ended} of {wish.trials} trials have ended; "
            f"zerokara search --resume {shlex.quote(str(out))} goes on",
            err=True,
        )
        return True
    best = result.best
    if best is None:
        raise ArgumentError(
            f"no trial came to its end in {out}; look at {out / 'report.html'}, and take other "
            "ranges, such as a smaller learning rate"
        )
    options = maker.options(best.params, best.seed or 0)
    typer.echo(f"best: {_words(best)}; training it as a run of its own", err=True)
    with only_search(out):
        history = _trained(options, out / "best")
    if history.interrupted:
        again = f"zerokara search --resume {shlex.quote(str(out))}"
        typer.echo(f"interrupted: all trials have ended, the best run has not; {again}", err=True)
        return True
    at = (history.best_epoch or 1) - 1
    facts["test"] = f"Its accuracy on the test set is {history.test_accuracy[at]:.2%}."
    facts["command"] = command(options)
    begun = read_plan(out)
    assert begun is not None
    write_report(result, begun["plan"], facts, redraw=False)
    _print(result, out)
    return False


def _trained(options: Options, out: Path) -> History:
    """The run directory of these options: made, gone on with, or there already."""
    config = rundir.read_config(out / rundir.CONFIG) if out.exists() else None
    if config is not None and config.get("options") == asdict(options):
        return taken_up(out, set(), None, None)
    if out.exists():  # of trials that were the best before
        shutil.rmtree(out)
    return started(options, out)


def command(options: Options) -> str:
    """The line that trains with these options."""
    words = ["zerokara", "train", options.data]
    for name, value in asdict(options).items():
        default = {each.name: each.default for each in fields(Options)}[name]
        if name != "data" and value is not None and value != default:
            words += ["--" + name.replace("_", "-"), str(value)]
    return shlex.join(words)


def _say(tried: Tried, best: Tried | None, count: int, trials: int) -> None:
    reached = "none" if tried.value is None else f"{tried.value:.4f}"
    state = "" if tried.state == "complete" else f" {tried.state}"
    if tried.state != "complete":
        state += f" after epoch {len(tried.validation_accuracy)}"
    from zerokara.search.space import params_in_words

    line = f"{count:{len(str(trials))}}/{trials}  trial {tried.number}: {reached}{state}"
    so_far = "" if best is None else f"  (best {best.value:.4f}, trial {best.number})"
    typer.echo(f"{line}  {params_in_words(tried.params)}{so_far}", err=True)


def _words(tried: Tried) -> str:
    from zerokara.search.space import params_in_words

    return f"trial {tried.number}, validation {tried.value:.4f}, {params_in_words(tried.params)}"


def _print(result: Result, out: Path) -> None:
    best = result.best
    assert best is not None
    states = ("complete", "pruned", "diverged", "failed")
    counts = ", ".join(f"{result.count(s)} {s}" for s in states if result.count(s))
    typer.echo(f"{len(result.trials)} trials ({counts}); best: {_words(best)}")
    typer.echo(out / "report.html")
