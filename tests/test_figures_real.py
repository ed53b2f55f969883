"""The book's figures in full size on real images: each shows what the book tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from figure_cases import nothing_is_cut

pytest.importorskip("matplotlib", reason="plots are an extra")

from matplotlib.figure import Figure

from zerokara.figures import ENTRIES, draw_figure


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("word", [word for word, entry in ENTRIES.items() if entry.data])
def test_on_real_images_it_shows_what_the_book_tells(
    word: str, mnist_root: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"{word}.png"
    figure = draw_figure(word, path, data_dir=mnist_root)
    assert "MNIST" in figure.get_suptitle()
    assert nothing_is_cut(figure) == []
    assert path.stat().st_size < 80_000
    TOLD.get(word, lambda _: None)(figure)


def optimizers_told(figure: Figure) -> None:
    losses = [line.get_ydata()[-1] for line in figure.axes[0].lines]
    assert losses[0] > 5 * max(losses[1:]), "SGD is the slowest"


def initial_values_told(figure: Figure) -> None:
    small, xavier, he = (line.get_ydata()[-1] for line in figure.axes[0].lines)
    assert small > 2.2 > 1 > xavier > he, "0.01 learns nothing, He the most"


def batch_norm_told(figure: Figure) -> None:
    panels = [place for place in figure.axes if place.lines]
    assert len(panels) == 16
    for place in panels[4:]:
        with_norm, without = (line.get_ydata() for line in place.lines)
        assert with_norm.max() > without.max() + 0.2


def overfitting_told(figure: Figure) -> None:
    neither, decay, dropout = (
        [np.asarray(line.get_ydata()) for line in place.lines] for place in figure.axes
    )
    middle = len(neither[0]) // 2
    assert neither[0][-1] == 1.0, "known by heart"
    assert neither[0][-1] - neither[1][-1] > 0.2
    assert decay[0][-1] < 0.97, "with decay never"
    assert dropout[0][middle] < 0.97, "with dropout later"
    for train, test in (decay, dropout):
        assert train[middle] - test[middle] < neither[0][middle] - neither[1][middle]


def search_told(figure: Figure) -> None:
    last = [place.lines[1].get_ydata()[-1] for place in figure.axes if place.lines]
    assert len(last) == 20
    assert last == sorted(last, reverse=True)
    assert last[0] > 0.7


TOLD = {
    "optimizers-mnist": optimizers_told,
    "initial-values": initial_values_told,
    "batch-norm": batch_norm_told,
    "overfitting": overfitting_told,
    "search": search_told,
}
