"""The proof on real data (docs/real-data.md): `make real` runs this.

First the gradients of the very network, then its training by the book (4.5.2, 5.7.4).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import zerokara as zk
from zerokara._types import Array

pytestmark = pytest.mark.real

STEPS = 10_000


class RealData(NamedTuple):
    """A data set and what the network must reach on its test images."""

    train: tuple[zk.data.Pixels, Array]
    test: tuple[zk.data.Pixels, Array]
    accuracy: float


@pytest.fixture(scope="module", params=["mnist", "fashion-mnist"])
def real(request: pytest.FixtureRequest) -> RealData:
    """Give each data set in turn, as bytes; skipped where it is not."""
    fixture, load, accuracy = {
        "mnist": ("mnist_root", zk.data.load_mnist, 0.93),
        "fashion-mnist": ("fashion_root", zk.data.load_fashion_mnist, 0.85),
    }[request.param]
    root: Path = request.getfixturevalue(fixture)
    train, test = load(normalize="lazy", root=root)
    return RealData(train, test, accuracy)


def some(data: RealData, count: int) -> tuple[Array, Array]:
    """The first images of the training set, as numbers."""
    x, t = data.train
    return np.asarray(x[:count]), t[:count]


def worst(gradient: dict[str, Array], measured: dict[str, Array]) -> dict[str, float]:
    """The greatest difference of each array beside its greatest entry."""
    assert gradient.keys() == measured.keys()
    return {
        name: float(np.abs(gradient[name] - m).max() / np.abs(m).max())
        for name, m in measured.items()
    }


def test_the_gradient_of_every_parameter_on_real_images(real: RealData) -> None:
    net = zk.models.TwoLayerNet(784, 50, 10, dtype=np.float64)
    x, t = some(real, 3)
    measured = net.numerical_gradient(x, t)
    assert sum(array.size for array in measured.values()) == 784 * 50 + 50 + 50 * 10 + 10
    errors = worst(net.gradient(x, t), measured)
    print(f"\nrelative errors of the gradient: { {n: f'{e:.1e}' for n, e in errors.items()} }")
    assert max(errors.values()) < 1e-7, errors
    # The yardstick is fine enough to see one wrong entry.
    planted = net.gradient(x, t)
    planted["W1"].flat[np.abs(planted["W1"]).argmax()] *= 1 + 1e-6
    assert worst(planted, measured)["W1"] > 1e-7


def test_the_books_training_reaches_its_accuracy(real: RealData) -> None:
    net = zk.models.TwoLayerNet(784, 50, 10)
    start = net.accuracy(*real.test)
    history = zk.fit(
        net,
        real.train,
        test=real.test,
        optimizer=zk.SGD(lr=0.1),
        batch_size=100,
        steps=STEPS,
        sampling="choice",
    )
    print(f"\n{history!r}")
    assert history.steps == STEPS
    assert start < 0.2
    assert history.test_accuracy[-1] > real.accuracy
    # The model itself, and not only its record.
    assert net.accuracy(*real.test) == history.test_accuracy[-1]
    report = zk.gradcheck(net, *some(real, 3))
    assert report.ok, report
