"""``zerokara predict``: ask a trained network about pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from zerokara.cli.reader import Answer

BAR = 24  # characters of a probability of 1


def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A run directory, or a .safetensors file.", show_default=False
        ),
    ],
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE",
            help="PNG files; IDX files, whole or one image of them (FILE:INDEX).",
            show_default=False,
        ),
    ],
    invert: Annotated[
        bool, typer.Option("--invert", help="The pictures are dark on light, as ink on paper.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is on pictures, with the probability of every class.

    The networks of zerokara train learn light strokes on a dark ground; a picture of ink on paper
    needs --invert. Pictures of the right proportions are resized.

    \b
    Examples:
      zerokara predict runs/20250101-120000-digits-two-layer three.png
      zerokara predict runs/mnist --invert scan-*.png
      zerokara predict net.safetensors t10k-images-idx3-ubyte.gz:7 --json
    """
    from zerokara.cli.reader import Reader

    notes: list[str] = []
    reader = Reader.open(model, note=notes.append)
    answers = [answer for image in images for answer in reader.answer(image, invert=invert)]
    for note in notes:  # only now: an error is said alone
        typer.echo(f"zerokara: note: {note}", err=True)
    if as_json:
        typer.echo(json.dumps([answer.as_json() for answer in answers], indent=2))
    elif sys.stdout.isatty():
        _print_tables(answers)
    else:
        for answer in answers:
            typer.echo(_plain(answer))


def _plain(answer: Answer) -> str:
    """Tab-separated: image, class, its probability, then class:probability of all."""
    all_classes = (f"{name}:{p:.4f}" for name, p in answer.probabilities.items())
    return "\t".join([answer.image, answer.best, f"{answer.probability:.4f}", *all_classes])


def _print_tables(answers: Iterable[Answer]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for answer in answers:
        title = Text.assemble(
            f"{answer.image}: ", (answer.best, "bold green"), f" ({answer.probability:.1%})"
        )
        console.print(title)
        table = Table(box=None, show_header=False, padding=(0, 1))
        for name, p in answer.probabilities.items():
            style = "bold green" if name == answer.best else ""
            table.add_row(Text(name), f"{p:7.2%}", "█" * round(p * BAR), style=style)
        console.print(table)
