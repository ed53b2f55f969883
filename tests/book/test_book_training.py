"""`zerokara.book`: optimizers over dictionaries, the trainer, MNIST in the book's dtypes."""

from __future__ import annotations

import numpy as np
import pytest

import zerokara as zk
from zerokara.book import traps
from zerokara.book.common import optimizer
from zerokara.book.common.gradient import numerical_gradient, numerical_gradient_2d
from zerokara.book.common.multi_layer_net import MultiLayerNet
from zerokara.book.common.trainer import Trainer
from zerokara.book.dataset.mnist import load_mnist
from zerokara.errors import ArgumentError, DtypeError, ShapeError


def moved(kind, steps, value, slope, **settings):
    params = {"p": value}
    rule = kind(**settings)
    for _ in range(steps):
        rule.update(params, {"p": slope(params["p"])})
    return params["p"], rule


@pytest.mark.parametrize(
    ("name", "settings", "peer"),
    [
        ("SGD", {"lr": 0.1}, zk.SGD(lr=0.1)),
        ("Momentum", {"lr": 0.1, "momentum": 0.8}, zk.Momentum(lr=0.1, momentum=0.8)),
        ("Nesterov", {"lr": 0.1}, zk.Nesterov(lr=0.1)),
        ("AdaGrad", {"lr": 0.5}, zk.AdaGrad(lr=0.5)),
        ("RMSprop", {"lr": 0.1}, zk.RMSProp(lr=0.1)),
        ("Adam", {"lr": 0.1}, zk.Adam(lr=0.1, eps=0.0)),
    ],
)
def test_a_rule_is_that_of_zerokara(name, settings, peer, rng):
    start = rng.choice([-1.0, 1.0], (3, 4)) * (2 + rng.random((3, 4)))
    ours, rule = moved(getattr(optimizer, name), 5, start.copy(), lambda p: 2 * p, **settings)
    wanted = {"p": start.copy()}
    for _ in range(5):
        peer.update(wanted, {"p": 2 * wanted["p"]})
    # The book's Adam has an epsilon, 1e-7 beside slopes of about 4; more at the first steps.
    np.testing.assert_allclose(ours, wanted["p"], rtol=1e-5 if name == "Adam" else 1e-13)
    number, _ = moved(getattr(optimizer, name), 5, float(start[0, 0]), lambda p: 2 * p, **settings)
    assert number == ours[0, 0]
    assert rule.lr == settings["lr"]


def test_arrays_change_in_place_and_numbers_are_exchanged():
    params = {"W": np.ones((2, 2)), "x": -7}
    W = params["W"]
    optimizer.SGD(lr=0.5).update(params, {"W": np.ones((2, 2)), "x": 1.0})
    assert params["W"] is W
    assert W[0, 0] == 0.5
    assert params["x"] == -7.5


def test_a_gradient_of_another_shape_is_refused_and_nothing_moves():
    params = {"a": np.ones(2), "b": np.ones(3)}
    with pytest.raises(ShapeError, match=r"params\['b'\] has shape \(3,\), its gradient \(1,\)"):
        optimizer.Adam().update(params, {"a": np.ones(2), "b": np.ones(1)})
    np.testing.assert_array_equal(params["a"], 1)


def trained(epochs, size, **more):
    np.random.seed(0)
    x = np.random.randn(size, 2)
    t = (x.sum(axis=1) > 0).astype(np.uint8)
    net = MultiLayerNet(2, [8], 2)
    trainer = Trainer(net, x, t, x, t, epochs=epochs, mini_batch_size=10, **more)
    trainer.train()
    return trainer


def test_the_trainer_learns_and_tells(capsys):
    trainer = trained(20, 100, optimizer="Adam", optimizer_param={"lr": 0.02})
    assert len(trainer.train_loss_list) == 200
    assert len(trainer.train_acc_list) == len(trainer.test_acc_list) == 20
    assert trainer.test_acc_list[-1] > 0.9
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"train loss:{trainer.train_loss_list[0]}"
    assert lines[1].startswith("=== epoch:1, train acc:")
    assert lines[-2:-1] == ["=============== Final Test Accuracy ==============="]


def test_epochs_that_are_no_whole_number_of_steps_are_all_evaluated(capsys):
    trainer = trained(8, 25, verbose=False)  # 2.5 steps an epoch
    assert trainer.max_iter == 20
    assert len(trainer.train_acc_list) == 8
    assert capsys.readouterr().out == ""


def test_an_unknown_optimizer_is_named():
    with pytest.raises(ArgumentError, match="optimizer 'sdg' is unknown; expected sgd, momentum"):
        trained(1, 20, optimizer="sdg")


def test_integers_are_differentiated_as_floats_and_the_script_is_told_once(capsys):
    traps.forget()
    point = np.array([3, 4])
    for _ in range(2):
        slopes = numerical_gradient(lambda x: (x**2).sum(), point)
        np.testing.assert_allclose(slopes, [6, 8], atol=1e-8)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "test_book_training.py, line " in said[0]
    assert "numerical_gradient got int64" in said[0]
    np.testing.assert_array_equal(point, [3, 4])


def test_float32_is_differentiated_and_the_script_is_told(capsys):
    traps.forget()
    numerical_gradient(lambda x: (x**2).sum(), np.ones(2, np.float32))
    assert "numerical_gradient in float32" in capsys.readouterr().err
    with pytest.raises(DtypeError):
        numerical_gradient(lambda x: x.sum(), np.array(["a"]))


def test_rows_are_differentiated_one_by_one():
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    slopes = numerical_gradient_2d(lambda x: (x**2).sum(), rows)
    np.testing.assert_allclose(slopes, 2 * rows, atol=1e-8)
    np.testing.assert_allclose(
        numerical_gradient_2d(lambda x: (x**2).sum(), rows[0]), [2, 4], atol=1e-8
    )


def test_the_point_is_put_back_when_f_fails():
    point = np.array([1.0, 2.0])

    def fails(x):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        numerical_gradient(fails, point)
    np.testing.assert_array_equal(point, [1, 2])


@pytest.fixture
def few_digits(tmp_path, monkeypatch, rng):
    """A small MNIST: its pixels and labels."""
    pixels = rng.integers(0, 256, (12, 28, 28), np.uint8)
    labels = np.arange(12, dtype=np.uint8) % 10
    for part, name in (("train", "train"), ("test", "t10k")):
        rows = slice(0, 12) if part == "train" else slice(0, 5)
        zk.data.write_idx(tmp_path / f"{name}-images-idx3-ubyte.gz", pixels[rows])
        zk.data.write_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", labels[rows])
    monkeypatch.setenv("ZEROKARA_DATA", str(tmp_path))
    return pixels, labels


def test_mnist_comes_in_the_books_dtypes(few_digits, capsys):
    traps.forget()
    pixels, labels = few_digits
    (x, t), (x_test, _) = load_mnist(normalize=False)
    assert (x.shape, x.dtype, t.dtype) == ((12, 784), np.uint8, np.uint8)
    assert x_test.shape == (5, 784)
    (x, t), _ = load_mnist(flatten=False, one_hot_label=True)
    assert (x.shape, x.dtype, t.dtype) == ((12, 1, 28, 28), np.float32, np.float64)
    np.testing.assert_array_equal(x[:, 0], pixels.astype(np.float32) / 255)
    np.testing.assert_array_equal(t, np.eye(10)[labels])
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1  # once, whatever is loaded after
    assert "MNIST has 12 training images on this machine, not 60,000" in said[0]
