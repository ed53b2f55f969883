"""The path of gradient descent on x0^2 + x1^2 (book 4.4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zerokara.draw.saving import new_figure
from zerokara.figures.gradients import bowl
from zerokara.figures.material import Given
from zerokara.figures.style import DARK, STROKES, contours, curve, dress
from zerokara.gradient import gradient_descent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

START = (-3.0, 4.0)
PLATE = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}


def draw(
    given: Given, *, steps: int = 20, rates: Sequence[float] = (0.1, 0.002, 0.95, 1.05)
) -> Figure:
    """The book's path with the first rate, and how high each rate stands after each step."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure("figures: descent", 10.4, 4.9, None)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    _path(left, rates[0], steps)
    for rate, stroke in zip(rates, STROKES, strict=False):
        _, path = gradient_descent(bowl, np.array(START), rate, steps, return_path=True)
        heights = [float(bowl(point)) for point in path]
        curve(right, np.arange(steps + 1), heights, stroke, f"{rate:g}", steps + 1)
    right.set_yscale("log")
    right.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    right.legend(title="learning rate", frameon=False, loc="lower left", handlelength=3.2)
    dress(right, "The height after each step, by learning rate", "step", "$x_0^2 + x_1^2$")
    figure.suptitle("Gradient descent with numerical gradients")
    return figure


def _path(axes: Axes, rate: float, steps: int) -> None:
    _, path = gradient_descent(bowl, np.array(START), rate, steps, return_path=True)
    fine = np.linspace(-4.6, 4.6, 160)
    x, y = np.meshgrid(fine, fine)
    contours(axes, x, y, x**2 + y**2, np.arange(1, 6) ** 2)
    axes.plot(*path.T, color=DARK, linewidth=1.2, marker="o", markersize=5)
    axes.annotate("start (-3, 4)", START, xytext=(9, 1), textcoords="offset points", bbox=PLATE)
    axes.plot(0, 0, marker="+", color="black", markersize=11, markeredgewidth=1.6)
    axes.annotate("minimum", (0, 0), xytext=(9, -15), textcoords="offset points", bbox=PLATE)
    axes.set_aspect("equal")
    dress(axes, f"{steps} steps with lr = {rate:g}", "$x_0$", "$x_1$")
    axes.grid(visible=False)
