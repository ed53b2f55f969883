"""SVG as PNG, by resvg, where that is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from zerokara.errors import MissingExtraError

ZOOM = 2.0  # for screens of fine pixels


def to_png(svg: str) -> bytes:
    """The picture at twice its size.

    Raises:
        MissingExtraError: resvg-py is not installed.
    """
    try:
        import resvg_py
    except ImportError:
        raise MissingExtraError(
            "PNG needs resvg-py: pip install 'zerokara[draw]' (or pip install resvg-py); "
            "SVG needs nothing"
        ) from None
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM, font_dirs=_fonts() or None))


def _fonts() -> list[str]:
    """The fonts that matplotlib brings along: a bare machine has none, and a PNG needs some."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    return [str(folder)] if folder.is_dir() else []
