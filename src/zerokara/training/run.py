"""Run: where a training stands, as its callbacks see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zerokara.network import Network
from zerokara.optimizers import Optimizer
from zerokara.training.history import History


@dataclass
class Run:
    """One call of `fit`. Callbacks read it; of its fields they may set `stop`."""

    net: Network
    optimizer: Optimizer
    history: History
    total_steps: int
    steps_per_epoch: int
    out: Path | None = None
    epoch: int = 0  #: the epoch at work, counted from 1; 0 before the first
    step: int = 0  #: steps done
    stop: bool = False  #: set to True, it ends the training after the steps at work
    resumed: int = 0  #: steps that were done when it was taken up again

    @property
    def total_epochs(self) -> int:
        """How many epochs `total_steps` are, the last one perhaps a part."""
        return -(-self.total_steps // self.steps_per_epoch)
