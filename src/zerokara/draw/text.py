"""Words of a picture: how wide they are at most, how numbers and shapes are written."""

from __future__ import annotations

import unicodedata

import numpy as np

from zerokara._types import Array, Shape

TIMES = "\N{MULTIPLICATION SIGN}"

# Widths in em, not below those of DejaVu Sans, the widest of the fonts that a picture asks for.
_NARROW, _WIDE, _CAPITAL, _OTHER = 0.42, 1.02, 0.80, 0.645
_BOLD = 1.12
_BROAD = f"mwMW@%+=→←…{TIMES}"


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """No less than the pixels that `text` takes in any of the fonts, at that font size."""
    total = sum(map(_em, text))
    return total * size * (_BOLD if bold else 1.0)


def _em(char: str) -> float:
    if char in "ijlI.,:;'|!()[]- ft":
        return _NARROW
    if char in _BROAD or unicodedata.east_asian_width(char) in "WF":
        return _WIDE
    return _CAPITAL if char.isupper() or ord(char) > 0x24F else _OTHER


def shortened(text: str, most: int) -> str:
    """At most so many characters, an ellipsis for the rest."""
    return text if len(text) <= most else text[: most - 1] + "…"


def number(value: object) -> str:
    """A number with at most six digits: what binary rounding adds to 2.2 is not shown."""
    return f"{float(np.asarray(value).item()):.6g}"


def shape_text(shape: Shape) -> str:
    return TIMES.join(map(str, shape))


def value_text(array: Array) -> str:
    """A single number as such, anything larger by its shape."""
    return number(array) if array.size == 1 else shape_text(array.shape)


def norm_text(array: Array) -> str:
    """A single number as such, anything larger by its Euclidean norm."""
    if array.size == 1:
        return number(array)
    return f"|grad| {float(np.linalg.norm(np.asarray(array, np.float64).ravel())):.3g}"
