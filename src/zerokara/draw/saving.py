"""Figures without a window, and files of them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from zerokara.errors import ArgumentError, DataError, MissingExtraError
from zerokara.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


NEED_TEX = {"pgf"}  # a program that is seldom there, and is only asked for when all is drawn


def new_figure(
    who: str, width: float, height: float, path: str | os.PathLike[str] | None
) -> Figure:
    """A figure of that many inches, that belongs to no window and to no global state.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ArgumentError: a path whose ending is no picture format, before anything is drawn.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError(
            "plots need matplotlib: pip install 'zerokara[plots]' (or pip install matplotlib)"
        ) from None
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    formats = figure.canvas.get_supported_filetypes().keys() - NEED_TEX
    if path is not None and _ending(path) not in formats:
        raise ArgumentError(
            f"{who}: {path} must end in a picture format, such as .png, .svg or .pdf"
        )
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str] | None) -> None:
    """Write the figure, beside and renamed; nowhere if there is no path.

    Raises:
        DataError: the file cannot be written.
    """
    if path is None:
        return
    picture = io.BytesIO()
    figure.savefig(picture, format=_ending(path))
    try:
        replace_file(path, picture.getvalue())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None


def _ending(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix.lower().removeprefix(".")
