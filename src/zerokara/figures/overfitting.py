"""Overfitting on few images, and what weight decay and dropout do about it (book 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokara.draw.saving import new_figure
from zerokara.figures.material import Given
from zerokara.figures.style import TEST, TRAIN, curve, dress, percent
from zerokara.figures.training import Measured, trained
from zerokara.models import MultiLayerNetExtend
from zerokara.optimizers import SGD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN = [100] * 6
RATE = 0.01
CASES: dict[str, dict[str, float]] = {
    "neither": {},
    "weight decay 0.1": {"weight_decay": 0.1},
    "dropout 0.15": {"dropout": 0.15},
}


def draw(given: Given, *, images: int = 300, epochs: int = 600, every: int = 10) -> Figure:
    """Accuracy on the few training images and on all test images, with each remedy.

    The decay is the optimizer's: it pulls at the biases too, which the book leaves alone.
    """
    figure = new_figure("figures: overfitting", 10.8, 4.2, None)
    panels = figure.subplots(1, len(CASES), sharey=True)
    train, test = given.material.train_rows(images), given.material.test_rows()
    for place, (name, remedy) in zip(panels, CASES.items(), strict=True):
        ratio = remedy.get("dropout", 0.0)
        net = MultiLayerNetExtend(
            given.material.inputs,
            HIDDEN,
            10,
            use_dropout=ratio > 0,
            dropout_ratio=ratio,
            rng=given.seed,
        )
        measured = Measured(every, train=train, test=test)
        trained(
            net,
            train,
            SGD(RATE, weight_decay=remedy.get("weight_decay", 0.0)),
            epochs=epochs,
            seed=given.seed,
            evaluate=False,
            callbacks=(measured,),
        )
        for which, stroke in (("train", TRAIN), ("test", TEST)):
            values = measured.found[which]
            curve(place, measured.epochs, values, stroke, f"{which} (last {values[-1]:.1%})")
        dress(place, name, "epoch", "accuracy" if place is panels[0] else "")
        percent(place)
        place.legend(frameon=False, loc="lower right", handlelength=3.2)
    figure.suptitle(
        f"Overfitting: 6 hidden layers of 100, SGD {RATE}, {given.material.about(images)}"
    )
    return figure
