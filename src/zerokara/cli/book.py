"""``zerokara book``: a script of the book, as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def book(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python file of the book's.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="Handed to the script.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Save what it shows there, as PNG; before SCRIPT."
        ),
    ] = None,
) -> int:
    """Run a script of "Deep Learning from Scratch", volume 1, without changing it.

    Its common.* and dataset.* are zerokara's, faster and under the book's names; MNIST comes
    from the folder that ZEROKARA_DATA names, or from the cache. With no display, figures are
    saved in the current folder and their paths told. An error of the script is shown with the
    script's line and gives exit code 1.

    \b
    Examples:
      zerokara book ch05/train_neuralnet.py
      zerokara book --out pictures ch06/optimizer_compare_naive.py
    """
    from zerokara.book.runner import run_script

    return run_script(script, arguments or [], out)
