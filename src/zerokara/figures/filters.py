"""Filters of the first convolution, before and after training (book 7.6.1)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from zerokara.draw.saving import new_figure
from zerokara.figures.convolutional import simple_conv_net, train_it
from zerokara.figures.material import Given

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
EDGE = "#8a8a8a"  # else white weights would melt into the page


def draw(given: Given, *, steps: int = 1500) -> Figure:
    """The 30 filters of SimpleConvNet, each in its own scale: noise first, then edges and blobs."""
    net = simple_conv_net(given)
    before = net.params["W1"].copy()
    train_it(net, given, steps)
    rows = math.ceil(len(before) / COLUMNS)
    figure = new_figure("figures: filters", 8.6, 0.62 * rows + 1.5, None)
    halves: Any = figure.subfigures(1, 2, wspace=0.06)
    sides = {"before training": before, f"after {steps} steps": net.params["W1"]}
    for half, (name, weights) in zip(halves, sides.items(), strict=True):
        half.suptitle(name, fontsize=10)
        panels = half.subplots(rows, COLUMNS, squeeze=False).ravel()
        for place in panels[len(weights) :]:
            place.axis("off")
        for place, weight in zip(panels, weights, strict=False):
            place.imshow(weight[0], cmap="gray", interpolation="nearest")
            place.set_xticks([])
            place.set_yticks([])
            place.spines[:].set_color(EDGE)
    figure.suptitle(
        f"Filters of SimpleConvNet, each from its least weight (black) to its greatest (white)\n"
        f"trained with Adam on {given.material.about()}",
        fontsize=11,
    )
    return figure
