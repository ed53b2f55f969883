"""History: what a training did, step by step and epoch by epoch."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from zerokara.errors import DataError, MissingExtraError
from zerokara.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass
class History:
    """The record that `fit` returns.

    Attributes:
        loss: the batch loss of every step.
        train_accuracy, test_accuracy: 0 to 1, one an epoch; empty where nothing was evaluated.
            A last epoch that was cut short counts as one.
        validation_loss, validation_accuracy: of the samples kept out of training, one an epoch.
        seconds: how long it took, evaluation included.
        epochs: epochs that came to their end.
        steps_per_epoch: steps in a whole epoch.
        best_epoch: counted from 1; the epoch whose model was kept, None before the first ended.
        interrupted: whether Ctrl-C ended the training.
        stopped_early: whether patience was at its end before the last epoch.
    """

    loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    seconds: float = 0.0
    epochs: int = 0
    steps_per_epoch: int = 1
    best_epoch: int | None = None
    interrupted: bool = False
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    stopped_early: bool = False

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.loss)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, beside and renamed.

        Raises:
            DataError: the file cannot be written.
        """
        content = json.dumps(asdict(self) | {"steps": self.steps}, allow_nan=False) + "\n"
        try:
            replace_file(path, content.encode())
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: no such file, or no history in it; says which entry is wrong.
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
        except (ValueError, RecursionError):
            raise DataError(f"{path}: is no history (not JSON)") from None
        if isinstance(found, dict):
            found = _added() | found
        wrong = first_wrong(found)
        if wrong:
            raise DataError(f"{path}: is no history ({wrong})")
        found.pop("steps")
        return cls(**found)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw loss and accuracies as a matplotlib figure and save it where a path is given.

        Raises:
            MissingExtraError: matplotlib is not installed.
            ArgumentError: nothing to draw yet, or a path whose ending is no picture format.
            DataError: the file cannot be written.
        """
        from zerokara.draw.plots import plot_history

        return plot_history(self, path)

    def to_pandas(self) -> DataFrame:
        """One row an epoch: its steps, its mean loss, and the accuracies that were measured.

        Columns ``steps`` (done at its end), ``loss`` and, where measured, ``train_accuracy``,
        ``test_accuracy``, ``validation_loss``, ``validation_accuracy``; the index ``epoch`` counts
        from 1. The losses of single steps are ``pandas.Series(history.loss)``.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtraError(
                "to_pandas needs pandas: pip install 'zerokara[pandas]' (or pip install pandas)"
            ) from None
        size = self.steps_per_epoch
        ends = [min(size * (epoch + 1), self.steps) for epoch in range(self.epochs)]
        parts = [self.loss[size * i : end] for i, end in enumerate(ends)]
        columns: dict[str, list[Any]] = {
            "steps": ends,
            "loss": [math.fsum(part) / len(part) if part else math.nan for part in parts],
        }
        for name in ("train_accuracy", "test_accuracy", "validation_loss", "validation_accuracy"):
            if getattr(self, name):
                columns[name] = getattr(self, name)
        return pandas.DataFrame(columns, index=pandas.RangeIndex(1, self.epochs + 1, name="epoch"))

    def __repr__(self) -> str:
        parts = [f"{self.steps} steps", f"{self.epochs} epochs", f"{self.seconds:.1f} s"]
        if self.loss:
            parts.append(f"loss {self.loss[-1]:.4g}")
        if self.train_accuracy:
            parts.append(f"train accuracy {self.train_accuracy[-1]:.4f}")
        if self.test_accuracy:
            parts.append(f"test accuracy {self.test_accuracy[-1]:.4f}")
        if self.validation_accuracy:
            parts.append(f"validation accuracy {self.validation_accuracy[-1]:.4f}")
        elif self.validation_loss:
            parts.append(f"validation loss {self.validation_loss[-1]:.4g}")
        return f"<History: {', '.join(parts)}{', interrupted' if self.interrupted else ''}>"


def _added() -> dict[str, Any]:
    """Entries that files of older versions do not have."""
    return {"validation_loss": [], "validation_accuracy": [], "stopped_early": False}


def first_wrong(found: Any) -> str:
    """What is wrong with a parsed file, or nothing."""
    expected = asdict(History()).keys() | {"steps"}
    if not isinstance(found, dict):
        return "expected a JSON object"
    if found.keys() != expected:
        missing, extra = sorted(expected - found.keys()), sorted(found.keys() - expected)
        return f"missing entries: {missing}, unknown entries: {extra}"
    for name in (
        "loss",
        "train_accuracy",
        "test_accuracy",
        "validation_loss",
        "validation_accuracy",
    ):
        values = found[name]
        if not isinstance(values, list) or not all(map(_is_number, values)):
            return f"{name} must be a list of finite numbers"
        if name.endswith("accuracy") and not all(0 <= value <= 1 for value in values):
            return f"{name} must lie in 0..1"
        if name != "loss" and len(values) not in (0, found["epochs"]):
            return f"{name} has {len(values)} entries for {found['epochs']} epochs"
    if not _is_number(found["seconds"]) or found["seconds"] < 0:
        return "seconds must be a number of 0 or more"
    for name, least in (("epochs", 0), ("steps", 0), ("steps_per_epoch", 1)):
        if type(found[name]) is not int or found[name] < least:
            return f"{name} must be a whole number from {least}"
    if found["steps"] != len(found["loss"]):
        return f"{len(found['loss'])} losses for {found['steps']} steps"
    best = found["best_epoch"]
    if best is not None and (type(best) is not int or not 1 <= best <= found["epochs"]):
        return "best_epoch must be null or one of the epochs"
    for name in ("interrupted", "stopped_early"):
        if type(found[name]) is not bool:
            return f"{name} must be true or false"
    return ""


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
