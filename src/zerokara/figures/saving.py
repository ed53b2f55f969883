"""Files of figures: a PNG gets a palette, which makes it a third as large and looks the same."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from zerokara.draw.saving import save_figure
from zerokara.errors import DataError
from zerokara.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = 64


def check_place(path: str | os.PathLike[str]) -> None:
    """Whether a file could be put there, asked before a minute goes into what it would hold.

    Raises:
        DataError: the path is a folder, or its own folder is missing or cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: cannot be written (it is a folder)")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None


def save(figure: Figure, path: str | os.PathLike[str] | None) -> None:
    """Write the figure, beside and renamed; nowhere if there is no path.

    Raises:
        DataError: the file cannot be written.
    """
    if path is None or Path(path).suffix.lower() != ".png":
        save_figure(figure, path)
        return
    from PIL import Image  # matplotlib needs it too

    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    with Image.open(drawn) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(packed, "PNG", optimize=True)
    try:
        replace_file(path, packed.getvalue())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
