"""``zerokara train``: train a network on a data set and leave a run directory."""

from __future__ import annotations

import inspect
import os
import platform
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerokara.cli import datasets, nets, pictures, rundir
from zerokara.errors import ArgumentError, MissingExtraError

if TYPE_CHECKING:
    from zerokara.optimizers import Optimizer
    from zerokara.training.history import History

SAMPLINGS = ("shuffle", "choice")
DTYPES = ("float32", "float64")
INTERRUPTED = 130
MAX_HIDDEN = 1_000_000


def train(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="digits, mnist or fashion-mnist.")
    ] = "digits",
    net: Annotated[
        str, typer.Option(metavar="NAME", help=f"The network: {', '.join(nets.NETS)}.")
    ] = "two-layer",
    hidden: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_HIDDEN,
            metavar="N",
            help="Neurons in a hidden layer.  [default: as suits the network]",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Passes over the data.  [default: as suits network and data]",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Mini-batches, instead of --epochs.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Samples in a mini-batch.  [default: as suits the data]"
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="SGD, Momentum, Nesterov, AdaGrad, RMSProp, Adam or AdamW.  "
            "[default: as suits the network]",
        ),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Learning rate.  [default: as suits data and optimizer]"),
    ] = None,
    sampling: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="shuffle (each sample once an epoch) or choice (the book's draw)."
        ),
    ] = "shuffle",
    seed: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Of the initial weights and of the order of samples."
        ),
    ] = 0,
    dtype: Annotated[str, typer.Option(metavar="NAME", help="float32 or float64.")] = "float32",
    data_dir: Annotated[
        str | None,
        typer.Option(help="The folder with the files of mnist or fashion-mnist.", metavar="DIR"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The run directory to make.  [default: runs/DATE-TIME-DATA-NET]",
            metavar="RUN_DIR",
        ),
    ] = None,
) -> None:
    """Train a network and leave a run directory.

    It holds the model, its history, the options and the learning curve, and of a convolutional
    network also its filters, mistakes and feature maps; its path is the last line printed. Ctrl-C
    ends the training and keeps the best model so far. The digits come with zerokara; MNIST is
    looked for in --data-dir, in the folder that ZEROKARA_DATA names, in the cache, and else
    downloaded.

    \b
    Examples:
      zerokara train
      zerokara train mnist --epochs 20 --optimizer adam
      zerokara train mnist --net simple-conv
      zerokara train fashion-mnist --hidden 100 --lr 0.05 --out runs/clothes
    """
    known = datasets.data_set(data)
    choice = nets.net(net)
    _one_of("--sampling", sampling, SAMPLINGS)
    _one_of("--dtype", dtype, DTYPES)
    if epochs is not None and steps is not None:
        raise ArgumentError("--epochs and --steps both say how long to train; give one of them")
    if epochs is None and steps is None:
        epochs, steps = (choice.epochs, None) if choice.epochs else (known.epochs, known.steps)
    hidden = choice.hidden if hidden is None else hidden
    batch_size = known.batch_size if batch_size is None else batch_size
    rule = _optimizer(optimizer or choice.optimizer, lr, known.lr)
    if out is not None:
        rundir.check_free(out)

    splits = datasets.load(data, flatten=choice.flatten, root=data_dir)
    network = choice.build(
        nets.Plan(
            image_shape=(known.side, known.side),
            classes=len(known.classes),
            hidden=hidden,
            weight_init_std=known.weight_init_std,
            seed=seed,
            dtype=dtype,
        )
    )
    started = datetime.now().astimezone()
    folder = rundir.make(out, f"{data}-{net}", started)
    options = {
        "data": data,
        "data_dir": data_dir and os.path.abspath(data_dir),
        "net": net,
        "hidden": hidden,
        "epochs": epochs,
        "steps": steps,
        "batch_size": batch_size,
        "optimizer": type(rule).__name__,
        "lr": rule.lr,
        "sampling": sampling,
        "seed": seed,
        "dtype": dtype,
    }
    facts = {
        "started": started.isoformat(timespec="seconds"),
        "optimizer_config": rule.config(),
        "network": {"name": type(network).__name__, **getattr(network, "arguments", {})},
        "samples": {"train": len(splits[0][0]), "test": len(splits[1][0])},
        "image_shape": [known.side, known.side],
        "input_white": known.levels,
        "input_scale": 1 / known.levels,
        "classes": known.classes,
    }
    rundir.write_json(
        folder / rundir.CONFIG,
        {"program": "zerokara", "command": "train", "options": options, **facts, **_versions()},
    )

    before = pictures.filters(network)
    from zerokara.cli.progress import progress
    from zerokara.training.fit import fit

    with progress() as shown:
        history = fit(
            network,
            splits[0],
            test=splits[1],
            optimizer=rule,
            batch_size=batch_size,
            epochs=epochs,
            steps=steps,
            sampling=sampling,
            seed=seed,
            callbacks=[shown],
            out=folder,
        )
    try:
        _draw(history, folder / rundir.CURVE, f"{data}, {net}")
        pictures.draw(network, before, splits[1], known.classes, folder)
    except MissingExtraError as error:
        typer.echo(f"zerokara: no pictures: {error}", err=True)
    typer.echo(_result(history))
    typer.echo(folder)
    if history.interrupted:
        raise typer.Exit(INTERRUPTED)


def _one_of(option: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ArgumentError(f"{option} {given!r} is unknown; expected {' or '.join(known)}")


def _optimizer(name: str, lr: float | None, sgd_lr: float) -> Optimizer:
    from zerokara.optimizers import OPTIMIZERS, SGD

    by_name = {known.lower(): kind for known, kind in OPTIMIZERS.items()}
    if name.lower() not in by_name:
        *first, last = OPTIMIZERS
        raise ArgumentError(
            f"--optimizer {name!r} is unknown; expected {', '.join(first)} or {last}"
        )
    kind = by_name[name.lower()]
    if lr is None:
        lr = sgd_lr if kind is SGD else inspect.signature(kind).parameters["lr"].default
    return kind(lr=lr)


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
    return (
        f"test accuracy {history.test_accuracy[at]:.4f}, train {history.train_accuracy[at]:.4f} "
        f"(best epoch {history.best_epoch} of {history.epochs}; {seconds})"
    )
