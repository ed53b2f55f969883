"""How the figures look: curves told apart in colour and in grey, axes with titles and a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerokara._types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DARK, WARM, GREEN, VIOLET = "#1f4e79", "#e08a3c", "#4f9d8f", "#8a4f8f"
GRID = "#e6e6e6"
LEVELS = "cividis_r"  # evenly spaced in lightness, for every eye

# Each differs from the others in lightness, in line and in marker.
STROKES: tuple[dict[str, Any], ...] = (
    {"color": DARK, "linestyle": "-", "marker": "o"},
    {"color": WARM, "linestyle": (0, (6, 2)), "marker": "s"},
    {"color": GREEN, "linestyle": (0, (4, 1.5, 1, 1.5)), "marker": "^"},
    {"color": VIOLET, "linestyle": (0, (1.2, 1.2)), "marker": "D"},
)
TRAIN: dict[str, Any] = {
    "color": WARM,
    "linestyle": (0, (5, 2)),
    "marker": "o",
    "markerfacecolor": "white",
}
TEST: dict[str, Any] = {"color": DARK, "linestyle": "-", "marker": "s"}


def curve(
    axes: Axes, x: Any, y: Any, stroke: dict[str, Any], label: str, markers: int = 10
) -> None:
    """A line with about so many markers on it."""
    count = len(y)
    axes.plot(
        x,
        y,
        **stroke,
        linewidth=1.7,
        markersize=4.5,
        markevery=max(count // markers, 1),
        label=label,
    )


def dress(axes: Axes, title: str, x: str, y: str) -> None:
    """Title, labels, a pale grid and no frame above and to the right."""
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def percent(axes: Axes) -> None:
    """Accuracies from 0 to 100 %."""
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylim(0, 1.03)


def contours(axes: Axes, x: Array, y: Array, z: Array, levels: Any) -> None:
    """Height lines: the darker the higher."""
    axes.contour(x, y, z, levels=levels, cmap=LEVELS, linewidths=0.9)
