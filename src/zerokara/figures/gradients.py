"""Numerical gradients in one dimension and in two (book 4.3.3 and 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zerokara._types import Array
from zerokara.draw.saving import new_figure
from zerokara.figures.material import Given
from zerokara.figures.style import DARK, GREEN, WARM, contours, dress
from zerokara.gradient import numerical_diff, numerical_gradient

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(given: Given, *, arrows: int = 15) -> Figure:
    """Tangents of 0.01 x^2 + 0.1 x, and the arrows downhill of x0^2 + x1^2."""
    figure = new_figure("figures: gradients", 10.4, 4.8, None)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    _tangents(left)
    _arrows(right, arrows)
    figure.suptitle("Numerical gradients, by central differences")
    return figure


def parabola(x: Array) -> Array:
    """The book's function of one variable (4.3.3)."""
    return np.asarray(0.01 * x**2 + 0.1 * x)


def bowl(x: Array) -> Array:
    """The book's function of two variables (4.3.3)."""
    return np.asarray(np.sum(x**2))


def _tangents(axes: Axes) -> None:
    x = np.arange(0.0, 20.0, 0.1)
    axes.plot(x, parabola(x), color=DARK, linewidth=2.0, label="y = 0.01 x² + 0.1 x")
    for at, color, style, marker in (
        (5.0, WARM, (0, (6, 2)), "o"),
        (10.0, GREEN, (0, (2, 1)), "s"),
    ):
        slope = float(numerical_diff(parabola, at))
        height = float(parabola(np.array(at)))
        axes.plot(
            x,
            height + slope * (x - at),
            color=color,
            linestyle=style,
            linewidth=1.6,
            label=f"tangent at x = {at:g}: slope {slope:.3g}",
        )
        axes.plot(at, height, marker=marker, color=color, markersize=8, markeredgecolor="black")
    axes.set_ylim(-1.5, 6.5)
    axes.legend(frameon=False, loc="upper left")
    dress(axes, "One dimension: the slope of the tangent", "x", "y")


def _arrows(axes: Axes, count: int) -> None:
    ticks = np.linspace(-2.0, 2.0, count)
    places = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    slopes = np.array([numerical_gradient(bowl, place) for place in places])
    fine = np.linspace(-2.3, 2.3, 120)
    x, y = np.meshgrid(fine, fine)
    contours(axes, x, y, x**2 + y**2, np.arange(0.5, 10.0, 1.0))
    axes.quiver(*places.T, *-slopes.T, angles="xy", color="#333333", width=0.0035)
    axes.set_aspect("equal")
    dress(axes, "Two dimensions: minus the gradient of $x_0^2 + x_1^2$", "$x_0$", "$x_1$")
    axes.grid(visible=False)
