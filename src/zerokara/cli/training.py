"""A training by the command line: begun in a new run directory, or gone on with in its own."""

from __future__ import annotations

import platform
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from zerokara.cli import datasets, nets, pictures, rundir
from zerokara.cli.options import Options, read_options
from zerokara.errors import ArgumentError, DataError, MissingExtraError

if TYPE_CHECKING:
    from zerokara.data.splits import PixelSplits
    from zerokara.network import Network
    from zerokara.optimizers import Optimizer
    from zerokara.training.history import History

LENGTHS = {"epochs", "steps"}
"""The options that may stand beside --resume."""


def started(options: Options, out: Path | None) -> History:
    """Make the run directory and train in it.

    Raises:
        ArgumentError, DataError: options or files that do not fit, before anything is made.
    """
    options = options.filled()
    if out is not None:
        rundir.check_free(out)
    splits, network = _load(options)
    now = datetime.now().astimezone()
    folder = rundir.make(out, f"{options.data}-{options.net}", now)
    started_at = now.isoformat(timespec="seconds")
    _write_config(folder, options, options.rule(), network, splits, started_at)
    return _train(options, folder, splits, network)


def taken_up(folder: Path, given: set[str], epochs: int | None, steps: int | None) -> History:
    """Go on with the run in `folder`, for longer where epochs or steps are given.

    Raises:
        ArgumentError: another option stands beside.
        DataError: no run in that folder.
    """
    others = sorted(given - {"resume"} - LENGTHS)
    if others:
        listed = ", ".join("DATA" if o == "data" else "--" + o.replace("_", "-") for o in others)
        raise ArgumentError(
            f"--resume takes its options from {folder / rundir.CONFIG}; leave out {listed}"
        )
    config = rundir.read_config(folder / rundir.CONFIG)
    if config is None:
        raise DataError(f"--resume {folder}: no run directory, it holds no {rundir.CONFIG}")
    options = read_options(config.get("options"), folder / rundir.CONFIG)
    longer = options
    if epochs is not None or steps is not None:
        longer = replace(options, epochs=epochs, steps=steps)
    longer = longer.filled()
    splits, network = _load(longer)
    if longer != options:
        started_at = str(config.get("started", ""))
        _write_config(folder, longer, longer.rule(), network, splits, started_at)
    return _train(longer, folder, splits, network)


def _load(options: Options) -> tuple[PixelSplits, Network]:
    choice = nets.net(options.net)
    splits = datasets.load(options.data, flatten=choice.flatten, root=options.data_dir)
    return splits, network_of(options)


def network_of(options: Options) -> Network:
    """The network that filled options ask for."""
    known, choice = datasets.data_set(options.data), nets.net(options.net)
    plan = nets.Plan(
        image_shape=(known.side, known.side),
        classes=len(known.classes),
        hidden=choice.hidden if options.hidden is None else options.hidden,
        weight_init_std=known.weight_init_std,
        seed=options.seed,
        dtype=options.dtype,
        depth=options.depth or 1,
        dropout=options.dropout or 0.0,
    )
    return choice.build(plan)


def _write_config(
    folder: Path,
    options: Options,
    rule: Optimizer,
    network: Network,
    splits: PixelSplits,
    started_at: str,
) -> None:
    known = datasets.data_set(options.data)
    facts = {
        "started": started_at,
        "optimizer_config": rule.config(),
        "network": {"name": type(network).__name__, **getattr(network, "arguments", {})},
        "samples": {"train": len(splits[0][0]), "test": len(splits[1][0])},
        "image_shape": [known.side, known.side],
        "input_white": known.levels,
        "input_scale": 1 / known.levels,
        "classes": known.classes,
    }
    begin = {"program": "zerokara", "command": "train", "options": asdict(options)}
    rundir.write_json(folder / rundir.CONFIG, begin | facts | _versions())


def _train(options: Options, folder: Path, splits: PixelSplits, network: Network) -> History:
    before = pictures.filters(network)
    from zerokara.cli.progress import progress
    from zerokara.training.fit import fit

    train: tuple[Any, Any] = splits[0]
    validation: tuple[Any, Any] | float | None = options.validation
    if options.validation is not None and options.validation_seed is not None:
        from zerokara.search.samples import split

        train, validation = split(train, options.validation, options.validation_seed)
    with progress() as shown:
        history = fit(
            network,
            train,
            test=splits[1],
            validation=validation,
            optimizer=options.rule(),
            batch_size=options.batch_size or 100,
            accumulate=options.accumulate,
            epochs=options.epochs,
            steps=options.steps,
            sampling=options.sampling,
            seed=options.seed,
            augment=options.variants(),
            patience=options.patience,
            callbacks=[shown],
            out=folder,
            resume=True,
            checkpoint_steps=options.checkpoint_steps,
            checkpoint_seconds=options.checkpoint_seconds,
        )
    known = datasets.data_set(options.data)
    try:
        _draw(history, folder / rundir.CURVE, f"{options.data}, {options.net}")
        pictures.draw(network, before, splits[1], known.classes, folder)
    except MissingExtraError as error:
        typer.echo(f"zerokara: no pictures: {error}", err=True)
    typer.echo(_result(history))
    typer.echo(folder)
    return history


def _versions() -> dict[str, Any]:
    import numpy as np

    from zerokara import native
    from zerokara._version import __version__

    return {
        "versions": {
            "zerokara": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "platform": platform.platform(),
        "native": native.isa(),
        "threads": native.max_threads(),
    }


def _draw(history: History, path: Path, title: str) -> None:
    from zerokara.draw.plots import plot_history

    if history.loss:
        plot_history(history, path, title)


def _result(history: History) -> str:
    """The accuracies of the model that was kept."""
    seconds = f"{history.steps} steps in {history.seconds:.1f} s"
    if history.best_epoch is None:
        return f"no epoch ended; {seconds}"
    at = history.best_epoch - 1
    early = ", stopped early" if history.stopped_early else ""
    kept = history.validation_accuracy
    validation = f", validation {kept[at]:.4f}" if kept else ""
    return (
        f"test accuracy {history.test_accuracy[at]:.4f}, train {history.train_accuracy[at]:.4f}"
        f"{validation} (best epoch {history.best_epoch} of {history.epochs}{early}; {seconds})"
    )
