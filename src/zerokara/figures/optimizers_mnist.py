"""Optimizers on handwritten digits (book 6.1.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokara.draw.saving import new_figure
from zerokara.figures.losses import loss_curves
from zerokara.figures.material import Given
from zerokara.figures.training import trained
from zerokara.models import MultiLayerNet
from zerokara.optimizers import SGD, AdaGrad, Adam, Momentum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN = (100, 100, 100, 100)
BATCH = 128


def draw(given: Given, *, steps: int = 2000) -> Figure:
    """The loss of the same network from the same start under four rules, with the book's rates."""
    figure = new_figure("figures: optimizers-mnist", 7.6, 4.8, None)
    train, test = given.material.train_rows(), given.material.test_rows()
    found = {}
    for rule in (SGD(0.01), Momentum(0.01), AdaGrad(0.01), Adam(0.001)):
        net = MultiLayerNet(given.material.inputs, HIDDEN, 10, rng=given.seed)
        history, _ = trained(
            net, train, rule, batch_size=BATCH, steps=steps, seed=given.seed, evaluate=False
        )
        name = f"{type(rule).__name__}, lr {rule.lr:g}"
        found[f"{name}: test accuracy {net.accuracy(*test):.1%}"] = history.loss
    loss_curves(figure.subplots(), found, f"4 hidden layers of 100, ReLU, batches of {BATCH}")
    figure.suptitle(f"Optimizers on {given.material.about()}")
    return figure
