"""A random search over learning rate and weight decay (book 6.5.2, 6.5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zerokara._types import Array
from zerokara.data.pixels import Pixels
from zerokara.draw.saving import new_figure
from zerokara.figures.material import Given
from zerokara.figures.style import TEST, TRAIN, curve, dress, percent
from zerokara.figures.training import Measured, trained
from zerokara.models import MultiLayerNet
from zerokara.optimizers import SGD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVERY = 2  # epochs between measurements


@dataclass(frozen=True)
class Trial:
    """One draw of both numbers, and how it went."""

    lr: float
    decay: float
    measured: Measured

    @property
    def accuracy(self) -> float:
        """On the validation images, when last measured; 0 where no epoch came to its end."""
        reached = self.measured.found["validation"]
        return reached[-1] if reached else 0.0


def draw(
    given: Given, *, images: int = 500, trials: int = 100, epochs: int = 50, shown: int = 20
) -> Figure:
    """The best trials by their last accuracy on a fifth of the images, which is kept out."""
    figure = new_figure("figures: search", 10.2, 8.2, None)
    found = searched(given, images, trials, epochs)
    best = sorted(found, key=lambda trial: -trial.accuracy)[:shown]
    columns = min(5, len(best))
    rows = -(-len(best) // columns)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place in panels.ravel()[len(best) :]:
        place.axis("off")
    for number, (place, trial) in enumerate(zip(panels.ravel(), best, strict=False), 1):
        for name, stroke in (("train", TRAIN), ("validation", TEST)):
            curve(place, trial.measured.epochs, trial.measured.found[name], stroke, name, 5)
        title = f"{number}: {trial.accuracy:.1%}\nlr {trial.lr:.1e}, decay {trial.decay:.0e}"
        dress(place, title, "", "")
        place.set_title(title, fontsize=8.5)
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
        f"Random search: the best {len(best)} of {trials} trials, by the last validation accuracy\n"
        f"6 hidden layers of 100, SGD; {given.material.about(images)}, a fifth for validation"
    )
    return figure


def searched(given: Given, images: int, trials: int, epochs: int) -> list[Trial]:
    """Trials with lr from 1e-6 to 1e-2 and weight decay from 1e-8 to 1e-4, even in logarithms."""
    rng = np.random.default_rng(given.seed)
    train, validation = split(given.material.train_rows(images))
    found = []
    for _ in range(trials):
        decay, lr = float(10 ** rng.uniform(-8, -4)), float(10 ** rng.uniform(-6, -2))
        net = MultiLayerNet(given.material.inputs, [100] * 6, 10, rng=given.seed)
        measured = Measured(EVERY, train=train, validation=validation)
        trained(
            net,
            train,
            SGD(lr, weight_decay=decay),
            epochs=epochs,
            seed=given.seed,
            evaluate=False,
            callbacks=(measured,),
        )
        found.append(Trial(lr, decay, measured))
    return found


def split(samples: tuple[Pixels, Array]) -> tuple[tuple[Pixels, Array], tuple[Pixels, Array]]:
    """All but the last fifth, and that fifth; the images stand in no order."""
    x, t = samples
    first = len(t) - len(t) // 5
    return (x[:first], t[:first]), (x[first:], t[first:])
