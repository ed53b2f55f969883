"""The front door of the engine: a network, an optimizer and data become one callable."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara import native
from zerokara._types import Array
from zerokara.engine.assemble import assemble, python_calls
from zerokara.engine.describe import ProgramText, describe
from zerokara.engine.eager import EagerStep
from zerokara.engine.fusion import fuse
from zerokara.engine.lowering import lower
from zerokara.engine.memory import lay_out
from zerokara.engine.samples import Samples, checked_samples
from zerokara.engine.settings import has_kernel, settings
from zerokara.engine.sources import source, targets
from zerokara.errors import ArgumentError, DtypeError
from zerokara.network import Network
from zerokara.optimizers import Optimizer


def compile_step(
    net: Network, optimizer: Optimizer, x: Any, t: Any, *, batch_size: int = 100
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
    samples = checked_samples(net, (x, t), "data", where="compile_step")
    return step_for(net, optimizer, samples, batch_size)


def step_for(
    net: Network, optimizer: Optimizer, samples: Samples, batch_size: int
) -> CompiledStep | EagerStep:
    """`compile_step` on samples that have been checked."""
    if batch_size < 1:
        raise ArgumentError(f"compile_step: batch_size must be 1 or more, got {batch_size}")
    if not native.available:
        return EagerStep(net, optimizer, samples, f"the native core is {native.reason}")
    if not has_kernel(optimizer):
        return EagerStep(net, optimizer, samples, f"{type(optimizer).__name__} has no kernel")
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
        self._plan = lower(net, training=True)
        fuse(self._plan)
        lay_out(self._plan, batch_size, net.dtype.itemsize)
        slots = optimizer.slots_for("", net.flat_params)
        state = [slots[name] for name in optimizer.slots]
        self._native = assemble(net, self._plan, state)
        self._sources = [source(samples.inputs[name], net.dtype) for name in net.inputs]
        self._labels, self._numbers = targets(net, samples.t)
        self._batch = np.zeros(0, np.int64)
        self._position = 0
        self._bounds = np.zeros(1, np.int64)
        self._indices = self._batch
        self._python = python_calls(net, self._plan, self._native, self._targets_of_batch)

    @property
    def program(self) -> ProgramText:
        """The program in words: its kernels, shapes, fusions and memory."""
        packed = self._native.packed_size()
        return describe(self.net, self._plan, packed, repr(self.optimizer))

    def __call__(self, indices: npt.ArrayLike) -> float:
        """The mean loss of the samples at `indices`, and then one update.

        Raises:
            ArgumentError: an index out of range, or more of them than the batch size.
        """
        batch = np.ascontiguousarray(indices, np.int64)
        return float(self.run(batch, np.array([0, len(batch)]))[-1])

    def run(self, indices: npt.ArrayLike, bounds: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Many steps in one call, with the GIL let go; see `compile_step`."""
        drawn, cuts = self._checked(indices, bounds)
        losses = np.empty(max(len(cuts) - 1, 0))
        self._indices, self._bounds, self._position = drawn, cuts, 0
        # What overflows in a Python layer shows in the loss; its warning would come before that.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            count = self._native.train(
                self._sources,
                self._labels,
                self._numbers,
                drawn,
                cuts,
                settings(self.optimizer),
                losses,
                self._python,
            )
        losses = losses[:count]
        ended_early = bool(count) and not np.isfinite(losses[-1])
        self.optimizer.steps += count - int(ended_early)
        return losses

    def _checked(
        self, indices: npt.ArrayLike, bounds: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        drawn = np.ascontiguousarray(indices, np.int64)
        cuts = np.ascontiguousarray(bounds, np.int64)
        if drawn.ndim != 1 or cuts.ndim != 1:
            raise ArgumentError(
                f"step: indices and bounds must be vectors, got {drawn.shape}, {cuts.shape}"
            )
        if len(cuts):
            sizes = np.diff(cuts)
            if cuts[0] < 0 or cuts[-1] > len(drawn) or (len(sizes) and sizes.min() < 1):
                raise ArgumentError("step: bounds must rise and stay within the indices")
            if len(sizes) and sizes.max() > self.batch_size:
                raise ArgumentError(
                    f"step: a batch of {sizes.max()} samples, but the program was made for at "
                    f"most {self.batch_size}; give compile_step a larger batch_size"
                )
        if len(drawn) and (drawn.min() < 0 or drawn.max() >= len(self._samples)):
            bad = int(drawn.min()) if drawn.min() < 0 else int(drawn.max())
            raise ArgumentError(
                f"step: index {bad} is out of range for {len(self._samples)} samples"
            )
        return drawn, cuts

    def _targets_of_batch(self) -> Array:
        """The targets of the batch at work, for a loss that runs in Python."""
        first, last = self._bounds[self._position], self._bounds[self._position + 1]
        self._position += 1
        return np.asarray(self._samples.t[self._indices[first:last]])
