"""The front door of the engine: a network, an optimizer and data become one callable."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara import native
from zerokara.engine.assemble import Targets, assemble, python_calls
from zerokara.engine.batches import checked_batch, checked_batches, checked_size, in_range
from zerokara.engine.describe import ProgramText, describe
from zerokara.engine.eager import EagerStep
from zerokara.engine.fusion import fuse
from zerokara.engine.lowering import lower
from zerokara.engine.memory import lay_out
from zerokara.engine.samples import Samples, checked_samples
from zerokara.engine.settings import has_kernel, settings
from zerokara.engine.sources import source, targets
from zerokara.errors import DtypeError
from zerokara.network import Network
from zerokara.optimizers import Optimizer


def compile_step(
    net: Network,
    optimizer: Optimizer,
    x: Any,
    t: Any,
    *,
    batch_size: int = 100,
    sample_weight: Any = None,
) -> CompiledStep | EagerStep:
    """One training step as a program: draw the batch, forward, loss, backward, update.

    The program works on the network's and the optimizer's own arrays. It reads `x` and `t` where
    they are; do not change them while it is in use. `net.grads` is filled only where the program
    needs it (gradient clipping, layers without a kernel).

    Args:
        net: a network with a loss.
        optimizer: what changes its parameters.
        x: an array or `zerokara.data.Pixels` of shape (N, *input shape), or a mapping of input
            names to such.
        t: targets of N samples.
        batch_size: the most samples that one step will be given.
        sample_weight: how much each sample counts, (N,), 0 or more; by default all alike.

    Returns:
        An object with two calls: ``step(indices) -> float``, the mean loss of these samples before
        the update; and ``step.run(indices, bounds) -> float64 losses``, many steps, where batch i
        is ``indices[bounds[i]:bounds[i + 1]]``. A loss that is NaN or infinite ends the run, is
        the last one returned, and has no update. ``step.program`` says what runs. Without the
        native core, or with an optimizer of the user's own, the same calls run the maths.

    Raises:
        ArgumentError, ShapeError, DtypeError, LabelError: what does not fit, before any work.
    """
    if not isinstance(net, Network) or not isinstance(optimizer, Optimizer):
        raise DtypeError(
            "compile_step: expected a Network and an Optimizer, got "
            f"{type(net).__name__} and {type(optimizer).__name__}"
        )
    samples = checked_samples(net, (x, t), "data", "compile_step", sample_weight)
    return step_for(net, optimizer, samples, batch_size)


def step_for(
    net: Network, optimizer: Optimizer, samples: Samples, batch_size: int
) -> CompiledStep | EagerStep:
    """`compile_step` on samples that have been checked."""
    batch_size = checked_size(batch_size)
    if not native.available:
        return EagerStep(net, optimizer, samples, batch_size, f"the native core is {native.reason}")
    if not has_kernel(optimizer):
        why = f"{type(optimizer).__name__} has no kernel"
        return EagerStep(net, optimizer, samples, batch_size, why)
    return CompiledStep(net, optimizer, samples, batch_size)


class CompiledStep:
    """A training step in one native call; made by `compile_step`."""

    def __init__(
        self, net: Network, optimizer: Optimizer, samples: Samples, batch_size: int
    ) -> None:
        self.net = net
        self.optimizer = optimizer
        self.batch_size = batch_size
        self._samples = samples
        self._plan = lower(net, training=True, weighted=samples.weight is not None)
        fuse(self._plan)
        lay_out(self._plan, batch_size, net.dtype.itemsize, native.lanes(net.dtype))
        slots = optimizer.slots_for("", net.flat_params)
        state = [slots[name] for name in optimizer.slots]
        self._native = assemble(net, self._plan, state)
        self._isa = native.isa()
        self._sources = [source(samples.inputs[name], net.dtype) for name in net.inputs]
        self._labels, self._numbers = targets(net, samples.t)
        self._indices = self._bounds = np.zeros(1, np.int64)
        self._position = 0
        self._whole: dict[int, npt.NDArray[np.int64]] = {}
        self._loss = np.zeros(1)
        # Two Python threads take turns, from the optimizer's step count on; a layer that steps the
        # network that it is part of comes in again, and the core says what is wrong.
        self._busy = threading.RLock()
        self._python = python_calls(net, self._plan, self._native, self._targets_of_batch)

    @property
    def program(self) -> ProgramText:
        """The program in words: its kernels, shapes, fusions and memory."""
        packed, zeros = self._native.packed_size(), self._native.leaves_zeros_out()
        return describe(self.net, self._plan, self._isa, packed, zeros, repr(self.optimizer))

    def __call__(self, indices: npt.ArrayLike) -> float:
        """The mean loss of the samples at `indices`, and then one update.

        Raises:
            ArgumentError: no index, one out of range, or more of them than the batch size.
            DtypeError: indices that are no integers.
        """
        batch = checked_batch(indices, self.batch_size)
        bounds = self._whole.get(len(batch))
        if bounds is None:
            bounds = self._whole[len(batch)] = np.array([0, len(batch)])
        with self._busy:
            try:
                self._train(batch, bounds, self._loss)
            except IndexError:
                # The core looks at every index before it begins; a wrong one is named here.
                in_range(batch, len(self._samples))
                raise
            return float(self._loss[0])

    def run(self, indices: npt.ArrayLike, bounds: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Many steps in one call, with the GIL let go; see `compile_step`."""
        drawn, cuts = checked_batches(indices, bounds, self.batch_size, len(self._samples))
        losses = np.empty(max(len(cuts) - 1, 0))
        return losses[: self._train(drawn, cuts, losses)]

    def _train(
        self,
        indices: npt.NDArray[np.int64],
        bounds: npt.NDArray[np.int64],
        losses: npt.NDArray[np.float64],
    ) -> int:
        """Run the native program; how many losses it wrote. The core checks every index."""
        with self._busy:
            return self._train_alone(indices, bounds, losses)

    def _train_alone(
        self,
        indices: npt.NDArray[np.int64],
        bounds: npt.NDArray[np.int64],
        losses: npt.NDArray[np.float64],
    ) -> int:
        self._indices, self._bounds, self._position = indices, bounds, 0
        arguments = (
            self._sources,
            self._labels,
            self._numbers,
            indices,
            bounds,
            settings(self.optimizer),
            # A schedule has a rate of its own for each step.
            None if self.optimizer.schedule is None else self.optimizer.lrs(len(bounds) - 1),
            losses,
            self._python,
        )
        if self._python is None:
            count: int = self._native.train(*arguments)
        else:
            count = self._train_with_python(arguments, losses)
        ended_early = count > 0 and not math.isfinite(losses[count - 1])
        self.optimizer.steps += count - int(ended_early)
        return count

    def _train_with_python(
        self, arguments: tuple[Any, ...], losses: npt.NDArray[np.float64]
    ) -> int:
        losses.fill(np.nan)
        try:
            # What overflows in a Python layer shows in the loss; its warning would come before.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                count: int = self._native.train(*arguments)
        except BaseException:
            # A layer raised: the steps before it have been made, and have their losses.
            self.optimizer.steps += int(np.isfinite(losses).cumprod().sum())
            raise
        return count

    def _targets_of_batch(self) -> Targets:
        """The targets of the batch at work and their weights, for a loss that runs in Python."""
        first, last = self._bounds[self._position], self._bounds[self._position + 1]
        self._position += 1
        batch, weight = self._indices[first:last], self._samples.weight
        return np.asarray(self._samples.t[batch]), None if weight is None else weight[batch]
