"""scikit-learn's own callbacks (its `sklearn.callback`, from 1.9 on), called from our training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zerokara.training.callbacks import Callback
from zerokara.training.run import Run

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    present = True
except ImportError:  # an older scikit-learn, which has no callbacks
    present = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: there is no `set_callbacks` to inherit."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """The method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "Hooks", "present", "with_callbacks"]


class Hooks(Callback):
    """Tells scikit-learn's callbacks of a fit and of each of its epochs, and stops as they say.

    The fit is the root of their tree of tasks, each epoch a task below it. A callback that asks
    for `fitted_estimator` gets a copy that predicts with the parameters of that moment.

    Args:
        estimator: whose fit it is; ready to predict before the first epoch.
        epochs: how many there are to be.
        X, y, metadata: what `fit` was given, for hooks that ask for it.
    """

    def __init__(
        self, estimator: Any, epochs: int, X: Any, y: Any, metadata: dict[str, Any]
    ) -> None:
        self.estimator = estimator
        self.given = {"X": X, "y": y, "metadata": metadata}
        self.wanted = bool(getattr(estimator, "_skl_callbacks", None))
        # Also where there are none: those of a search or a pipeline count our fit as a task.
        self.root = estimator._init_callback_context(max_subtasks=epochs)
        self.epoch: Any = None

    def on_train_begin(self, run: Run) -> None:
        if self.wanted:
            self.root.call_on_fit_task_begin(estimator=self.estimator, **self.given)
            self._begin(run)

    def on_epoch_end(self, run: Run) -> None:
        if not self.wanted:
            return
        # A copy of the estimator is what scikit-learn makes; it needs no attribute beside.
        stop = self.epoch.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=dict, **self.given
        )
        self.epoch = None
        run.stop = run.stop or bool(stop)
        if not run.stop and run.epoch < run.total_epochs:
            self._begin(run)

    def close(self) -> None:
        """The fit is done, the best parameters are in place."""
        if self.wanted:
            self.root.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes=dict, **self.given
            )

    def _begin(self, run: Run) -> None:
        self.epoch = self.root.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.given)
