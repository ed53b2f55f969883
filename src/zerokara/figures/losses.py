"""Curves of several trainings' losses in one panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from zerokara.draw.plots import full_means
from zerokara.figures.style import STROKES, curve, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def loss_curves(axes: Axes, losses: Mapping[str, Sequence[float]], title: str) -> None:
    """The losses of up to four trainings by step, each smoothed over about a fortieth of it."""
    width = 1
    for (name, values), stroke in zip(losses.items(), STROKES, strict=False):
        width = max(len(values) // 40, 1) // 2 * 2 + 1
        mean = full_means(np.asarray(values, np.float64), width)
        curve(axes, np.arange(1, len(mean) + 1), mean, stroke, name, 12)
    _powers(axes)
    axes.legend(frameon=False, fontsize=9, handlelength=3.2)
    mean_of = f"loss, mean of {width} batches" if width > 1 else "loss of each batch"
    dress(axes, title, "step", mean_of)


def _powers(axes: Axes) -> None:
    """A logarithmic height with plain numbers; within two powers also at 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    between = (1.0, 2.0, 5.0) if high < 100 * low else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=between))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
