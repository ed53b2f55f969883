"""scikit-learn's MLPClassifier as oracle: the same weights give the same chances and SGD steps."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import zerokara as zk

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("default")]

ACTIVATIONS = {"relu": zk.ReLU, "logistic": zk.Sigmoid, "tanh": zk.Tanh}


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_probabilities_and_steps(
    sklearn_networks: ModuleType, rng: np.random.Generator, activation: str, momentum: float
) -> None:
    x, t = rng.standard_normal((24, 6)), rng.integers(0, 4, 24)
    t[:4] = range(4)
    layer = ACTIVATIONS[activation]
    net = zk.Sequential(
        [zk.Affine(9), layer(), zk.Affine(7), layer(), zk.Affine(4)],
        6,
        loss=zk.SoftmaxWithLoss(),
        rng=5,
        dtype=np.float64,
    )
    model = sklearn_networks.MLPClassifier(
        (9, 7),
        activation=activation,
        solver="sgd",
        alpha=0.0,
        batch_size=8,
        learning_rate_init=0.2,
        momentum=momentum,
        nesterovs_momentum=False,
        shuffle=False,
    )
    model.partial_fit(x, t, classes=np.arange(4))  # makes its arrays
    arrays = [array.copy() for array in net.params.values()]
    model.coefs_, model.intercepts_ = arrays[::2], arrays[1::2]
    del model._optimizer  # it holds the arrays that were there before

    np.testing.assert_allclose(net.probabilities(x), model.predict_proba(x), rtol=1e-10)
    optimizer = zk.Momentum(lr=0.2, momentum=momentum) if momentum else zk.SGD(lr=0.2)
    step = zk.compile_step(net, optimizer, x, t, batch_size=8)
    losses = [step(np.arange(start, start + 8)) for start in range(0, 24, 8)]
    model.partial_fit(x, t)

    assert np.mean(losses) == pytest.approx(model.loss_, rel=1e-10)
    for own, their in zip(list(net.params.values())[::2], model.coefs_, strict=True):
        np.testing.assert_allclose(own, their, rtol=1e-9, atol=1e-12)
    for own, their in zip(list(net.params.values())[1::2], model.intercepts_, strict=True):
        np.testing.assert_allclose(own, their, rtol=1e-9, atol=1e-12)
