"""A training for a figure: Ctrl-C ends the figure too, and a loss that overflows ends a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerokara.errors import DivergedError
from zerokara.training import Callback, History
from zerokara.training.fit import fit

if TYPE_CHECKING:
    from zerokara.network import Network
    from zerokara.optimizers import Optimizer
    from zerokara.training.run import Run


class _Record(Callback):
    """Keeps hold of the history, which a training that diverges does not return."""

    def __init__(self) -> None:
        self.history = History()

    def on_train_begin(self, run: Run) -> None:
        self.history = run.history


class Measured(Callback):
    """Accuracies after the first epoch and every few: each measurement takes as long as steps.

    Attributes:
        epochs: after which it was measured.
        found: by the name of each set, its accuracies.
    """

    def __init__(self, every: int, **sets: tuple[Any, Any]) -> None:
        self.every = every
        self.sets = sets
        self.epochs: list[int] = []
        self.found: dict[str, list[float]] = {name: [] for name in sets}

    def on_epoch_end(self, run: Run) -> None:
        if run.epoch == 1 or run.epoch % self.every == 0:
            self.epochs.append(run.epoch)
            for name, samples in self.sets.items():
                self.found[name].append(run.net.accuracy(*samples))


def trained(
    net: Network,
    train: tuple[Any, Any],
    optimizer: Optimizer,
    *,
    callbacks: tuple[Callback, ...] = (),
    **options: Any,
) -> tuple[History, bool]:
    """What `fit` recorded, and whether the loss stayed finite.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; `fit` alone would only end this training.
    """
    record = _Record()
    try:
        history = fit(net, train, optimizer=optimizer, callbacks=(record, *callbacks), **options)
    except DivergedError:
        return record.history, False
    if history.interrupted:
        raise KeyboardInterrupt
    return history, True
