"""Callbacks: ours, and scikit-learn's where it has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from estimator_cases import blobs, parameters, quantities

pytest.importorskip("sklearn.base", reason="zerokara.sklearn needs scikit-learn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zerokara.sklearn import NetClassifier, NetRegressor
from zerokara.training import Callback


class Counter(Callback):
    """Counts epochs, and stops after some."""

    def __init__(self, most: int = 99) -> None:
        self.most, self.epochs = most, 0

    def on_epoch_end(self, run: Any) -> None:
        self.epochs += 1
        run.stop = self.epochs >= self.most


def test_callbacks_of_ours_are_called_and_may_stop():
    counter = Counter(3)
    model = NetRegressor(epochs=9, callbacks=[counter]).fit(*quantities())
    assert counter.epochs == model.n_iter_ == 3
    assert clone(model).callbacks[0] is not counter
    NetRegressor(epochs=2, callbacks=counter).partial_fit(*quantities())
    assert counter.epochs == 4


try:
    import sklearn.callback as theirs
except ImportError:
    theirs = None

with_theirs = pytest.mark.skipif(theirs is None, reason="this scikit-learn has no callbacks")


class Recorder:
    """A callback by scikit-learn's protocol that writes down what it is told."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.events: list[Any] = []
        self.scores: list[float] = []
        self.stop_after = stop_after

    def setup(self, estimator: Any, context: Any) -> None:
        self.events.append(("setup", context.task_name))

    def teardown(self, estimator: Any, context: Any) -> None:
        self.events.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any = None) -> None:
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        metadata: Any = None,
        fitted_estimator: Any = None,
    ) -> bool:
        self.events.append(("end", context.task_name, context.task_id))
        self.scores.append(fitted_estimator.score(X, y))
        self.metadata, self.last = metadata, fitted_estimator
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after


@with_theirs
def test_their_callbacks_are_told_of_the_fit_and_of_each_epoch():
    x, t = blobs()
    told = Recorder()
    model = NetClassifier((9,), lr=0.02, epochs=3, random_state=0).set_callbacks(told)
    weight = np.ones(90)
    assert model.fit(x, t, sample_weight=weight) is model
    epochs = [(word, "epoch", number) for number in range(3) for word in ("begin", "end")]
    assert told.events == [
        ("setup", "fit"),
        ("begin", "fit", 0),
        *epochs,
        ("end", "fit", 0),
        ("teardown", "fit"),
    ]
    assert told.metadata["sample_weight"] is weight
    assert told.scores[-1] == told.scores[-2] == model.score(x, t)
    assert told.scores[0] < told.scores[-1]
    # What they were given predicts with the parameters of its moment and shares none of them.
    assert np.array_equal(parameters(told.last), parameters(model))
    assert not np.shares_memory(told.last.network_.flat_params, model.network_.flat_params)
    silent = NetClassifier((9,), lr=0.02, epochs=3, random_state=0).fit(x, t, sample_weight=weight)
    assert np.array_equal(parameters(silent), parameters(model))


@with_theirs
def test_their_callbacks_may_stop_a_fit():
    told = Recorder(stop_after=2)
    model = NetClassifier((9,), epochs=8).set_callbacks(told).fit(*blobs())
    assert model.n_iter_ == 2
    assert told.events[-3:] == [("end", "epoch", 1), ("end", "fit", 0), ("teardown", "fit")]


@with_theirs
def test_a_fit_that_stops_early_ends_its_tasks():
    told = Recorder()
    model = NetClassifier((9,), lr=0.02, epochs=300, early_stopping=True, patience=2)
    model.set_params(random_state=0).set_callbacks(told).fit(*blobs())
    begun = [event[1:] for event in told.events if event[0] == "begin"]
    ended = [event[1:] for event in told.events if event[0] == "end"]
    assert sorted(begun) == sorted(ended)
    assert len(ended) == model.n_iter_ + 1 < 301
    assert np.array_equal(parameters(told.last), parameters(model))  # the best ones, at the end


@with_theirs
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of NumPy, without the core
def test_a_fit_that_fails_tells_them_that_it_is_over():
    told = Recorder()
    model = NetClassifier((9,), optimizer="sgd", lr=1e30).set_callbacks(told)
    with pytest.raises(ArithmeticError):
        model.fit(*blobs())
    assert told.events[-1] == ("teardown", "fit")
    assert not hasattr(model, "network_")


@with_theirs
def test_scikit_learns_own_scoring_monitor_sees_every_epoch_of_a_search():
    x, t = blobs()
    monitor = theirs.ScoringMonitor(scoring="accuracy")
    model = NetClassifier((9,), lr=0.02, epochs=4, random_state=0).set_callbacks(monitor)
    model.fit(x, t)
    entries = monitor.get_logs().data
    epochs = [row for row in entries if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in epochs] == [0, 1, 2, 3]
    assert epochs[-1]["accuracy"] == model.score(x, t)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), NetClassifier(epochs=2, random_state=0)),
        {"netclassifier__hidden_layer_sizes": [(3,), (9,)]},
        cv=2,
    )
    progress = Propagated()
    search.set_callbacks(progress).fit(x, t)
    assert progress.epochs == 2 * (2 * 2 + 1)  # of every candidate and fold, and of the refit


class Propagated:
    """Counts epochs below a search, to which scikit-learn hands it on."""

    max_propagation_depth = None

    def __init__(self) -> None:
        self.epochs = 0

    def setup(self, estimator: Any, context: Any) -> None:
        pass

    def teardown(self, estimator: Any, context: Any) -> None:
        pass

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        pass

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        self.epochs += context.task_name == "epoch"
