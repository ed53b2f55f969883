"""What the tests of the book's figures share: a look at the edges, and files like MNIST's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zerokara import data

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def nothing_is_cut(figure: Figure) -> list[str]:
    """The titles and labels that reach over the figure's edge."""
    figure.draw_without_rendering()
    page = figure.bbox
    words = [figure._suptitle, *(text for place in figure.axes for text in place.texts)]
    words += [place.title for place in figure.axes]
    words += [axis.label for place in figure.axes for axis in (place.xaxis, place.yaxis)]
    cut = []
    for text in words:
        if text is None or not text.get_visible() or not text.get_text():
            continue
        box = text.get_window_extent()
        if box.x0 < -1 or box.y0 < -1 or box.x1 > page.x1 + 1 or box.y1 > page.y1 + 1:
            cut.append(text.get_text())
    return cut


def write_mnist(folder: Path) -> None:
    """Files of MNIST's form with noise in them."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for part, count in (("train", 40), ("t10k", 20)):
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = np.arange(count).astype(np.uint8) % 10
        data.write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        data.write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
