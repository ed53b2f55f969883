"""Initial weights compared in training (book 6.2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokara.draw.saving import new_figure
from zerokara.figures.losses import loss_curves
from zerokara.figures.material import Given
from zerokara.figures.training import trained
from zerokara.models import MultiLayerNet
from zerokara.optimizers import SGD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STARTS: dict[str, str | float] = {"std = 0.01": 0.01, "Xavier": "xavier", "He": "he"}
BATCH = 128


def draw(given: Given, *, steps: int = 2000) -> Figure:
    """The loss of a network with ReLU from three starts, with SGD."""
    figure = new_figure("figures: initial-values", 7.6, 4.8, None)
    train, test = given.material.train_rows(), given.material.test_rows()
    found = {}
    for name, start in STARTS.items():
        net = MultiLayerNet(
            given.material.inputs, [100] * 4, 10, weight_init_std=start, rng=given.seed
        )
        history, _ = trained(
            net, train, SGD(0.01), batch_size=BATCH, steps=steps, seed=given.seed, evaluate=False
        )
        found[f"{name}: test accuracy {net.accuracy(*test):.1%}"] = history.loss
    title = f"4 hidden layers of 100, ReLU, SGD with lr 0.01, batches of {BATCH}"
    loss_curves(figure.subplots(), found, title)
    figure.suptitle(f"Initial weights on {given.material.about()}")
    return figure
