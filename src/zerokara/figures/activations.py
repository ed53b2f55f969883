"""Activation functions and their slopes (book 3.2, 5.5; the later ones are of the papers)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zerokara import functions
from zerokara.draw.saving import new_figure
from zerokara.figures.material import Given
from zerokara.figures.style import DARK, WARM, dress
from zerokara.layers import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAYERS = (Sigmoid, Tanh, ReLU, LeakyReLU, ELU, GELU, SiLU, Softplus)


def draw(given: Given, *, points: int = 401) -> Figure:
    """The step function and eight layers; each slope is what the layer's `backward` returns."""
    figure = new_figure("figures: activations", 8.4, 7.4, None)
    panels = figure.subplots(3, 3, sharex=True, sharey=True).ravel()
    x = np.linspace(-4.0, 4.0, points)
    panels[0].plot(x, functions.step(x), color=DARK, linewidth=2.0)
    panels[0].text(-3.8, 1.55, "its slope is 0:\nnothing to learn from", fontsize=8.5)
    dress(panels[0], "step", "", "y")
    for place, kind in zip(panels[1:], LAYERS, strict=True):
        layer = kind()
        y = layer.forward(x)
        place.plot(x, y, color=DARK, linewidth=2.0, label="y")
        slope = layer.backward(np.ones_like(x))
        place.plot(x, slope, color=WARM, linewidth=1.8, linestyle=(0, (5, 2)), label="dy/dx")
        dress(place, kind.__name__, "", "")
    for place in panels:
        place.set_ylim(-1.25, 2.25)
        place.axhline(0, color="#9a9a9a", linewidth=0.8, zorder=1)
        place.axvline(0, color="#9a9a9a", linewidth=0.8, zorder=1)
    for place in panels[6:]:
        place.set_xlabel("x")
    for place in panels[::3]:
        place.set_ylabel("y, dy/dx")
    panels[1].legend(frameon=False, loc="upper left")
    figure.suptitle("Activation functions and their slopes")
    return figure
