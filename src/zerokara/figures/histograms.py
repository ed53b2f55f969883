"""How activations spread, layer by layer, by initial weights (book 6.2.2, 6.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zerokara._types import Array
from zerokara.draw.saving import new_figure
from zerokara.figures.material import Given
from zerokara.figures.style import DARK, WARM
from zerokara.initializers import initializer
from zerokara.layers import Affine, ReLU, Sigmoid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEEP, WIDE = 5, 100
HIGHEST = 0.8
ROWS: tuple[tuple[type[Sigmoid] | type[ReLU], str, str | float], ...] = (
    (Sigmoid, "std = 1", 1.0),
    (Sigmoid, "std = 0.01", 0.01),
    (Sigmoid, "Xavier", "xavier"),
    (ReLU, "std = 0.01", 0.01),
    (ReLU, "Xavier", "xavier"),
    (ReLU, "He", "he"),
)


def draw(given: Given, *, images: int = 1000) -> Figure:
    """Real images through five layers of 100, without training; a row for each start."""
    figure = new_figure("figures: histograms", 9.6, 10.2, None)
    pixels = np.asarray(given.material.train_rows(images)[0], np.float64)
    pixels = (pixels - pixels.mean()) / pixels.std()
    panels = figure.subplots(len(ROWS), DEEP, squeeze=False)
    for row, (kind, name, start) in zip(panels, ROWS, strict=True):
        found = activations(pixels, kind, start, given.seed)
        # ReLU has no upper end: what the first layer reaches is the scale of the row.
        most = 1.0 if kind is Sigmoid else float(np.quantile(found[0], 0.998)) or 1.0
        for place, values in zip(row, found, strict=True):
            _histogram(place, values, most, DARK if kind is Sigmoid else WARM)
        row[0].set_yticks([0, 0.4, 0.8], ["0%", "40%", "80%"])
        row[0].set_ylabel(f"{kind.__name__}\n{name}", fontsize=10)
    for number, place in enumerate(panels[0], 1):
        place.set_title(f"layer {number}", fontsize=10)
    for place in panels[-1]:
        place.set_xlabel("activation")
    figure.suptitle(
        f"Activations by initial weights: share of the values (bars above 80% are cut)\n"
        f"{len(pixels):,} images, standardised, through layers of {WIDE}: {given.material.name}"
    )
    return figure


def activations(
    x: Array, kind: type[Sigmoid] | type[ReLU], start: str | float, seed: int
) -> list[Array]:
    """What each layer gives."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(DEEP):
        weights = initializer(start)(x.shape[1], WIDE, (x.shape[1], WIDE), rng, np.float64)
        x = kind().forward(Affine.from_arrays(weights, np.zeros(WIDE)).forward(x))
        found.append(x)
    return found


def _histogram(axes: Axes, values: Array, most: float, color: str) -> None:
    counts, edges = np.histogram(np.minimum(values, most), bins=30, range=(0.0, most))
    share = counts / values.size
    axes.stairs(share, edges, fill=True, color=color, edgecolor="black", linewidth=0.4)
    axes.set_ylim(0, HIGHEST)
    axes.set_yticks([0, 0.4, 0.8], [])
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.text(
        0.97,
        0.95,
        f"mean {values.mean():.2g}\nstd {values.std():.2g}",
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=8,
    )
