"""Training: batches in, a trained network and its history out. `zerokara.fit` is the door."""

from __future__ import annotations

from zerokara.training.callbacks import Callback
from zerokara.training.history import History
from zerokara.training.tensorboard import TensorBoard

__all__ = ["Callback", "History", "TensorBoard"]
