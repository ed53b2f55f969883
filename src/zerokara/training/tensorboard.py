"""TensorBoard: a callback that writes event files while `fit` runs (extra `tensorboard`)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from zerokara.errors import ArgumentError, DataError, MissingExtraError
from zerokara.training.callbacks import Callback
from zerokara.training.run import Run

FOLDER = "tensorboard"
"""Inside a run directory, where no other folder is given."""


class TensorBoard(Callback):
    """Writes what the history holds, for ``tensorboard --logdir FOLDER``, while it comes to be.

    Each step's `loss`; after each epoch those of `accuracy/train`, `accuracy/test`,
    `accuracy/validation` and `loss/validation` that are measured. All stand over the step, counted
    from 1. A training that is resumed writes on in the same folder: what a killed one had written
    beyond its checkpoint is then hidden by TensorBoard.

    Args:
        folder: where; by default ``tensorboard`` in the `out` of `fit`.
        every: of how many steps one loss is written.

    Raises:
        ArgumentError: `every` below 1; or, when the training begins, neither a folder nor `out`.
        MissingExtraError: tensorboardX, which writes the files, is not installed.
        DataError: the folder cannot be written in.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, every: int = 1) -> None:
        if every < 1:
            raise ArgumentError(f"TensorBoard: every must be 1 or more, got {every}")
        try:
            import tensorboardX
        except ImportError as error:
            raise MissingExtraError(
                f"TensorBoard files need tensorboardX ({error}): "
                "pip install 'zerokara[tensorboard]'"
            ) from None
        self._make: Any = tensorboardX.SummaryWriter
        self.folder = None if folder is None else Path(folder)
        self.every = int(every)
        self._writer: Any = None
        self._losses = 0

    def on_train_begin(self, run: Run) -> None:
        """Open a new event file."""
        folder = self.folder
        if folder is None:
            if run.out is None:
                raise ArgumentError("TensorBoard: give a folder, or fit(..., out=...)")
            folder = run.out / FOLDER
        self._losses = run.step
        purge = run.step + 1 if run.step else None
        # A file is named by the second, so that two of the same second would be one.
        unique = f".{os.getpid()}.{time.monotonic_ns():020}"
        try:
            self._writer = self._make(str(folder), purge_step=purge, filename_suffix=unique)
        except OSError as error:
            raise DataError(f"TensorBoard: {folder}: {error.strerror or error}") from None

    def on_chunk_end(self, run: Run) -> None:
        """Write the losses of the steps since the last time."""
        for step in range(self._losses + 1, run.step + 1):
            if step % self.every == 0:
                self._writer.add_scalar("loss", run.history.loss[step - 1], step)
        self._losses = run.step

    def on_epoch_end(self, run: Run) -> None:
        """Write what was measured after the epoch."""
        history = run.history
        for name, values in (
            ("accuracy/train", history.train_accuracy),
            ("accuracy/test", history.test_accuracy),
            ("accuracy/validation", history.validation_accuracy),
            ("loss/validation", history.validation_loss),
        ):
            if values:
                self._writer.add_scalar(name, values[-1], run.step)
        self._writer.flush()

    def on_train_end(self, run: Run) -> None:
        """Write what is left and close the file."""
        if self._writer is not None:
            self.on_chunk_end(run)
            self._writer.close()
            self._writer = None
