"""Batch normalization against none over a grid of initial scales (book 6.3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zerokara.draw.saving import new_figure
from zerokara.figures.material import Given
from zerokara.figures.style import STROKES, curve, dress, percent
from zerokara.figures.training import trained
from zerokara.models import MultiLayerNetExtend
from zerokara.optimizers import SGD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATE = 0.01
NAMES = {True: "with batch normalization", False: "without"}


def draw(
    given: Given, *, scales: int = 16, images: int = 1000, epochs: int = 20, layers: int = 5
) -> Figure:
    """The accuracy on the training images, for standard deviations from 1 down to 0.0001."""
    figure = new_figure("figures: batch-norm", 9.6, 8.6, None)
    columns = min(4, scales)
    rows = -(-scales // columns)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place in panels.ravel()[scales:]:
        place.axis("off")
    for place, std in zip(panels.ravel(), np.logspace(0, -4, scales), strict=False):
        _compare(place, given, float(std), images, epochs, layers)
        percent(place)
    for place in panels[:, 0]:
        place.set_ylabel("accuracy")
    for place in panels[-1]:
        place.set_xlabel("epoch")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2, frameon=False, handlelength=3.2
    )
    figure.suptitle(
        f"Batch normalization by the standard deviation of the initial weights\n"
        f"accuracy on {given.material.about(images)}; {layers} hidden layers of 100, SGD {RATE}"
    )
    return figure


def _compare(axes: Axes, given: Given, std: float, images: int, epochs: int, layers: int) -> None:
    dress(axes, f"std = {std:.2g}", "", "")
    for normalized, stroke in zip((True, False), STROKES, strict=False):
        net = MultiLayerNetExtend(
            given.material.inputs,
            [100] * layers,
            10,
            weight_init_std=std,
            use_batchnorm=normalized,
            rng=given.seed,
        )
        history, finite = trained(
            net, given.material.train_rows(images), SGD(RATE), epochs=epochs, seed=given.seed
        )
        reached = history.train_accuracy
        curve(axes, np.arange(1, len(reached) + 1), reached, stroke, NAMES[normalized], 5)
        if not finite:
            words = f"{NAMES[normalized]}: loss\noverflowed in step {history.steps + 1}"
            axes.text(0.96, 0.06, words, transform=axes.transAxes, ha="right", fontsize=7.5)
