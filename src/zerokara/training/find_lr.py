"""find_lr: the loss at rising learning rates, and a rate to begin with (Smith 2017)."""

from __future__ import annotations

import copy
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zerokara.data.batches import Batches
from zerokara.engine.compile import step_for
from zerokara.engine.samples import checked_samples
from zerokara.errors import ArgumentError, DtypeError
from zerokara.network import Network
from zerokara.optimizers import SGD, Optimizer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOOTHING = 0.9
"""Of the running mean of the losses, the share that stays at each step."""

WORSE = 4.0
"""So many times the least loss so far ends the search: it has diverged."""

SAFE = 10.0
"""The rate suggested is the one of the least loss, divided by this. There the loss is about to
rise, and what has momentum has felt the rate of a few steps only."""

PALE, DARK, WARM = "#bccbdd", "#1f4e79", "#e08a3c"


@dataclass(frozen=True)
class RateSearch:
    """What `find_lr` found.

    Attributes:
        lrs: the learning rate of each step, rising; (steps,).
        losses: the batch losses before these steps.
        smoothed: their running mean.
        suggestion: a rate to begin with.
        diverged: whether the search ended because the loss rose or was no number.
    """

    lrs: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    smoothed: npt.NDArray[np.float64]
    suggestion: float
    diverged: bool

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw the losses over the rates as a matplotlib figure; save it where a path is given.

        Raises:
            MissingExtraError: matplotlib is not installed.
            ArgumentError: a path whose ending is no picture format.
            DataError: the file cannot be written.
        """
        from zerokara.draw.saving import new_figure, save_figure

        figure = new_figure("RateSearch.plot", 5.6, 3.8, path)
        axes = figure.subplots()
        axes.plot(self.lrs, self.losses, color=PALE, linewidth=0.8, label="each batch")
        axes.plot(self.lrs, self.smoothed, color=DARK, linewidth=1.8, label="running mean")
        name = f"suggestion {self.suggestion:.2g}"
        axes.axvline(self.suggestion, color=WARM, linewidth=1.6, linestyle=(0, (5, 2)), label=name)
        # Where it diverges, a few losses would press all others flat.
        most = WORSE * float(self.smoothed.min())
        top = max(float(self.smoothed[0]), min(float(self.smoothed.max()), most))
        least = min(float(self.losses.min()), 0.0)
        axes.set_ylim(least, least + 1.25 * (top - least) or 1.0)
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.set_title("Loss at rising learning rates")
        axes.grid(color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower left")
        save_figure(figure, path)
        return figure

    def __repr__(self) -> str:
        end = ", diverged" if self.diverged else ""
        return (
            f"<RateSearch: {len(self.lrs)} steps, lr {self.lrs[0]:.2g} to {self.lrs[-1]:.2g}{end}; "
            f"suggestion {self.suggestion:.2g}>"
        )


def find_lr(
    net: Network,
    x: Any,
    t: Any,
    *,
    optimizer: Optimizer | None = None,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    batch_size: int = 100,
    seed: int = 0,
) -> RateSearch:
    """Train a copy with a learning rate that rises from step to step, and look at the loss.

    The network, the optimizer and their random states stay as they are, bit for bit, whatever
    happens: the search works on copies of them.

    Args:
        net: a network with a loss.
        x, t: inputs and targets, as `zk.fit` takes them.
        optimizer: its class, its numbers and its state are used, its rate and its schedule are not;
            by default SGD.
        low, high: the first and the last rate.
        steps: how many; fewer are made where the loss gets out of hand.
        batch_size, seed: of the batches that are drawn.

    Returns:
        The rates, the losses and a suggestion; `plot` draws them.

    Raises:
        ArgumentError, ShapeError, DtypeError, LabelError: what does not fit, before any work.
    """
    optimizer = SGD() if optimizer is None else optimizer
    if not isinstance(net, Network) or not isinstance(optimizer, Optimizer):
        raise DtypeError(
            "find_lr: expected a Network and an Optimizer, got "
            f"{type(net).__name__} and {type(optimizer).__name__}"
        )
    if not 0 < low < high < math.inf:
        raise ArgumentError(f"find_lr: needs 0 < low < high, got low={low} and high={high}")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise ArgumentError(f"find_lr: steps must be a whole number from 2, got {steps!r}")
    samples = checked_samples(net, (x, t), "data", where="find_lr")
    batches = Batches(len(samples), batch_size, "shuffle", seed)
    twin, rule = net.copy(), copy.deepcopy(optimizer)
    rule.schedule = None
    step = step_for(twin, rule, samples, min(batch_size, len(samples)))
    lrs = np.geomspace(low, high, steps)
    losses: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    for number in range(steps):
        rule.lr = float(lrs[number])
        loss = step(batches.batch(number))
        if not math.isfinite(loss):
            break
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        losses.append(loss)
        smoothed.append(mean / (1 - SMOOTHING ** (number + 1)))
        if loss > WORSE * min(smoothed) > 0:
            break
    if not losses:
        raise ArgumentError(
            f"find_lr: the first loss is {loss}; see zk.diagnose(net, x, t) for what is wrong"
        )
    means, count = np.array(smoothed), len(losses)
    return RateSearch(
        lrs=lrs[:count],
        losses=np.array(losses),
        smoothed=means,
        suggestion=float(lrs[int(means.argmin())]) / SAFE,
        diverged=len(losses) < steps or losses[-1] > WORSE * float(means.min()),
    )
