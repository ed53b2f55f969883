"""The ledger of a search: an Optuna study, written by the search's own process alone.

A trial has a *place*, 0, 1, 2, ...: what was begun and not ended is failed in the study and put in
again at the same place, with the same seed and hyperparameters, so it ends as it would have.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerokara.errors import MissingExtraError
from zerokara.search.job import Job, Outcome, trial_seed
from zerokara.search.space import Space

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial

SAMPLERS = ("tpe", "random")
TRIES = 3
"""A trial that so often took its process with it is given up."""

PLACE, READY, SEED, SECONDS, DIVERGED = "place", "ready", "seed", "seconds", "diverged"


def check_optuna() -> None:
    """See that Optuna is there, before any work is done.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise MissingExtraError(
            "searching needs optuna: pip install 'zerokara[search]' (or pip install optuna)"
        ) from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's lines about each trial: the search has its own."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


class Ledger:
    """The study of one search.

    Args:
        folder: the search's.
        study: the study's name in the storage.
        space: what is varied.
        seed: of the search; a trial's seed and the sampler's for it come from this and its place.
        sampler: 'tpe' or 'random'.
        prune: whether trials below the median are given up.
        epochs: of a trial that is not.
        storage: where the study lies, or will; see `zerokara.search.storage`.
    """

    def __init__(
        self,
        folder: Path,
        study: str,
        space: Space,
        *,
        seed: int,
        sampler: str,
        prune: bool,
        epochs: int,
        storage: BaseStorage,
    ) -> None:
        import optuna

        self.folder, self.space, self.seed, self.sampler = folder, space, seed, sampler
        self.study = optuna.create_study(
            storage=storage,
            study_name=study,
            direction="maximize",
            load_if_exists=True,
            pruner=_pruner(prune, epochs),
        )
        self.open: dict[int, Trial] = {}

    def take_up(self) -> int:
        """Put in again what another process left unfinished; how many trials that were."""
        from optuna.trial import TrialState

        left = self._trials(TrialState.RUNNING)
        for trial in left:
            self._again(trial)
        return len(left)

    def next(self, limit: int) -> Job | None:
        """The next trial to make; None when `limit` places are given away."""
        from optuna.trial import TrialState

        waiting = self._trials(TrialState.WAITING)
        if not waiting:
            place = 1 + max((t.user_attrs[PLACE] for t in self._trials()), default=-1)
            if place >= limit:
                return None
            self.study.enqueue_trial({}, user_attrs={PLACE: place})
            waiting = self._trials(TrialState.WAITING)
        place = int(waiting[0].user_attrs[PLACE])
        seed = trial_seed(self.seed, place)
        # A sampler of its own: what is proposed depends on the trials before and on the place, and
        # not on how often the search was taken up.
        self.study.sampler = _sampler(self.sampler, seed)
        trial = self.study.ask()
        params = {name: each.suggest(trial, name) for name, each in self.space.items()}
        trial.set_user_attr(SEED, seed)
        trial.set_user_attr(READY, True)
        self.open[place] = trial
        return Job(place, params, seed, trial_folder(self.folder, place))

    def report(self, place: int, epoch: int, value: float) -> bool:
        """Note the validation accuracy of an epoch; whether the trial is to be given up."""
        trial = self.open[place]
        trial.report(value, epoch)
        return trial.should_prune()

    def finish(self, place: int, outcome: Outcome) -> None:
        """Note what became of a trial."""
        from optuna.trial import TrialState

        trial = self.open.pop(place)
        trial.set_user_attr(SECONDS, outcome.seconds)
        if outcome.diverged:
            # Pruned without a value of its own: the worst there is, and the sampler learns of it.
            trial.set_user_attr(DIVERGED, outcome.diverged)
        if outcome.pruned or outcome.value is None:
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, outcome.value)

    def lost(self, place: int) -> None:
        """A trial's process ended in the middle of it: try again, or give it up."""
        number = self.open.pop(place).number
        self._again(next(t for t in self._trials() if t.number == number))

    def finished(self) -> int:
        """How many trials have ended, in whatever way."""
        return len({t.user_attrs[PLACE] for t in self._trials()} - self._places_at_work())

    def trials(self) -> list[FrozenTrial]:
        """Of each place the last trial, in the order of the places."""
        last = {t.user_attrs[PLACE]: t for t in self._trials()}
        return [last[place] for place in sorted(last)]

    def _places_at_work(self) -> set[int]:
        from optuna.trial import TrialState

        return {t.user_attrs[PLACE] for t in self._trials(TrialState.RUNNING, TrialState.WAITING)}

    def _again(self, trial: FrozenTrial) -> None:
        from optuna.trial import TrialState

        place = trial.user_attrs[PLACE]
        tries = Counter(t.user_attrs[PLACE] for t in self._trials(TrialState.FAIL))[place] + 1
        waits = any(t.user_attrs[PLACE] == place for t in self._trials(TrialState.WAITING))
        # First in again and then failed: a kill in between leaves nothing out.
        if tries < TRIES and not waits:
            # Killed while they were drawn, they are drawn again, all of them, to the same values.
            params = dict(trial.params) if trial.user_attrs.get(READY) else {}
            self.study.enqueue_trial(params, user_attrs={PLACE: place})
        self.study.tell(trial.number, state=TrialState.FAIL)

    def _trials(self, *states: Any) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states or None)


def trial_folder(folder: Path, place: int) -> Path:
    """Where the trial of that place lies: people count from 1."""
    return folder / "trials" / f"{place + 1:04d}"


def _sampler(name: str, seed: int) -> BaseSampler:
    import optuna

    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


def _pruner(prune: bool, epochs: int) -> BasePruner:
    import optuna

    if not prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(epochs // 5, 1))
