"""The book's figures, drawn from real data by zerokara's own code: one file a figure.

`registry.ENTRIES` names them, `registry.draw_figure` draws one, `zerokara figures` is the command.
"""

from __future__ import annotations

from zerokara.figures.registry import ENTRIES, Entry, draw_figure

__all__ = ["ENTRIES", "Entry", "draw_figure"]
