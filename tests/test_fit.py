"""fit: what is promised of a training, from the same bits to Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fit_cases import CLASSES, COUNT, SIZE, Recorder, StopAt, blobs, small_net
from hypothesis import given, settings
from hypothesis import strategies as st

import zerokara as zk
from zerokara.data import Batches, Pixels, load_digits
from zerokara.errors import (
    ArgumentError,
    DataError,
    DtypeError,
    LabelError,
    ShapeError,
)
from zerokara.training import Callback


def test_learns_the_digits() -> None:
    train, test = load_digits()
    net = zk.models.TwoLayerNet(64, 50, 10)
    history = zk.fit(net, train, test=test, epochs=20, batch_size=32, optimizer=zk.Adam(lr=0.005))
    assert history.test_accuracy[-1] > 0.95
    assert history.test_accuracy[-1] == pytest.approx(net.accuracy(*test))
    assert history.train_accuracy[-1] == pytest.approx(net.accuracy(*train))
    assert history.steps == 20 * 45
    assert len(history.train_accuracy) == len(history.test_accuracy) == history.epochs == 20
    assert np.mean(history.loss[-45:]) < 0.2 < 2 < history.loss[0]


@settings(max_examples=15)
@given(
    batch_size=st.integers(1, 50),
    sampling=st.sampled_from(["shuffle", "choice"]),
    seed=st.integers(0, 5),
    steps=st.integers(1, 30),
    every_step=st.booleans(),
)
def test_fit_gives_the_same_bits_as_step_after_step(
    batch_size: int, sampling: str, seed: int, steps: int, every_step: bool
) -> None:
    x, t = blobs()
    net = small_net()
    history = zk.fit(
        net,
        (x, t),
        optimizer=zk.Momentum(lr=0.1),
        batch_size=batch_size,
        steps=steps,
        sampling=sampling,
        seed=seed,
        callbacks=[Recorder([], every_step=every_step)],
    )
    twin, losses = small_net(), []
    step = zk.compile_step(twin, zk.Momentum(lr=0.1), x, t, batch_size=batch_size)
    for _, batch in Batches(COUNT, batch_size, sampling, seed).steps(0, steps):
        losses.append(step(batch))
    assert net.flat_params.tobytes() == twin.flat_params.tobytes()
    assert history.loss == losses


def test_another_seed_or_sampling_gives_other_bits() -> None:
    made = set()
    for options in ({"seed": 0}, {"seed": 1}, {"seed": 0, "sampling": "choice"}):
        net = small_net()
        zk.fit(net, blobs(), batch_size=8, epochs=2, **options)
        made.add(net.flat_params.tobytes())
    assert len(made) == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bytes_train_like_floats(dtype: Any) -> None:
    rng = np.random.default_rng(1)
    pixels = Pixels(rng.integers(0, 256, (COUNT, SIZE), dtype=np.uint8))
    t = rng.integers(0, CLASSES, COUNT)
    nets = [small_net(dtype=dtype) for _ in range(2)]
    histories = [
        zk.fit(net, (x, t), test=(x, t), epochs=2, batch_size=8)
        for net, x in zip(nets, (pixels, np.asarray(pixels)), strict=True)
    ]
    assert nets[0].flat_params.tobytes() == nets[1].flat_params.tobytes()
    assert histories[0].test_accuracy == histories[1].test_accuracy


def test_a_partial_epoch_is_evaluated_too() -> None:
    history = zk.fit(small_net(), blobs(), test=blobs(1), batch_size=10, steps=6)
    assert history.steps_per_epoch == 4
    assert history.steps == 6
    assert history.epochs == len(history.train_accuracy) == len(history.test_accuracy) == 2


def test_callbacks_come_in_order_and_see_where_it_stands() -> None:
    log: list[Any] = []
    callbacks = [Recorder(log, "a", every_step=True), Recorder(log, "b")]
    zk.fit(small_net(), blobs(), batch_size=20, epochs=2, callbacks=callbacks)
    assert log == [
        ("a", "begin", 0),
        ("b", "begin", 0),
        ("a", "step", 1),
        ("a", "step", 2),
        ("a", "epoch", 1),
        ("b", "epoch", 1),
        ("a", "step", 3),
        ("a", "step", 4),
        ("a", "epoch", 2),
        ("b", "epoch", 2),
        ("a", "end", 4),
        ("b", "end", 4),
    ]


def test_chunks_cover_every_step_once() -> None:
    class Chunks(Callback):
        seen: list[int]

        def on_chunk_end(self, run: Any) -> None:
            self.seen.append(run.step)

    chunks = Chunks()
    chunks.seen = []
    history = zk.fit(small_net(), blobs(), batch_size=5, epochs=3, callbacks=[chunks])
    assert chunks.seen == sorted(set(chunks.seen))
    assert chunks.seen[0] == 1
    assert chunks.seen[-1] == history.steps == 24


def test_a_callback_may_stop() -> None:
    history = zk.fit(
        small_net(), blobs(), batch_size=10, epochs=5, callbacks=[StopAt(6, error=None)]
    )
    assert (history.steps, history.epochs, history.interrupted) == (6, 2, False)
    assert len(history.train_accuracy) == 2


def test_evaluate_false_measures_nothing_and_keeps_by_loss(tmp_path: Path) -> None:
    net = small_net()
    history = zk.fit(net, blobs(), test=blobs(1), epochs=3, evaluate=False, out=tmp_path)
    assert history.train_accuracy == history.test_accuracy == []
    assert history.best_epoch == 3
    assert (
        zk.load(tmp_path / "model.safetensors").flat_params.tobytes() == net.flat_params.tobytes()
    )


def test_regression_has_no_accuracy_and_learns() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 3))
    t = x @ np.array([[1.0], [-2.0], [0.5]]) + 3
    net = zk.Sequential([zk.Affine(1)], 3, loss=zk.IdentityWithLoss(), dtype=np.float64)
    history = zk.fit(net, (x, t), test=(x, t), epochs=40, batch_size=20)
    assert history.train_accuracy == history.test_accuracy == []
    assert history.loss[-1] < 1e-6
    np.testing.assert_allclose(net.params["affine1.W"].ravel(), [1, -2, 0.5], atol=1e-3)


def test_a_network_of_two_inputs() -> None:
    rng = np.random.default_rng(3)
    a, b = zk.Input("a", (4,)), zk.Input("b", (2,))
    net = zk.Network(zk.Affine(3)(a) + zk.Affine(3)(b), loss=zk.SoftmaxWithLoss())
    x = {"a": rng.normal(size=(50, 4)), "b": rng.normal(size=(50, 2))}
    t = (x["a"][:, 0] + x["b"][:, 0] > 0).astype(np.int64)  # neither input is enough alone
    history = zk.fit(net, (x, t), epochs=60, batch_size=10)
    assert history.train_accuracy[-1] > 0.9
    with pytest.raises(ArgumentError, match="the inputs a, b, got a"):
        zk.fit(net, ({"a": x["a"]}, t))
    with pytest.raises(ArgumentError, match="mapping"):
        zk.fit(net, (x["a"], t))


X, T = blobs()
SPOILED = X.copy()
SPOILED[17, 2] = np.nan
HUGE = X.astype(np.float64)
HUGE[5, 1] = 1e300
REFUSED: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("no pair", {"train": X}, ArgumentError, r"train must be a pair \(x, t\), got ndarray"),
    ("three", {"train": (X, T, T)}, ArgumentError, "got a tuple of 3"),
    ("lengths", {"train": (X, T[:-1])}, ShapeError, "37 samples, t has 36"),
    ("width", {"train": (X[:, :4], T)}, ShapeError, r"must have shape \(N, 6\), got \(37, 4\)"),
    ("empty", {"train": (X[:0], T[:0])}, ArgumentError, "holds no samples"),
    ("nan", {"train": (SPOILED, T)}, ArgumentError, "input 'x' row 17 holds nan"),
    ("huge", {"train": (HUGE, T)}, ArgumentError, r"row 5 holds 1e\+300.*float32"),
    ("label", {"train": (X, T + 1)}, LabelError, "train: .*label 3"),
    ("test label", {"test": (X, T - 1)}, LabelError, "test: .*label -1"),
    ("float labels", {"train": (X, T * 1.0)}, DtypeError, "labels must be integers"),
    ("text", {"train": (X.astype(str), T)}, DtypeError, "input 'x' must be numbers"),
    ("ragged", {"train": ([[1.0], [1.0, 2.0]], [0, 1])}, ShapeError, "x and t must be arrays"),
    ("both", {"epochs": 1, "steps": 1}, ArgumentError, "not both"),
    ("epochs", {"epochs": 0}, ArgumentError, "epochs must be a whole number from 1, got 0"),
    ("steps", {"steps": 1.5}, ArgumentError, "steps must be a whole number"),
    ("batch size", {"batch_size": 0}, ArgumentError, "batch_size"),
    ("sampling", {"sampling": "all"}, ArgumentError, "'shuffle' or 'choice'"),
    ("optimizer", {"optimizer": zk.SGD}, DtypeError, r"got SGD; make one with SGD\(...\)"),
    ("callback", {"callbacks": [print]}, DtypeError, "a callback must be a Callback"),
    ("net", {"net": None}, DtypeError, "net must be a Network"),
]


@pytest.mark.parametrize(
    ("change", "error", "match"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_wrong_arguments_are_refused_before_any_work(
    change: dict[str, Any], error: type[Exception], match: str, tmp_path: Path
) -> None:
    net = small_net()
    before, log = net.flat_params.copy(), []
    arguments = {"net": net, "train": (X, T), "callbacks": [Recorder(log)], "out": tmp_path / "run"}
    arguments |= change
    with pytest.raises(error, match=match):
        zk.fit(arguments.pop("net"), arguments.pop("train"), **arguments)
    np.testing.assert_array_equal(net.flat_params, before)
    assert log == []
    assert not (tmp_path / "run").exists()


def test_a_network_without_loss_is_refused() -> None:
    with pytest.raises(ArgumentError, match="has no loss"):
        zk.fit(zk.Sequential([zk.Affine(3)], SIZE), (X, T))


def test_an_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(DataError, match="cannot make"):
        zk.fit(small_net(), (X, T), out=tmp_path / "run")
    assert (tmp_path / "run").read_text() == "mine"


def test_the_run_directory_holds_the_best_model(tmp_path: Path) -> None:
    class Spoil(Callback):
        def on_epoch_end(self, run: Any) -> None:
            if run.epoch == 4:
                run.net.flat_params[...] *= -1

    net = small_net()
    out = tmp_path / "a" / "run"
    history = zk.fit(
        net,
        blobs(),
        test=blobs(1),
        batch_size=10,
        epochs=5,
        callbacks=[Spoil()],
        optimizer=zk.SGD(lr=0.05),
        out=out,
    )
    files = ["checkpoint.safetensors", "history.json", "model.safetensors"]
    assert sorted(path.name for path in out.iterdir()) == files
    assert zk.History.load(out / "history.json") == history
    best = zk.load(out / "model.safetensors").accuracy(*blobs(1))
    assert best == max(history.test_accuracy) > history.test_accuracy[-1]
    assert history.test_accuracy[-1] == net.accuracy(*blobs(1))
