"""Optimizers on x^2 / 20 + y^2, steep one way and flat the other (book 6.1.3 to 6.1.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zerokara._types import Array
from zerokara.draw.saving import new_figure
from zerokara.figures.material import Given
from zerokara.figures.style import DARK, contours, dress
from zerokara.optimizers import SGD, AdaGrad, Adam, Momentum, Nesterov, Optimizer, RMSProp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

START = (-7.0, 2.0)
# The book's rates; RMSProp, which it does not draw, with one that suits it.
RATES: tuple[tuple[type[Optimizer], float], ...] = (
    (SGD, 0.95),
    (Momentum, 0.1),
    (Nesterov, 0.1),
    (AdaGrad, 1.5),
    (RMSProp, 0.3),
    (Adam, 0.3),
)


def draw(given: Given, *, steps: int = 30) -> Figure:
    """The path of each optimizer from (-7, 2), with exact gradients."""
    figure = new_figure("figures: optimizers", 10.4, 6.2, None)
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    x, y = np.meshgrid(np.linspace(-8.5, 8.5, 180), np.linspace(-4.2, 4.2, 120))
    for place, (kind, rate) in zip(panels.ravel(), RATES, strict=True):
        path = followed(kind(rate), steps)
        contours(place, x, y, x**2 / 20 + y**2, (0.1, 0.5, 1.5, 3, 5, 8, 12))
        place.plot(*path.T, color=DARK, linewidth=1.1, marker="o", markersize=3.6)
        place.plot(*START, marker="s", color="white", markeredgecolor=DARK, markersize=7)
        place.plot(0, 0, marker="+", color="black", markersize=13, markeredgewidth=1.8)
        dress(place, f"{kind.__name__}, lr = {rate:g}", "", "")
        place.grid(visible=False)
    for place in panels[-1]:
        place.set_xlabel("x")
    for place in panels[:, 0]:
        place.set_ylabel("y")
    figure.suptitle(f"{steps} steps on x²/20 + y², from the square to the cross at the minimum")
    return figure


def followed(optimizer: Optimizer, steps: int) -> Array:
    """The points that it passes, (steps + 1, 2)."""
    point = np.array(START)
    path = [point.copy()]
    for _ in range(steps):
        optimizer.update(point, np.array([point[0] / 10, 2 * point[1]]))
        path.append(point.copy())
    return np.array(path)
