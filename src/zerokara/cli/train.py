"""``zerokara train``: train a network on a data set and leave a run directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from zerokara.cli import nets
from zerokara.cli.options import SCHEDULES, Options
from zerokara.cli.training import started, taken_up

INTERRUPTED = 130
MAX_HIDDEN = 1_000_000


def train(
    context: typer.Context,
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
    depth: Annotated[
        int | None,
        typer.Option(min=1, max=1000, metavar="N", help="Hidden layers of multi-layer, 1 or more."),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(metavar="RATIO", help="Dropout after each hidden layer of multi-layer."),
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
    weight_decay: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Weight decay.  [default: the optimizer's own]"),
    ] = None,
    clip_norm: Annotated[
        float | None,
        typer.Option(metavar="NORM", help="Gradients longer than this are scaled down to it."),
    ] = None,
    schedule: Annotated[
        str, typer.Option(metavar="FORM", help=f"Of the learning rate: {SCHEDULES}.")
    ] = "constant",
    warmup: Annotated[
        int, typer.Option(min=0, metavar="N", help="Steps in which the learning rate rises.")
    ] = 0,
    accumulate: Annotated[
        int, typer.Option(min=1, metavar="N", help="Mini-batches that give one step together.")
    ] = 1,
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Vary the images in each epoch, such as shift=2,rotate=10,zoom=0.1,elastic=1,"
            "flip=0.5.",
        ),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Keep this share of the training data out, to judge by."
        ),
    ] = None,
    validation_seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Of the share kept out.  [default: --seed]"),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Stop after N epochs without betterment; needs --validation."
        ),
    ] = None,
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
    checkpoint_seconds: Annotated[
        float,
        typer.Option(metavar="S", help="A checkpoint at each epoch's end, and after S seconds."),
    ] = 30.0,
    checkpoint_steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="And after every N steps.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN_DIR",
            help="Go on with a run that ended early, to the same bits; with --epochs or --steps, "
            "for longer.",
        ),
    ] = None,
) -> None:
    """Train a network and leave a run directory.

    It holds the model, its history, the options and the learning curve, and of a convolutional
    network also its filters, mistakes and feature maps; its path is the last line printed. Ctrl-C
    ends the training and keeps the best model so far; --resume goes on with it, also after the
    process was killed. The digits come with zerokara; MNIST is looked for in --data-dir, in the
    folder that ZEROKARA_DATA names, in the cache, and else downloaded.

    \b
    Examples:
      zerokara train
      zerokara train mnist --epochs 20 --optimizer adam --schedule cosine
      zerokara train mnist --net simple-conv --augment shift=2,rotate=10
      zerokara train fashion-mnist --validation 0.1 --patience 5 --out runs/clothes
      zerokara train --resume runs/clothes
    """
    if resume is not None:
        given = {
            name
            for name in context.params
            if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
        }
        ended = taken_up(resume, given, epochs, steps)
    else:
        ended = started(
            Options(
                data=data,
                data_dir=data_dir and os.path.abspath(data_dir),
                net=net,
                hidden=hidden,
                depth=depth,
                dropout=dropout,
                epochs=epochs,
                steps=steps,
                batch_size=batch_size,
                optimizer=optimizer,
                lr=lr,
                weight_decay=weight_decay,
                clip_norm=clip_norm,
                schedule=schedule,
                warmup=warmup,
                accumulate=accumulate,
                augment=augment,
                validation=validation,
                validation_seed=validation_seed,
                patience=patience,
                sampling=sampling,
                seed=seed,
                dtype=dtype,
                checkpoint_seconds=checkpoint_seconds,
                checkpoint_steps=checkpoint_steps,
            ),
            out,
        )
    if ended.interrupted:
        raise typer.Exit(INTERRUPTED)
