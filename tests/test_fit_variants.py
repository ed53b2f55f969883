"""fit: variants of images on the fly; and the arguments of these features that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fit_cases import CLASSES, COUNT, Recorder, blobs, small_net

import zerokara as zk
from zerokara.data import Augment, Batches, Pixels
from zerokara.errors import ArgumentError, DtypeError, LabelError, ShapeError


@pytest.mark.parametrize("sampling", ["shuffle", "choice"])
@pytest.mark.parametrize("loss", [zk.SoftmaxWithLoss, zk.IdentityWithLoss])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_step_sees_its_variants(dtype: Any, loss: Any, sampling: str) -> None:
    """Hold it against a step on arrays of variants that were made by hand."""
    (x, t), _ = zk.data.load_digits()
    x, t = x[:230], t[:230]
    rows: Any = t if loss is zk.SoftmaxWithLoss else np.eye(10)[t]

    def make() -> zk.Network:
        return zk.Sequential([zk.Affine(9), zk.ReLU(), zk.Affine(10)], 64, loss=loss(), dtype=dtype)

    net, twin = make(), make()
    augment = Augment(shift=1, rotate=15, zoom=0.1, elastic=0.4, flip=0.5)
    history = zk.fit(
        net,
        (x, rows),
        optimizer=zk.Momentum(lr=0.01),
        augment=augment,
        batch_size=20,
        epochs=3,
        seed=5,
        sampling=sampling,
    )
    rule, losses = zk.Momentum(lr=0.01), []
    batches = Batches(230, 20, sampling, 5)
    for number, batch in batches.steps(0, 3 * batches.steps_per_epoch):
        variants = augment(x[batch].astype(dtype), batch, number // batches.steps_per_epoch, 5)
        step = zk.compile_step(twin, rule, variants, rows[batch], batch_size=20)
        losses.append(step(np.arange(len(batch))))
    assert net.flat_params.tobytes() == twin.flat_params.tobytes()
    assert history.loss == losses


def test_variants_of_bytes_are_those_of_floats() -> None:
    values = np.random.default_rng(1).integers(0, 256, (COUNT, 1, 6, 6), dtype=np.uint8)
    t = np.random.default_rng(2).integers(0, CLASSES, COUNT)
    made = []
    for x in (Pixels(values), np.asarray(Pixels(values))):
        net = zk.Sequential([zk.Flatten(), zk.Affine(3)], (1, 6, 6), loss=zk.SoftmaxWithLoss())
        zk.fit(net, (x, t), augment=Augment(shift=2), batch_size=7, epochs=2)
        made.append(net.flat_params.tobytes())
    assert made[0] == made[1]


def test_batches_beyond_the_buffer_and_variants_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x, t = zk.data.load_digits()[0]
    made = []
    for rows, parts in ((2048, 1), (30, 1), (1, 1), (2048, 3)):
        monkeypatch.setattr("zerokara.training.feeding.BUFFER_ROWS", rows)
        net = zk.models.TwoLayerNet(64, 5, 10, dtype=np.float64)
        zk.fit(
            net,
            (x[:100], t[:100]),
            augment=Augment(rotate=9),
            batch_size=30 // parts,
            accumulate=parts,
            epochs=2,
        )
        made.append(net.flat_params)
    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])
    np.testing.assert_allclose(made[3], made[0], rtol=1e-9, atol=1e-12)


@pytest.mark.real
def test_variants_help_where_samples_are_few(mnist_root: Path) -> None:
    (x, t), test = zk.data.load_mnist(root=mnist_root)

    def learn(augment: Augment | None) -> float:
        net = zk.models.TwoLayerNet(784, 100, 10, weight_init_std=0.05)
        few, rule = (x[:500], t[:500]), zk.Adam(lr=0.001)
        options: dict[str, Any] = {"epochs": 60, "batch_size": 50, "augment": augment}
        return zk.fit(net, few, test=test, optimizer=rule, **options).test_accuracy[-1]

    assert learn(Augment(shift=2, rotate=10, zoom=0.1, elastic=1)) > learn(None) + 0.03


def test_a_function_of_ones_own_may_make_variants() -> None:
    seen: set[tuple[int, int]] = set()

    def noisy(x: np.ndarray, indices: np.ndarray, epoch: int, seed: int) -> np.ndarray:
        seen.update((epoch, int(index)) for index in indices)
        return x + 0.01 * np.random.default_rng([seed, epoch, *indices]).normal(size=x.shape)

    zk.fit(small_net(), blobs(), augment=noisy, epochs=2, batch_size=9, seed=3)
    assert seen == {(epoch, index) for epoch in range(2) for index in range(COUNT)}


X, T = blobs()
REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"validation": 0.0}, ArgumentError, "validation as a share must be above 0 and below 1"),
    ({"validation": 1.5}, ArgumentError, "above 0 and below 1, got 1.5"),
    ({"validation": 0.001}, ArgumentError, "of 37 samples leaves 0 to validate by"),
    ({"validation": True}, ArgumentError, r"validation must be a pair \(x, t\), got bool"),
    ({"validation": (X, T + 1)}, LabelError, "fit: validation: .*label 3"),
    ({"patience": 2}, ArgumentError, "patience needs samples to judge by"),
    ({"patience": 0, "validation": 0.2}, ArgumentError, "patience must be a whole number from 1"),
    ({"min_delta": -0.1}, ArgumentError, "min_delta must be 0 or more"),
    ({"monitor": "lo"}, ArgumentError, "monitor must be 'accuracy' or 'loss', got 'lo'"),
    ({"accumulate": 0}, ArgumentError, "accumulate must be a whole number from 1, got 0"),
    ({"resume": True, "out": None}, ArgumentError, "resume goes on from a run directory"),
    ({"checkpoint_steps": 0}, ArgumentError, "checkpoint_steps must be a whole number"),
    ({"checkpoint_seconds": 0}, ArgumentError, "checkpoint_seconds must be above 0"),
    ({"augment": Augment(shift=1)}, ShapeError, r"takes images as .* got \(1, 6\)"),
    ({"augment": 3}, DtypeError, r"augment must be callable, such as zk\.data\.Augment"),
]


@pytest.mark.parametrize(("change", "error", "match"), REFUSED)
def test_wrong_arguments_are_refused_before_any_work(
    change: dict[str, Any], error: type[Exception], match: str, tmp_path: Path
) -> None:
    net, log = small_net(), []
    before = net.flat_params.copy()
    arguments = {"callbacks": [Recorder(log)], "out": tmp_path / "run"} | change
    with pytest.raises(error, match=match):
        zk.fit(net, (X, T), **arguments)
    assert np.array_equal(net.flat_params, before)
    assert log == []
    assert not (tmp_path / "run").exists()


def test_variants_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"augment gave an array of shape \(5, 5\), expected"):
        zk.fit(small_net(), (X, T), augment=lambda x, i, e, s: x[:, :5], batch_size=5)
