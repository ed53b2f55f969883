"""What a search has found."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerokara.errors import DataError
from zerokara.search import ledger as words
from zerokara.search.space import params_in_words
from zerokara.training.history import History

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from zerokara.search.ledger import Ledger


@dataclass(frozen=True)
class Tried:
    """One trial.

    Attributes:
        number: counted from 1, in the order in which they were begun.
        state: 'complete', 'pruned', 'diverged', 'failed' (it took its process with it, again and
            again) or 'unfinished'.
        params: what was varied.
        seed: of initial weights, noise and order; with `params` it gives the trial again.
        value: the best validation accuracy, 0 to 1; None before the first epoch.
        validation_accuracy, train_accuracy: 0 to 1, one an epoch.
        seconds: how long it took; None if it did not end.
        folder: its run directory.
    """

    number: int
    state: str
    params: dict[str, Any]
    seed: int | None
    value: float | None
    validation_accuracy: list[float]
    train_accuracy: list[float]
    seconds: float | None
    folder: Path


@dataclass(frozen=True)
class Result:
    """All trials of a search, in the order of their numbers.

    Attributes:
        folder: the search's.
        importances: how much each hyperparameter decides between the better trials and the others,
            1 in sum, by PED-ANOVA (Watanabe et al. 2023); empty where there are too few trials.
        interrupted: whether Ctrl-C ended the search before all trials were made.
    """

    folder: Path
    trials: list[Tried]
    importances: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def ranked(self) -> list[Tried]:
        """The complete trials, the best first; of equals the one that was begun first."""
        complete = [t for t in self.trials if t.state == "complete" and t.value is not None]
        return sorted(complete, key=lambda t: (-(t.value or 0.0), t.number))

    @property
    def best(self) -> Tried | None:
        """The best complete trial, None without one."""
        return next(iter(self.ranked), None)

    def count(self, state: str) -> int:
        """How many trials are in that state."""
        return sum(trial.state == state for trial in self.trials)

    def __repr__(self) -> str:
        best = self.best
        if best is None:
            return f"<Result: {len(self.trials)} trials, none complete>"
        return (
            f"<Result: {len(self.trials)} trials, best {best.value:.4f} by trial {best.number}: "
            f"{params_in_words(best.params)}>"
        )


LEAST = 10
"""With fewer complete trials, importances are noise."""


def read_result(ledger: Ledger, interrupted: bool = False) -> Result:
    """The result as it stands in the ledger and in the trials' folders."""
    tried = [_tried(ledger.folder, trial) for trial in ledger.trials()]
    return Result(ledger.folder, tried, _importances(ledger), interrupted)


def read_tried(ledger: Ledger, place: int) -> Tried:
    """One trial as it stands."""
    return _tried(ledger.folder, ledger.trials()[place])


def _tried(folder: Path, trial: FrozenTrial) -> Tried:
    from optuna.trial import TrialState

    kept = trial.user_attrs
    state = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "diverged" if words.DIVERGED in kept else "pruned",
        TrialState.FAIL: "failed",
    }.get(trial.state, "unfinished")
    place = kept[words.PLACE]
    values = [trial.intermediate_values[epoch] for epoch in sorted(trial.intermediate_values)]
    run = words.trial_folder(folder, place)
    try:
        train = History.load(run / "history.json").train_accuracy
    except DataError:  # not begun, or the folder was thrown away
        train = []
    return Tried(
        number=place + 1,
        state=state,
        params=dict(trial.params),
        seed=kept.get(words.SEED),
        value=max(values, default=None),
        validation_accuracy=values,
        train_accuracy=train[: len(values)],
        seconds=kept.get(words.SECONDS),
        folder=run,
    )


def _importances(ledger: Ledger) -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    complete = [t for t in ledger.trials() if t.state == TrialState.COMPLETE]
    if len(ledger.space) < 2 or len(complete) < LEAST:
        return {}
    # The best fifth: a tenth of so few trials, Optuna's own choice, is one or two of them.
    evaluator = PedAnovaImportanceEvaluator(target_quantile=0.2)
    found = get_param_importances(ledger.study, evaluator=evaluator)
    return found if all(map(math.isfinite, found.values())) else {}
