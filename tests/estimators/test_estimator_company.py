"""The estimators in company: clone, pickle, pandas, searches, pipelines, and their threads."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from estimator_cases import blobs, digits, labels, parameters, quantities

pytest.importorskip("sklearn.base", reason="zerokara.sklearn needs scikit-learn")

import joblib
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import zerokara as zk
from zerokara import native
from zerokara.sklearn import NetClassifier, NetRegressor

FITTED = {
    "classes": (NetClassifier, blobs, {}),
    "labels": (NetClassifier, labels, {"schedule": "cosine"}),
    "quantities": (NetRegressor, quantities, {"early_stopping": True}),
    "layers": (
        NetClassifier,
        blobs,
        {"layers": [zk.Affine(9), zk.BatchNormalization(), zk.ReLU(), zk.Dropout(0.3, seed=8)]},
    ),
}


@pytest.mark.parametrize("case", FITTED)
def test_a_clone_is_unfitted_and_learns_the_same(case):
    kind, cases, given = FITTED[case]
    x, t = cases()
    model = kind((9,), epochs=3, random_state=1, **given).fit(x, t)
    twin = clone(model)
    assert not hasattr(twin, "network_")
    assert np.array_equal(parameters(twin.fit(x, t)), parameters(model))
    assert repr(clone(model)) == repr(model)


@pytest.mark.parametrize("case", FITTED)
def test_a_pickle_predicts_the_same_and_goes_on_the_same(case):
    kind, cases, given = FITTED[case]
    x, t = cases()
    model = kind((9,), epochs=3, random_state=1, **given).fit(x, t)
    twin = pickle.loads(pickle.dumps(model))
    assert np.array_equal(twin.predict(x), model.predict(x))
    assert not np.shares_memory(twin.network_.flat_params, model.network_.flat_params)
    twin.partial_fit(x, t)
    model.partial_fit(x, t)
    assert np.array_equal(parameters(twin), parameters(model))
    assert np.array_equal(twin.predict(x), model.predict(x))


def test_a_pickle_holds_the_parameters_and_the_moments_and_no_data():
    x, t = blobs(2000, features=50)
    model = NetClassifier((100,), optimizer="adam", epochs=1).fit(x, t)
    once = model.network_.flat_params.nbytes
    assert 3 * once < len(pickle.dumps(model)) < 3 * once + 20_000


def test_a_model_from_a_file_that_is_mapped_into_memory_goes_on(tmp_path):
    x, t = blobs()
    model = NetClassifier((9,), epochs=2, random_state=1).fit(x, t)
    joblib.dump(model, tmp_path / "model.joblib")
    twin = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert np.array_equal(parameters(twin.partial_fit(x, t)), parameters(model.partial_fit(x, t)))


def test_data_frames_and_the_names_of_features():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    x, t = blobs()
    frame = pandas.DataFrame(x, columns=list("abcde"))
    names = pandas.Series(np.array(["ash", "birch", "cedar"])[t])
    model = NetClassifier((9,), epochs=2, random_state=1).fit(frame, names)
    assert model.feature_names_in_.tolist() == list("abcde")
    assert model.n_features_in_ == 5
    plain = NetClassifier((9,), epochs=2, random_state=1).fit(x, names.to_numpy())
    assert np.array_equal(model.predict(frame), plain.predict(x))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("bacde")])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(x)
    # Validation samples and calls that go on come as frames too, and no warning is in the way.
    model.set_params(early_stopping=True).fit(frame, names, X_val=frame, y_val=names)
    model.partial_fit(frame, names)


def threads(estimator: object, X: object, y: object) -> float:
    """A scorer that scores nothing: how many threads the kernels of this process may use."""
    return float(native.max_threads())


def test_a_search_with_two_jobs_finds_and_keeps_to_its_cores():
    x, t = digits()
    steps = make_pipeline(StandardScaler(), NetClassifier(epochs=8, lr=0.01, random_state=0))
    grid = {
        "netclassifier__hidden_layer_sizes": [(4,), (40,)],
        "netclassifier__optimizer": ["adam", zk.SGD()],
    }
    scoring = {"accuracy": "accuracy", "threads": threads}
    search = GridSearchCV(steps, grid, n_jobs=2, cv=2, scoring=scoring, refit="accuracy")
    search.fit(x, t)
    assert search.best_params_["netclassifier__hidden_layer_sizes"] == (40,)
    assert search.best_params_["netclassifier__optimizer"] == "adam"
    assert search.best_score_ > 0.8
    assert np.all(2 * search.cv_results_["mean_test_threads"] <= max(joblib.cpu_count(), 2))
    alone = GridSearchCV(steps, grid, cv=2).fit(x, t)
    accuracies = search.cv_results_["mean_test_accuracy"]
    assert np.array_equal(accuracies, alone.cv_results_["mean_test_score"])
    # What joblib hands to its workers is mapped read-only where it is large.
    x, t = blobs(30_000)
    model = NetClassifier((4,), epochs=1, random_state=0)
    two = cross_val_score(model, x, t, cv=2, n_jobs=2)
    assert np.array_equal(two, cross_val_score(model, x, t, cv=2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_calibration_takes_it(dtype):
    x, t = blobs(dtype=dtype)
    model = CalibratedClassifierCV(NetClassifier((9,), lr=0.02, random_state=0), cv=2)
    found = model.fit(x, t).predict_proba(x)
    assert np.mean(found.argmax(axis=1) == t) > 0.9


def test_a_pickle_made_in_the_middle_of_a_file_is_whole():
    x, t = blobs()
    file = io.BytesIO()
    pickle.dump([NetClassifier((9,), epochs=1).fit(x, t), t], file)
    file.seek(0)
    model, kept = pickle.load(file)
    assert len(model.predict(x)) == len(kept)
