"""The digits that a convolutional network gets wrong (book 8.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokara.draw.images import plot_mistakes
from zerokara.figures.convolutional import simple_conv_net, train_it
from zerokara.figures.material import Given

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(given: Given, *, steps: int = 1500, most: int = 40) -> Figure:
    """The most certain mistakes among the test images, with the true and the predicted digit."""
    net = simple_conv_net(given)
    train_it(net, given, steps)
    x, t = given.material.test
    figure = plot_mistakes(net, x, t, most=most)
    title = f"Mistakes of SimpleConvNet after {steps} steps of Adam\non {given.material.about()}"
    # Rows closer together, and no narrower than the title.
    figure.set_size_inches(max(figure.get_figwidth(), 5.6), figure.get_figheight() * 0.94)
    figure.suptitle(f"{title}\n{figure.get_suptitle()}", fontsize=10)
    return figure
