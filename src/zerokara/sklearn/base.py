"""What both estimators share: fitting, going on, early stopping, predicting, pickling."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from zerokara._types import Array
from zerokara.errors import ArgumentError
from zerokara.layers import Loss
from zerokara.optimizers import Optimizer
from zerokara.sequential import Sequential
from zerokara.sklearn import arrays, parameters
from zerokara.sklearn.arrays import Split, Table
from zerokara.sklearn.callbacks import CallbackSupportMixin, Hooks
from zerokara.sklearn.callbacks import present as callbacks_present
from zerokara.sklearn.course import Watch, joined, train
from zerokara.sklearn.storing import restored, store
from zerokara.training.best import Best
from zerokara.training.callbacks import Callback
from zerokara.training.history import History
from zerokara.training.validation import Patience


class NetEstimator(CallbackSupportMixin, BaseEstimator):
    """A network behind `fit`, `partial_fit` and `predict`. Subclasses say what targets mean.

    They have `_learn_targets`, which learns the classes or outputs from y; `_targets`, which gives
    what the network is trained on; `_outputs`, how many scores; and `_loss`.
    """

    # Set by the constructors of the subclasses, which scikit-learn reads the parameters from.
    hidden_layer_sizes: Any
    layers: Any
    activation: Any
    input_shape: Any
    optimizer: Any
    lr: Any
    schedule: Any
    weight_decay: Any
    clip_norm: Any
    batch_size: Any
    epochs: Any
    early_stopping: Any
    validation_fraction: Any
    patience: Any
    min_delta: Any
    warm_start: Any
    dtype: Any
    callbacks: Any
    random_state: Any

    network_: Sequential
    optimizer_: Optimizer
    history_: History
    loss_curve_: list[float]
    n_iter_: int
    stopped_early_: bool
    _watch: Watch | None

    _by_classes = False  #: whether samples kept for validation are spread over classes

    @property
    def _outputs(self) -> int:
        raise NotImplementedError

    def _learn_targets(self, y: Any, classes: Any) -> None:
        raise NotImplementedError

    def _targets(self, y: Any) -> Array:
        raise NotImplementedError

    def _refuse_other_targets(self, t: Array) -> None:
        """For a warm start, whose targets must be like those of the fit before."""

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _monitor(self) -> str:
        """What of the validation samples tells better from worse."""
        return "loss"

    def _weights_of_classes(self, t: Array, weight: Array | None, stream: bool) -> Array | None:
        return None

    @property
    def _where(self) -> str:
        return type(self).__name__

    def _fit(self, X: Any, y: Any, sample_weight: Any, X_val: Any, y_val: Any) -> Self:
        goes_on = bool(self.warm_start) and hasattr(self, "network_")
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        with _as_before(self):
            self._check_numbers()
            epochs = parameters.whole(self._where, "epochs", self.epochs)
            data = self._table(X, y, sample_weight, first=not goes_on)
            if goes_on:
                self._go_on()
            else:
                self._begin(data)
            split = self._split(data, X_val, y_val)
            hooks = Hooks(self, epochs, X, y, metadata) if callbacks_present else None
            watch = self._new_watch() if self.early_stopping else None
            history = self._train(
                data, split, epochs, epochs, watch, bool(self.early_stopping), hooks
            )
            self._note(history, fresh=not goes_on)
            self._watch, self.stopped_early_ = None, history.stopped_early
            if hooks is not None:
                hooks.close()
        return self

    def _partial_fit(
        self, X: Any, y: Any, sample_weight: Any, X_val: Any, y_val: Any, classes: Any = None
    ) -> Self:
        """One epoch over these samples, by the optimizer as the last call left it."""
        first = not hasattr(self, "network_")
        if not first and self.early_stopping and self.stopped_early_:
            return self
        with _as_before(self):
            self._check_numbers()
            data = self._table(X, y, sample_weight, first=first, classes=classes, stream=True)
            planned = parameters.whole(self._where, "epochs", self.epochs) if first else None
            if first:
                self._begin(data)
                self._watch, self.stopped_early_ = None, False
            split = self._split(data, X_val, y_val)
            watch = (self._watch or self._new_watch()) if self.early_stopping else None
            best = None if watch is None else watch.best.params
            history = self._train(data, split, 1, planned, watch, False)
            self._watch = watch
            if watch is not None:
                if watch.best.params is best:
                    history.best_epoch = None  # that of an earlier call is still the best
                if watch.over:
                    watch.best.restore()
                    self.stopped_early_ = history.stopped_early = True
            self._note(history, fresh=first)
        return self

    def _check_numbers(self) -> None:
        """What needs no data to be wrong."""
        where = self._where
        if self.early_stopping:
            parameters.whole(where, "patience", self.patience)
            parameters.number(where, "min_delta", self.min_delta)
        parameters.user_callbacks(where, self.callbacks)
        parameters.batch_rows(where, self.batch_size, 1)
        parameters.make_optimizer(self)

    def _table(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        first: bool,
        classes: Any = None,
        stream: bool = False,
    ) -> Table:
        """The training samples, all looked at before anything is made of them."""
        X, y = arrays.checked_inputs(self, X, y, reset=first)
        shape = arrays.shape_of_inputs(self, X) if first else self.network_.input_shape
        x = arrays.shaped(self._where, X, shape)
        if first:
            self._learn_targets(y, classes)
        t = self._targets(y)
        if not (first or stream):
            self._refuse_other_targets(t)
        weight = arrays.sample_weights(self._where, sample_weight, len(x))
        of_classes = self._weights_of_classes(t, weight, stream)
        return Table(x, t, arrays.times(weight, of_classes))

    def _split(self, data: Table, X_val: Any, y_val: Any) -> Split:
        """What is validated by: the samples given, else a share of the others, or nothing."""
        if (X_val is None) != (y_val is None):
            given, absent = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ArgumentError(f"{self._where}: {given} was given without {absent}; give both")
        if X_val is not None:
            X, y = arrays.checked_inputs(self, X_val, y_val, reset=False)
            x = arrays.shaped(self._where, X, self.network_.input_shape)
            return Split(None, Table(x, self._targets(y)))
        if not self.early_stopping:
            return Split()
        share = parameters.number(
            self._where, "validation_fraction", self.validation_fraction, below=1.0
        )
        by_classes = self._by_classes and data.t.ndim == 1
        return arrays.keep_some(self._where, data, share, self._seed, by_classes)

    def _begin(self, data: Table) -> None:
        """A new network and a new optimizer."""
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        dtype = parameters.network_dtype(self._where, self.dtype, data.x.dtype)
        shape = data.x.shape[1:]
        network = parameters.make_network(self, shape, self._outputs, self._loss(), dtype, seed)
        self.optimizer_ = parameters.make_optimizer(self)
        self.network_, self._seed = network, seed
        self._made_from = parameters.words_of_layers(self)
        self.n_iter_ = 0

    def _go_on(self) -> None:
        """The network as it stands, and its optimizer's state under the parameters of today."""
        now = parameters.words_of_layers(self)
        if now != self._made_from:
            raise ArgumentError(
                f"{self._where}: warm_start goes on with the network that stands, which has "
                f"{self._made_from}; now it says {now}. Set warm_start=False to begin anew"
            )
        optimizer = parameters.make_optimizer(self)
        if type(optimizer) is type(self.optimizer_):
            optimizer.steps, optimizer.state = self.optimizer_.steps, self.optimizer_.state
        self.optimizer_ = optimizer

    def _new_watch(self) -> Watch:
        return Watch(Patience(int(self.patience), self.min_delta), Best(self.network_, None))

    def _train(
        self,
        data: Table,
        split: Split,
        epochs: int,
        planned: int | None,
        watch: Watch | None,
        restore: bool,
        hooks: Hooks | None = None,
    ) -> History:
        callbacks: tuple[Callback, ...] = parameters.user_callbacks(self._where, self.callbacks)
        return train(
            self.network_,
            self.optimizer_,
            data,
            split=split,
            monitor=self._monitor(),
            batch_size=parameters.batch_rows(self._where, self.batch_size, len(data.x)),
            epochs=epochs,
            planned=planned,
            seed=self._seed,
            first=self.n_iter_,
            watch=watch,
            restore=restore,
            callbacks=callbacks if hooks is None else (*callbacks, hooks),
        )

    def _note(self, history: History, *, fresh: bool) -> None:
        """What is told of the training: over all stretches since the network was made."""
        size = history.steps_per_epoch
        cuts = range(0, len(history.loss), size)
        curve = [float(np.mean(history.loss[first : first + size])) for first in cuts]
        self.history_ = joined(None if fresh else self.history_, history)
        self.loss_curve_ = curve if fresh else self.loss_curve_ + curve
        self.n_iter_ += history.epochs

    def _scores(self, X: Any) -> Array:
        """The network's scores, (N, outputs)."""
        check_is_fitted(self, "network_")
        X = arrays.checked_inputs(self, X, reset=False)
        scores: Array = self.network_.predict(
            arrays.shaped(self._where, X, self.network_.input_shape)
        )
        return scores

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "network_" in state:
            state["network_"] = store(state["network_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(restored(state))
        watch = getattr(self, "_watch", None)
        if watch is not None:
            watch.best.net = self.network_


@contextmanager
def _as_before(estimator: NetEstimator) -> Iterator[None]:
    """A call that fails leaves the attributes as they were: no half of a fit is predicted with."""
    before = dict(vars(estimator))
    try:
        yield
    except Exception:
        attributes = estimator.__dict__
        # scikit-learn needs its own, to tell its callbacks of the end.
        theirs = {k: v for k, v in attributes.items() if k.startswith(("_callback", "_skl_"))}
        attributes.clear()
        attributes.update(before | theirs)
        raise
