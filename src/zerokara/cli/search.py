"""``zerokara search``: look for good hyperparameters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from zerokara.cli import nets
from zerokara.cli.options import Options
from zerokara.cli.searching import Wish, begin, go_on
from zerokara.errors import ArgumentError

INTERRUPTED = 130
VARY = "lr,weight_decay"
MAY_RESUME = {"resume", "trials", "workers", "storage"}


def search(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="digits, mnist or fashion-mnist.")
    ] = "digits",
    vary: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="What is varied: lr, weight_decay, hidden, depth, dropout, optimizer.",
        ),
    ] = VARY,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="NAME=LOW:HIGH",
            help="Bounds of one of them, :log or :linear may follow; or choices, NAME=A,B,C. May "
            "be given again.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="How many trainings.  [default: 20]"),
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Passes over the data in each.")
    ] = 10,
    net: Annotated[
        str, typer.Option(metavar="NAME", help=f"The network: {', '.join(nets.NETS)}.")
    ] = "multi-layer",
    hidden: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, metavar="N", help="Fix it, as for train.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, max=1000, metavar="N", help="Fix it, as for train.")
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(metavar="RATIO", help="Fix it, as for train.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Fix it, as for train.")
    ] = None,
    lr: Annotated[float | None, typer.Option(metavar="RATE", help="Fix it, as for train.")] = None,
    weight_decay: Annotated[
        float | None, typer.Option(metavar="RATE", help="Fix it, as for train.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Samples in a mini-batch.  [default: as suits the data]"
        ),
    ] = None,
    validation: Annotated[
        float,
        typer.Option(
            metavar="SHARE", help="The share of the training data that judges; never the test set."
        ),
    ] = 0.2,
    sampler: Annotated[
        str, typer.Option(metavar="NAME", help="tpe, or random as in the book.")
    ] = "tpe",
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Give trials below the median up early.")
    ] = True,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Of the search; trials have seeds from it.")
    ] = 0,
    workers: Annotated[
        int,
        typer.Option(min=1, max=256, metavar="N", help="Trials at a time; they share the cores."),
    ] = 1,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A database that Optuna takes, or journal.  [default: a file in the folder]",
        ),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(help="The folder with the files of mnist or fashion-mnist.", metavar="DIR"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder to make.  [default: searches/DATE-TIME-DATA-NET]", metavar="DIR"
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Go on with a search that ended early; with --trials, for longer."
        ),
    ] = None,
) -> None:
    """Look for good hyperparameters by trial (the book's section 6.5).

    Each trial is a training, judged by a share of the training data. The folder gets the trials,
    report.html with pictures, and in best/ the best model as a run directory, trained by the same
    seed and then measured on the test set, once. Its report is the last line printed. Ctrl-C and
    kills lose nothing: --resume goes on where the search stood. Needs the extra zerokara[search].

    \b
    Examples:
      zerokara search
      zerokara search mnist --vary lr,hidden,depth,dropout --optimizer adam --workers 2
      zerokara search --sampler random --range lr=1e-6:1e-2 --range weight_decay=1e-8:1e-4
      zerokara search --resume searches/mine --trials 50
    """
    if resume is not None:
        given = {
            name
            for name in context.params
            if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
        }
        others = sorted("--" + each.replace("_", "-") for each in given - MAY_RESUME)
        if others:
            listed = ", ".join(others).replace("--ranges", "--range").replace("--data,", "DATA,")
            raise ArgumentError(f"--resume takes its options from {resume}; leave out {listed}")
        interrupted = go_on(resume, trials, storage, workers)
    else:
        base = Options(
            data=data,
            net=net,
            data_dir=data_dir and os.path.abspath(data_dir),
            hidden=hidden,
            depth=depth,
            dropout=dropout,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            lr=lr,
            weight_decay=weight_decay,
            validation=validation,
            validation_seed=seed,
        )
        wish = Wish(
            base=base,
            vary=[name.strip().replace("-", "_") for name in vary.split(",")],
            ranges=dict(_range(text) for text in ranges or []),
            trials=20 if trials is None else trials,
            sampler=sampler,
            prune=prune,
            storage=storage,
        )
        interrupted = begin(wish, out, workers)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _range(text: str) -> tuple[str, Any]:
    """NAME=LOW:HIGH[:SCALE] or NAME=A,B,C."""
    name, equals, rest = text.partition("=")
    name = name.strip().replace("-", "_")
    words = rest.split(":")
    if equals and name and "," in rest:
        return name, [_number(word) for word in rest.split(",")]
    if not equals or not name or len(words) not in (2, 3):
        raise ArgumentError(
            f"--range {text!r}: expected NAME=LOW:HIGH, such as lr=1e-4:1e-1, or NAME=A,B,C"
        )
    return name, (_number(words[0]), _number(words[1]), *words[2:])


def _number(word: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word.strip()
