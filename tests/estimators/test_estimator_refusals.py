"""What the estimators refuse, in words that help, and how they stand afterwards."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from estimator_cases import blobs, labels, parameters, quantities

pytest.importorskip("sklearn.base", reason="zerokara.sklearn needs scikit-learn")

from scipy import sparse
from sklearn.exceptions import NotFittedError

import zerokara as zk
from zerokara.errors import DivergedError
from zerokara.sklearn import NetClassifier, NetRegressor


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"activation": "rely"}, "activation must be one of elu, gelu, .*got 'rely'"),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must hold whole numbers from 1"),
        ({"hidden_layer_sizes": "50"}, "hidden_layer_sizes must hold whole numbers from 1"),
        ({"layers": zk.Affine(3)}, "layers must be a list of layers"),
        ({"layers": [zk.ReLU]}, r"which is no layer; make one with ReLU\(...\)"),
        ({"layers": [zk.SoftmaxWithLoss()]}, "which is no layer"),
        ({"input_shape": (5,)}, "input_shape goes with layers"),
        ({"input_shape": (2, 2), "layers": [zk.ReLU()]}, r"expected \(N, 2, 2\), or rows of 4"),
        ({"input_shape": (0,), "layers": [zk.ReLU()]}, "sizes above 0"),
        ({"optimizer": "adamm"}, "optimizer must be one of sgd, .*got 'adamm'"),
        ({"optimizer": zk.Adam}, "optimizer must be a name"),
        ({"lr": -1}, "lr must be 0 or more"),
        ({"schedule": "stepdecay"}, "schedule must be one of constant, cosine, onecycle"),
        ({"schedule": 3}, "schedule must be a schedule such as"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1"),
        ({"batch_size": "all"}, "batch_size must be 'auto' or a whole number"),
        ({"epochs": 2.5}, "epochs must be a whole number from 1, got 2.5"),
        ({"dtype": "int64"}, "dtype must be 'float32', 'float64' or None"),
        ({"callbacks": [print]}, "which is no zerokara.training.Callback"),
        ({"early_stopping": True, "patience": 0}, "patience must be a whole number from 1"),
        ({"early_stopping": True, "validation_fraction": 0.001}, "leaves 0 to validate"),
        ({"early_stopping": True, "validation_fraction": 1.5}, "0 or more and below 1"),
        ({"early_stopping": True, "min_delta": -1}, "min_delta must be 0 or more"),
        ({"label_smoothing": 1}, "label_smoothing must be 0 or more and below 1"),
        ({"monitor": "f1"}, "monitor must be one of accuracy, loss, got 'f1'"),
        ({"class_weight": "fair"}, "class_weight must be 'balanced', a mapping"),
        ({"class_weight": {7: 1}}, "class_weight names the label 7, .*labels are 0, 1, 2"),
        ({"class_weight": {1: -1}}, "class_weight of 1 must be 0 or more"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_by_fit(given, message):
    x, t = blobs()
    model = NetClassifier(**given)  # the constructor only stores
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        model.fit(x, t)
    assert isinstance(caught.value, zk.ZerokaraError)
    with pytest.raises(NotFittedError):
        model.predict(x)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sample_weight": np.zeros(90)}, "weights of all samples are zero"),
        ({"sample_weight": -np.ones(90)}, "must be finite and 0 or more"),
        ({"sample_weight": np.ones(3)}, r"expected one number a sample, shape \(90,\)"),
        ({"X_val": np.zeros((4, 5))}, "X_val was given without y_val"),
        ({"X_val": np.zeros((4, 3)), "y_val": [0, 1, 2, 0]}, "has 3 features.*expecting 5"),
        ({"X_val": np.zeros((2, 5)), "y_val": [0, 8]}, "label 8, which is none of the classes"),
    ],
)
def test_data_that_do_not_fit_are_refused(given, message):
    x, t = blobs()
    with pytest.raises(ValueError, match=message):
        NetClassifier(epochs=1).fit(x, t, **given)


def test_images_of_another_size_are_refused():
    x, t = blobs(features=16)
    model = NetClassifier(layers=[zk.Convolution(2, 3), zk.ReLU()], epochs=1)
    model.fit(x.reshape(-1, 1, 4, 4), t)
    with pytest.raises(ValueError, match=r"X has 25 features.*expecting 16"):
        model.predict(np.zeros((2, 1, 5, 5)))
    with pytest.raises(ValueError, match=r"X has shape \(2, 1, 2, 8\); expected \(N, 1, 4, 4\)"):
        model.predict(np.zeros((2, 1, 2, 8)))
    with pytest.raises(ValueError, match=r"Found array with dim 4|Expected 2D"):
        NetClassifier().fit(x.reshape(-1, 1, 4, 4), t)


def test_sparse_input_is_refused_with_what_to_do():
    x, t = blobs()
    with pytest.raises(TypeError, match=r"[Ss]parse data was passed.*dense.*toarray"):
        NetClassifier().fit(sparse.csr_array(x), t)
    model = NetClassifier(epochs=1).fit(x, t)
    with pytest.raises(TypeError, match=r"[Ss]parse data was passed"):
        model.predict(sparse.csr_array(x))


def test_labels_as_a_sparse_matrix_are_taken():
    x, t = labels()
    dense = NetClassifier(epochs=2, random_state=0).fit(x, t)
    thin = NetClassifier(epochs=2, random_state=0).fit(x, sparse.csr_array(t))
    assert np.array_equal(parameters(dense), parameters(thin))


def test_targets_of_another_kind_are_refused():
    x, t = blobs()
    with pytest.raises(ValueError, match="several columns of several classes"):
        NetClassifier().fit(x, np.column_stack([t, t]))
    with pytest.raises(ValueError, match="Unknown label type"):
        NetClassifier().fit(x, t + 0.5)
    with pytest.raises(TypeError, match="y must hold numbers"):
        NetRegressor().fit(x, np.array(["a", "b", "c"])[t])
    with pytest.raises(ValueError, match="label_smoothing is for one class"):
        NetClassifier(label_smoothing=0.1).fit(*labels())


def test_the_first_partial_fit_wants_all_classes_and_the_others_no_more():
    x, t = blobs()
    with pytest.raises(ValueError, match="the first partial_fit needs classes"):
        NetClassifier().partial_fit(x, t)
    model = NetClassifier((5,)).partial_fit(x[t == 0], t[t == 0], classes=[0, 1])
    with pytest.raises(ValueError, match="label 2, which is none of the classes: 0, 1"):
        model.partial_fit(x, t)
    with pytest.raises(ValueError, match="got the classes 0, 1, 2; since the first call they are"):
        model.partial_fit(x, t, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="needs all samples at once"):
        NetClassifier(class_weight="balanced").partial_fit(x, t, classes=[0, 1, 2])


def test_a_warm_start_refuses_what_the_network_is_not_for():
    x, t = blobs()
    model = NetClassifier((5,), epochs=1, warm_start=True, random_state=0).fit(x, t)
    before = parameters(model)
    for y in (np.where(t == 2, 5, t), np.where(t == 2, 1, t)):
        with pytest.raises(ValueError, match="classes"):
            model.fit(x, y)
    with pytest.raises(ValueError, match="features"):
        model.fit(x[:, :3], t)
    with pytest.raises(ValueError, match=r"y was \(N,\) when it was fitted"):
        model.fit(x, np.eye(3, dtype=int)[t])
    with pytest.raises(ValueError, match=r"network that stands.*\(5,\).*now it says.*\(6,\)"):
        model.set_params(hidden_layer_sizes=(6,)).fit(x, t)
    assert np.array_equal(parameters(model), before)
    assert model.n_iter_ == 1
    two = NetRegressor((5,), epochs=1, warm_start=True).fit(*quantities(outputs=2))
    with pytest.raises(ValueError, match=r"shape \(N, 3\); it was fitted with shape \(N, 2\)"):
        two.fit(*quantities(outputs=3))


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of NumPy, without the core
def test_a_fit_that_fails_leaves_the_model_as_it_was():
    x, t = blobs()
    model = NetClassifier((5,), epochs=1, random_state=0).fit(x, t)
    before, known = parameters(model), model.predict(x)
    model.set_params(optimizer="sgd", lr=1e30, epochs=50)
    with pytest.raises(DivergedError, match="training diverged"):
        model.fit(x[:, :4], (t == 0).astype(int))
    assert np.array_equal(parameters(model), before)
    assert np.array_equal(model.predict(x), known)
    fresh = NetRegressor(optimizer="sgd", lr=1e30)
    with pytest.raises(DivergedError):
        fresh.fit(*quantities())
    assert not hasattr(fresh, "network_")
    assert not hasattr(fresh, "n_features_in_")


def test_without_scikit_learn_the_import_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn.utils.validation'] = None\n"
        "try:\n    import zerokara.sklearn\n"
        "except ImportError as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("MissingExtraError zerokara.sklearn needs scikit-learn 1.6")
    assert "pip install 'zerokara[sklearn]'" in done.stdout
