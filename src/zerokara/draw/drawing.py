"""A drawing: a picture that shows itself in a notebook and can be saved."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from zerokara.draw.png import to_png
from zerokara.errors import ArgumentError, DataError
from zerokara.files import replace_file

ENDINGS = (".svg", ".png")


@dataclass(frozen=True)
class Drawing:
    """A picture as SVG text, `svg`, which needs no other file and no program to be shown."""

    svg: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it, beside and renamed; the ending, .svg or .png, says the format.

        Raises:
            ArgumentError: another ending.
            MissingExtraError: .png, and resvg-py is not installed.
            DataError: the file cannot be written.
        """
        check_ending("save", path)
        png = Path(path).suffix.lower() == ".png"
        content = to_png(self.svg) if png else self.svg.encode()
        try:
            replace_file(path, content)
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Drawing: {len(self.svg):,} characters of SVG; .save(path) writes it>"


def check_ending(who: str, path: str | os.PathLike[str]) -> None:
    """Refuse a path of another format before anything is drawn.

    Raises:
        ArgumentError: it ends neither in .svg nor in .png.
    """
    if Path(path).suffix.lower() not in ENDINGS:
        raise ArgumentError(f"{who}: {os.fspath(path)} must end in .svg or .png")
