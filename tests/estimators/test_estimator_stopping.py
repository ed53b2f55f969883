"""Validation samples, early stopping, and going on: warm starts and partial fits."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from estimator_cases import blobs, digits, labels, parameters, quantities

pytest.importorskip("sklearn.base", reason="zerokara.sklearn needs scikit-learn")

import zerokara as zk
from zerokara.sklearn import NetClassifier, NetRegressor


def test_validation_samples_of_ones_own_are_measured():
    x, t = digits()
    model = NetClassifier((30,), epochs=5, random_state=0)
    plain = parameters(model.fit(x, t))
    model.fit(x, t, X_val=x[:100], y_val=t[:100])
    assert np.array_equal(parameters(model), plain)
    assert len(model.history_.validation_loss) == 5
    assert model.history_.validation_accuracy[-1] == model.score(x[:100], t[:100])


def test_early_stopping_keeps_the_best_by_the_samples_given():
    x, t = digits(600)
    model = NetClassifier((50,), epochs=200, early_stopping=True, patience=4, random_state=0)
    model.fit(x[:400], t[:400], X_val=x[400:], y_val=t[400:])
    seen = model.history_.validation_accuracy
    assert model.stopped_early_
    assert model.n_iter_ == len(seen) == model.history_.best_epoch + 4 < 200
    assert model.score(x[400:], t[400:]) == max(seen)


def test_a_share_is_kept_out_of_the_training_class_by_class():
    """The samples kept out have labels of their own, of which the network learns nothing."""
    x, t = blobs(100, classes=2)
    model = NetClassifier((10,), epochs=1, early_stopping=True, validation_fraction=0.2)
    from zerokara.sklearn.arrays import Table, keep_some

    rows, kept = keep_some("", Table(x, t), 0.2, 3, classes=True)
    assert sorted([*rows, *kept]) == list(range(100))
    assert np.bincount(t[kept]).tolist() == [10, 10]
    model.set_params(random_state=0).fit(x, t)
    assert model.optimizer_.steps == 2  # 80 samples, 50 in a batch
    alone = keep_some("", Table(x, np.r_[2, t[1:]]), 0.2, 3, classes=True)
    assert 0 in alone.rows  # a class of one sample is learned


def test_quantities_stop_by_their_loss():
    x, y = quantities(200)
    model = NetRegressor(lr=0.02, epochs=500, early_stopping=True, patience=5, random_state=0)
    model.fit(x, y)
    losses = model.history_.validation_loss
    assert model.stopped_early_
    assert model.history_.best_epoch == np.argmin(losses) + 1 == len(losses) - 5
    assert model.history_.validation_accuracy == []


def test_monitor_chooses_what_decides():
    x, t = blobs(200, features=3)
    model = NetClassifier((20,), lr=0.05, epochs=60, early_stopping=True, patience=3)
    model.set_params(random_state=0, monitor="loss").fit(x, t)
    losses = model.history_.validation_loss
    assert model.history_.best_epoch == np.argmin(losses) + 1


STRETCHED = {
    "classes": (NetClassifier, blobs, {}),
    "labels": (NetClassifier, labels, {"optimizer": "momentum"}),
    "quantities": (NetRegressor, quantities, {"optimizer": "adamw"}),
    "dropout": (NetClassifier, blobs, {"layers": [zk.Affine(9), zk.ReLU(), zk.Dropout(0.3)]}),
    "batch norm": (NetClassifier, blobs, {"layers": [zk.Affine(9), zk.BatchNormalization()]}),
}


@pytest.mark.parametrize("case", STRETCHED)
def test_four_partial_fits_are_a_fit_of_four_epochs(case):
    kind, cases, given = STRETCHED[case]
    x, t = cases()
    at_once = kind((9,), epochs=4, random_state=2, **given).fit(x, t)
    model = kind((9,), random_state=2, **given)
    first = {"classes": np.unique(t)} if t.ndim == 1 and kind is NetClassifier else {}
    for call in range(4):
        # A pickle in between changes nothing.
        model = pickle.loads(pickle.dumps(model))
        model.partial_fit(x, t, **(first if call == 0 else {}))
    assert np.array_equal(parameters(model), parameters(at_once))
    assert model.optimizer_.steps == at_once.optimizer_.steps == 8
    assert model.history_.loss == at_once.history_.loss
    assert model.n_iter_ == model.history_.epochs == 4


@pytest.mark.parametrize("case", STRETCHED)
def test_four_warm_starts_are_a_fit_of_four_epochs(case):
    kind, cases, given = STRETCHED[case]
    x, t = cases()
    at_once = kind((9,), epochs=4, random_state=2, **given).fit(x, t)
    model = kind((9,), epochs=1, warm_start=True, random_state=2, **given)
    for _ in range(4):
        model.fit(x, t)
    assert np.array_equal(parameters(model), parameters(at_once))
    assert model.loss_curve_ == at_once.loss_curve_


def test_without_warm_start_a_fit_begins_anew():
    x, t = blobs()
    model = NetClassifier((9,), epochs=2, random_state=2)
    first = parameters(model.fit(x, t))
    assert np.array_equal(parameters(model.fit(x, t)), first)
    assert model.n_iter_ == 2
    model.partial_fit(x, t)  # goes on
    assert model.n_iter_ == 3


def test_a_partial_fit_follows_a_schedule_over_the_epochs():
    x, t = blobs()
    at_once = NetClassifier((9,), epochs=4, schedule="cosine", random_state=2).fit(x, t)
    model = NetClassifier((9,), epochs=4, schedule="cosine", random_state=2)
    for _ in range(4):
        model.partial_fit(x, t, classes=[0, 1, 2])
    assert np.array_equal(parameters(model), parameters(at_once))


def test_a_warm_start_takes_the_learning_rate_of_today_and_keeps_the_moments():
    x, t = blobs()
    model = NetClassifier((9,), epochs=1, warm_start=True, random_state=2).fit(x, t)
    moments = model.optimizer_.state[""]["m"].copy()
    before = parameters(model)
    model.set_params(lr=0.0).fit(x, t)
    assert np.array_equal(parameters(model), before)
    assert model.optimizer_.steps == 4
    assert not np.array_equal(model.optimizer_.state[""]["m"], moments)
    model.set_params(optimizer="sgd", lr=0.1).fit(x, t)
    assert model.optimizer_.steps == 2  # another rule has no use for them


@pytest.mark.parametrize("own", [True, False])
def test_partial_fits_stop_early_and_keep_the_best(own):
    x, t = digits(500)
    model = NetClassifier((40,), lr=0.005, early_stopping=True, patience=3, random_state=0)
    given = {"X_val": x[350:], "y_val": t[350:]} if own else {}
    calls = 0
    while calls < 200:
        model.partial_fit(x[:350], t[:350], classes=np.arange(10), **given)
        model = pickle.loads(pickle.dumps(model))
        calls += 1
        if model.stopped_early_:
            break
    seen = model.history_.validation_accuracy
    assert calls == len(seen) == model.n_iter_ < 200
    assert model.history_.best_epoch == np.argmax(seen) + 1 == len(seen) - 3
    if own:
        assert model.score(x[350:], t[350:]) == max(seen)
    best = parameters(model)
    assert np.array_equal(parameters(model.partial_fit(x, t)), best)
    assert model.n_iter_ == calls
    # The same as the fit that makes all of its epochs at once.
    at_once = NetClassifier((40,), lr=0.005, early_stopping=True, patience=3, random_state=0)
    at_once.set_params(epochs=200).fit(x[:350], t[:350], **given)
    assert np.array_equal(parameters(at_once), best)
    assert not model.set_params(epochs=1).fit(x, t).stopped_early_  # begins anew
