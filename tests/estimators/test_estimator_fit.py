"""What the estimators learn, and by which parameters."""

from __future__ import annotations

import numpy as np
import pytest
from estimator_cases import blobs, digits, labels, parameters, quantities

pytest.importorskip("sklearn.base", reason="zerokara.sklearn needs scikit-learn")

from sklearn.exceptions import DataConversionWarning
from sklearn.utils.class_weight import compute_sample_weight

import zerokara as zk
from zerokara.optimizers import OPTIMIZERS
from zerokara.schedules import Cosine, StepDecay
from zerokara.sklearn import NetClassifier, NetRegressor


def test_digits_are_learned_as_by_fit_itself():
    """The estimator adds nothing to the training: the same bits as a network made by hand."""
    x, t = digits()
    model = NetClassifier((50,), lr=0.005, epochs=15, batch_size=50, random_state=3).fit(x, t)
    seed = int(np.random.RandomState(3).randint(2**31 - 1))
    net = zk.Sequential(
        [zk.Affine(50), zk.ReLU(), zk.Affine(10)], 64, loss=zk.SoftmaxWithLoss(), rng=seed
    )
    history = zk.fit(net, (x, t), optimizer=zk.Adam(lr=0.005), epochs=15, batch_size=50, seed=seed)
    assert np.array_equal(parameters(model), net.flat_params)
    assert model.history_.loss == history.loss
    assert model.score(x, t) > 0.95
    assert len(model.loss_curve_) == model.n_iter_ == 15
    assert np.isclose(model.loss_curve_[0], np.mean(history.loss[:8]))


def test_labels_may_be_strings_and_come_back():
    x, t = blobs()
    names = np.array(["ash", "birch", "cedar"])
    model = NetClassifier(random_state=0).fit(x, names[t])
    assert model.classes_.tolist() == names.tolist()
    assert np.mean(model.predict(x) == names[t]) > 0.95
    assert model.predict(x[:1]).dtype.kind == "U"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_sum_to_one_in_float64(dtype):
    x, t = blobs(dtype=dtype)
    model = NetClassifier(random_state=0, epochs=3).fit(x, t)
    found = model.predict_proba(x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=0, atol=4 * np.finfo(float).eps)
    np.testing.assert_allclose(model.predict_log_proba(x), np.log(found), rtol=1e-9)
    assert np.array_equal(model.classes_[found.argmax(axis=1)], model.predict(x))


def test_a_probability_too_small_for_a_float_still_has_a_logarithm():
    x, t = blobs()
    model = NetClassifier(random_state=0, epochs=3).fit(x, t)
    log = model.predict_log_proba(1e4 * x)
    assert np.isfinite(log).all()
    assert log.min() < -1000


def test_the_scores_of_two_classes_are_one_number_each():
    x, t = blobs(classes=2)
    model = NetClassifier(random_state=0, epochs=3).fit(x, t)
    scores = model.decision_function(x)
    assert scores.shape == (90,)
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), model.predict_proba(x)[:, 1])


@pytest.mark.parametrize(
    ("given", "network", "predicted"),
    [(np.float32, np.float32, np.float32), (np.float64, np.float64, np.float64)],
)
def test_the_dtype_of_the_data_is_kept(given, network, predicted):
    x, y = quantities()
    model = NetRegressor(epochs=2, random_state=0).fit(x.astype(given), y)
    assert model.network_.dtype == network
    assert model.predict(x).dtype == predicted
    assert NetRegressor(epochs=1).fit((10 * x).astype(int), y).network_.dtype == np.float64
    assert NetRegressor(epochs=1, dtype="float32").fit(x, y).network_.dtype == np.float32


@pytest.mark.parametrize("name", [name.lower() for name in OPTIMIZERS])
@pytest.mark.parametrize("schedule", [None, "cosine", "one-cycle", StepDecay(20, by=0.5)])
def test_every_optimizer_and_schedule_learns(name, schedule):
    x, t = blobs()
    lr = {"adagrad": 0.05, "sgd": 0.2}.get(name, 0.02)
    model = NetClassifier(
        (20,), optimizer=name, lr=lr, schedule=schedule, epochs=40, random_state=0
    ).fit(x, t)
    assert model.score(x, t) > 0.95
    assert type(model.optimizer_) is {n.lower(): k for n, k in OPTIMIZERS.items()}[name]
    assert model.optimizer_.steps == 40 * 2


def test_an_optimizer_is_copied_and_what_stands_beside_it_counts():
    x, t = blobs()
    rule = zk.Adam(lr=0.5, beta1=0.8, schedule=Cosine(steps=7))
    model = NetClassifier(optimizer=rule, lr=0.01, weight_decay=0.1, clip_norm=2.0, epochs=2)
    made = model.fit(x, t).optimizer_
    assert (made.base_lr, made.beta1, made.weight_decay, made.clip_norm) == (0.01, 0.8, 0.1, 2.0)
    assert made.schedule == Cosine(steps=7)
    assert (rule.base_lr, rule.steps, rule.state) == (0.5, 0, {})


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", zk.Huber(delta=0.3)])
def test_quantities_are_learned(loss, outputs):
    x, y = quantities(outputs=outputs)
    model = NetRegressor(loss=loss, lr=0.01, epochs=150, random_state=0).fit(x, y)
    assert model.predict(x).shape == y.shape
    assert model.score(x, y) > 0.9
    assert model.n_outputs_ == outputs


def test_a_column_of_targets_is_taken_with_a_warning():
    x, y = quantities()
    with pytest.warns(DataConversionWarning):
        model = NetRegressor(epochs=1).fit(x, y[:, np.newaxis])
    assert model.predict(x).shape == (80,)


def test_several_labels_are_learned():
    x, t = labels()
    model = NetClassifier(lr=0.01, random_state=0).fit(x, t)
    assert model.predict(x).shape == model.predict_proba(x).shape == t.shape
    assert model.predict(x).dtype.kind == "i"
    assert np.mean(model.predict(x) == t) > 0.95
    assert np.array_equal(model.predict_proba(x) > 0.5, model.predict(x) == 1)
    assert model.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize(
    ("kind", "cases"), [(NetClassifier, blobs), (NetClassifier, labels), (NetRegressor, quantities)]
)
def test_a_weight_of_two_is_a_sample_repeated(kind, cases, name, rng):
    x, t = cases()
    weight = rng.integers(0, 4, len(x))
    model = kind((8,), activation="tanh", optimizer=name, epochs=12, batch_size=1000)
    model.set_params(random_state=1, lr=0.05)
    weighted = parameters(model.fit(x, t, sample_weight=weight))
    repeated = parameters(model.fit(x.repeat(weight, axis=0), t.repeat(weight, axis=0)))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-8, atol=1e-10)
    assert np.abs(weighted - parameters(model.fit(x, t))).max() > 1e-4


def test_class_weights_are_weights_of_samples():
    x, t = blobs()
    names = np.array(["a", "b", "c"])[t]
    model = NetClassifier((8,), epochs=5, random_state=0)
    model.set_params(class_weight={"a": 3, "c": 0.5})
    by_class = parameters(model.fit(x, names, sample_weight=np.arange(90.0)))
    model.set_params(class_weight=None)
    by_sample = parameters(model.fit(x, names, np.arange(90.0) * np.array([3, 1, 0.5])[t]))
    assert np.array_equal(by_class, by_sample)


def test_balanced_is_what_scikit_learn_calls_so():
    x, t = blobs()
    x, t = x[(t != 2) | (np.arange(90) % 4 == 0)], t[(t != 2) | (np.arange(90) % 4 == 0)]
    model = NetClassifier((8,), epochs=5, random_state=0, class_weight="balanced")
    balanced = parameters(model.fit(x, t))
    model.set_params(class_weight=None)
    by_hand = parameters(model.fit(x, t, sample_weight=compute_sample_weight("balanced", t)))
    np.testing.assert_allclose(balanced, by_hand, rtol=1e-12)


def test_balanced_counts_a_weight_of_two_twice(rng):
    x, t = blobs()
    weight = rng.integers(0, 4, len(x))
    model = NetClassifier(
        (8,), activation="tanh", epochs=9, batch_size=1000, class_weight="balanced", random_state=0
    )
    weighted = parameters(model.fit(x, t, sample_weight=weight))
    repeated = parameters(model.fit(x.repeat(weight, axis=0), t.repeat(weight)))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-8, atol=1e-10)


def test_several_labels_have_weights_each():
    x, t = labels(number=2)
    given = [{0: 1, 1: 4}, {0: 2}]
    model = NetClassifier((8,), epochs=5, random_state=0, class_weight=given)
    by_class = parameters(model.fit(x, t))
    model.set_params(class_weight=None)
    by_hand = parameters(model.fit(x, t, sample_weight=compute_sample_weight(given, t)))
    np.testing.assert_allclose(by_class, by_hand, rtol=1e-12)


CONVOLUTIONAL = [
    zk.Convolution(4, 3),
    zk.BatchNormalization(),
    zk.ReLU(),
    zk.MaxPool(2),
    zk.Dropout(0.2),
    zk.Affine(20),
    zk.ReLU(),
]


def test_layers_of_ones_own_learn_images_as_rows_or_as_images():
    x, t = digits()
    model = NetClassifier(layers=CONVOLUTIONAL, input_shape=(1, 8, 8), lr=0.01, epochs=20)
    model.set_params(random_state=0)
    by_rows = parameters(model.fit(x, t))
    assert model.score(x, t) > 0.95
    images = x.reshape(-1, 1, 8, 8)
    assert np.array_equal(model.predict(images), model.predict(x))
    model.set_params(input_shape=None)
    assert np.array_equal(parameters(model.fit(images, t)), by_rows)
    assert model.n_features_in_ == 64
    assert np.array_equal(model.predict(images), model.predict(x))
    assert not any(layer.adopted for layer in CONVOLUTIONAL)


def test_the_output_layer_is_added_unless_it_is_there():
    x, t = blobs()
    without = NetClassifier(layers=[zk.Affine(7), zk.Tanh()], epochs=1, random_state=0).fit(x, t)
    given = NetClassifier(
        layers=[zk.Affine(7), zk.Tanh(), zk.Affine(3)], epochs=1, random_state=0
    ).fit(x, t)
    assert np.array_equal(parameters(without), parameters(given))
    with pytest.raises(ValueError, match=r"layers ends in Affine.*the targets need 3 outputs"):
        NetClassifier(layers=[zk.Affine(4)]).fit(x, t)
    linear = NetClassifier((), epochs=1).fit(x, t)
    assert [type(layer) for layer in linear.network_.layers.values()] == [zk.Affine]


def test_random_state_is_that_of_scikit_learn():
    x, t = blobs()

    def fitted(state):
        return parameters(NetClassifier((5,), epochs=2, random_state=state).fit(x, t))

    assert np.array_equal(fitted(4), fitted(4))
    assert not np.array_equal(fitted(4), fitted(5))
    generator = np.random.RandomState(4)
    assert np.array_equal(fitted(generator), fitted(4))
    assert not np.array_equal(fitted(generator), fitted(4))  # it has gone on
    model = NetClassifier((5,), epochs=2, random_state=4)
    assert np.array_equal(parameters(model.fit(x, t)), parameters(model.fit(x, t)))
    state = np.random.get_state()
    try:
        np.random.seed(9)
        by_global = fitted(None)
        np.random.seed(9)
        assert np.array_equal(fitted(None), by_global)
        assert not np.array_equal(fitted(None), by_global)
    finally:
        np.random.set_state(state)
