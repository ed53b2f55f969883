"""fit: gradients in parts, which are those of the whole batch to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fit_cases import CLASSES, COUNT, SIZE, blobs, small_net

import zerokara as zk
from zerokara.engine.samples import Samples
from zerokara.errors import DivergedError
from zerokara.optimizers import OPTIMIZERS
from zerokara.training.validation import Measured


@pytest.mark.parametrize("sampling", ["shuffle", "choice"])
@pytest.mark.parametrize("parts", [2, 3, 7])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parts_equal_the_whole_to_rounding(name: str, parts: int, sampling: str) -> None:
    nets = [small_net(dtype=np.float64) for _ in range(2)]
    start = nets[0].flat_params.copy()
    histories = [
        zk.fit(
            net,
            blobs(),
            optimizer=OPTIMIZERS[name](lr=0.01, weight_decay=0.1, clip_norm=0.5),
            batch_size=size,
            accumulate=count,
            epochs=3,
            sampling=sampling,
        )
        for net, size, count in ((nets[0], 3 * parts, 1), (nets[1], 3, parts))
    ]
    assert histories[0].steps == histories[1].steps
    np.testing.assert_allclose(histories[1].loss, histories[0].loss, rtol=1e-9)
    np.testing.assert_allclose(nets[1].flat_params, nets[0].flat_params, rtol=1e-7, atol=1e-9)
    assert np.abs(nets[0].flat_params - start).max() > 1e-4


@pytest.mark.parametrize("rows", [False, True])
def test_parts_of_a_loss_with_class_weights_and_of_one_with_a_penalty(rows: bool) -> None:
    class Own(zk.SoftmaxWithLoss):
        """The same, in Python inside the program."""

    def weighted() -> zk.Network:
        loss = Own(class_weight=[1.0, 5.0, 0.5], label_smoothing=0.1)
        return zk.Sequential([zk.Affine(3)], SIZE, loss=loss, dtype=np.float64)

    def penalized() -> zk.Network:
        return zk.models.MultiLayerNet(
            SIZE, [4], CLASSES, weight_decay_lambda=0.1, dtype=np.float64
        )

    x, t = blobs()
    held: Any = (x, np.eye(CLASSES)[t] if rows else t)
    for make in (weighted, penalized):
        whole, parts = make(), make()
        first = zk.fit(whole, held, batch_size=12, epochs=3, validation=held)
        second = zk.fit(parts, held, batch_size=4, accumulate=3, epochs=3, validation=held)
        np.testing.assert_allclose(second.loss, first.loss, rtol=1e-9)
        np.testing.assert_allclose(parts.flat_params, whole.flat_params, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(second.validation_loss, first.validation_loss, rtol=1e-7)


def test_the_loss_of_a_set_in_blocks_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zerokara.training.metrics.BLOCK", 5)
    x, t = blobs()
    loss = zk.SoftmaxWithLoss(class_weight=[1.0, 5.0, 0.5])
    net = zk.Sequential([zk.Affine(3)], SIZE, loss=loss, dtype=np.float64)
    rows = np.arange(1, COUNT, 2)
    measured = Measured(net, Samples(net, x, t), rows)
    assert measured.loss() == pytest.approx(float(net.loss(x[rows], t[rows])), rel=1e-12)
    assert measured.accuracy() == net.accuracy(x[rows], t[rows])


def test_parts_are_as_small_as_asked() -> None:
    class Watch(zk.ReLU):
        seen: set[int]

        def forward(self, x: np.ndarray, *, training: bool = False) -> np.ndarray:
            if training:
                self.seen.add(len(x))
            return super().forward(x, training=training)

    layer = Watch()
    layer.seen = set()
    net = zk.Sequential([zk.Affine(4), layer, zk.Affine(3)], SIZE, loss=zk.SoftmaxWithLoss())
    zk.fit(net, blobs(), batch_size=5, accumulate=3, epochs=1)
    assert layer.seen == {5, COUNT % 5}


def test_parts_that_diverge_name_the_step_and_leave_the_parameters() -> None:
    x, t = blobs()
    net = small_net()
    net.params["W1"][...] = 1e38
    before = net.flat_params.copy()
    with pytest.raises(DivergedError, match="at step 1"):
        zk.fit(net, (x, t), batch_size=5, accumulate=3)
    assert np.array_equal(net.flat_params, before)
