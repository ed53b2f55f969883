"""fit: samples kept out of the training, the best model by them, and patience."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fit_cases import CLASSES, SIZE, Recorder, blobs, small_net
from hypothesis import given
from hypothesis import strategies as st

import zerokara as zk
from zerokara.data import Pixels
from zerokara.errors import ArgumentError, DivergedError
from zerokara.training import Callback
from zerokara.training.validation import Patience, split_rows


class Spoil(Callback):
    """Turn the network's answers round at the end of some epochs."""

    def __init__(self, *epochs: int) -> None:
        self.epochs = epochs

    def on_epoch_end(self, run: Any) -> None:
        if run.epoch in self.epochs:
            run.net.flat_params[...] *= -1


@given(st.integers(2, 300), st.floats(0.01, 0.99), st.integers(0, 99))
def test_a_share_splits_the_rows(count: int, share: float, seed: int) -> None:
    if not 0 < round(count * share) < count:
        with pytest.raises(ArgumentError, match="both need at least one"):
            split_rows(count, share, seed)
        return
    train, kept = split_rows(count, share, seed)
    assert len(kept) == round(count * share)
    assert sorted([*train, *kept]) == list(range(count))
    again = split_rows(count, share, seed)
    assert np.array_equal(again[0], train)
    assert np.array_equal(again[1], kept)


def test_another_seed_keeps_others() -> None:
    assert not np.array_equal(split_rows(100, 0.2, 0)[1], split_rows(100, 0.2, 1)[1])
    # No sample is likelier than others: 200 draws of 20 in 100.
    times = np.bincount(np.concatenate([split_rows(100, 0.2, s)[1] for s in range(200)]))
    assert abs(times - 40).max() < 6 * np.sqrt(200 * 0.2 * 0.8)


@pytest.mark.parametrize("form", ["array", "pixels"])
def test_a_share_is_like_its_samples_given(form: str) -> None:
    """Hold it against the same rows, given by hand; the order of the samples is the rows' own."""
    x: Any = np.random.default_rng(1).integers(0, 256, (60, SIZE), dtype=np.uint8)
    t = np.random.default_rng(2).integers(0, CLASSES, 60)
    train, kept = split_rows(60, 0.25, 4)
    given = Pixels(x) if form == "pixels" else x.astype(np.float32)
    parts = [Pixels(x[r]) if form == "pixels" else x[r].astype(np.float32) for r in (train, kept)]
    net, twin = small_net(), small_net()
    rules = [zk.SGD(lr=1e-3 if form == "array" else 0.1) for _ in range(2)]
    first = zk.fit(net, (given, t), validation=0.25, optimizer=rules[0], batch_size=8, seed=4)
    second = zk.fit(
        twin,
        (parts[0], t[train]),
        validation=(parts[1], t[kept]),
        optimizer=rules[1],
        batch_size=8,
        seed=4,
    )
    assert net.flat_params.tobytes() == twin.flat_params.tobytes()
    first.seconds = second.seconds = 0
    first.validation_loss = np.round(first.validation_loss, 6).tolist()
    second.validation_loss = np.round(second.validation_loss, 6).tolist()
    assert first == second
    assert first.steps_per_epoch == 6
    assert first.train_accuracy[-1] == pytest.approx(net.accuracy(parts[0], t[train]))
    assert first.validation_accuracy[-1] == pytest.approx(net.accuracy(parts[1], t[kept]))
    loss = float(net.loss(parts[1], t[kept]))
    assert first.validation_loss[-1] == pytest.approx(loss, rel=1e-5)


def test_the_best_model_is_the_best_on_validation(tmp_path: Path) -> None:
    held = blobs(1)
    for monitor in ("accuracy", "loss"):
        history = zk.fit(
            small_net(),
            blobs(),
            test=blobs(2),
            validation=held,
            monitor=monitor,
            batch_size=10,
            epochs=6,
            callbacks=[Spoil(3, 5)],
            out=tmp_path / monitor,
        )
        scores = history.validation_accuracy
        if monitor == "loss":
            scores = [-loss for loss in history.validation_loss]
        assert history.best_epoch == int(np.argmax(scores)) + 1
        best = zk.load(tmp_path / monitor / "model.safetensors")
        measured = best.accuracy(*held) if monitor == "accuracy" else -float(best.loss(*held))
        assert measured == pytest.approx(max(scores), rel=1e-6)


@pytest.mark.parametrize("restore", [None, True, False])
def test_patience_ends_it(restore: bool | None) -> None:
    net, log = small_net(), []
    history = zk.fit(
        net,
        blobs(),
        validation=blobs(1),
        monitor="loss",
        batch_size=10,
        epochs=90,
        optimizer=zk.SGD(lr=0.05),
        patience=3,
        restore_best=restore,
        # From the fourth epoch on the network is as bad as it was good.
        callbacks=[Spoil(4), Recorder(log)],
    )
    losses = history.validation_loss
    assert history.stopped_early
    assert history.epochs == history.best_epoch + 3 == len(losses) < 90
    assert losses[history.best_epoch - 1] == min(losses)
    kept = float(net.loss(*blobs(1)))
    wanted = losses[-1] if restore is False else min(losses)
    assert kept == pytest.approx(wanted, rel=1e-5)
    assert log[-1] == ("", "end", history.steps)


def test_patience_counts_by_min_delta() -> None:
    scores = [1.0, 1.05, 1.15, 1.2, 1.25, 1.26]
    patience = Patience(2, 0.1)
    assert [patience.ends(score) for score in scores] == [False, False, False, False, True, False]
    assert [Patience(None).ends(score) for score in [1.0, 1.0, 1.0]] == [False] * 3
    strict = Patience(1)
    assert [strict.ends(score) for score in (1.0, 1.0 + 1e-12, 1.0 + 1e-12)] == [False, False, True]


def test_the_last_epoch_is_no_early_stop() -> None:
    history = zk.fit(
        small_net(),
        blobs(),
        validation=blobs(1),
        patience=2,
        epochs=3,
        optimizer=zk.SGD(lr=0.0),
    )
    assert (history.epochs, history.stopped_early) == (3, False)


def test_quantities_are_judged_by_their_loss() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(100, 3))
    t = x @ np.array([[1.0], [-2.0], [0.5]])
    net = zk.Sequential([zk.Affine(1)], 3, loss=zk.IdentityWithLoss(), dtype=np.float64)
    history = zk.fit(net, (x, t), validation=0.2, patience=2, epochs=50, batch_size=10)
    assert history.validation_accuracy == []
    assert history.validation_loss[history.best_epoch - 1] == min(history.validation_loss)


def test_a_validation_loss_that_is_no_number_ends_it() -> None:
    class Break(Callback):
        every_step = True

        def on_step_end(self, run: Any) -> None:
            if run.step == 8:
                run.net.flat_params[...] = np.nan

    with pytest.raises(DivergedError, match="after epoch 2 the validation loss is nan"):
        zk.fit(small_net(), blobs(), validation=blobs(1), batch_size=10, callbacks=[Break()])
