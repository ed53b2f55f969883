"""The book's ConvNets: shapes and names, gradients, learning, and weights from files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError, ModelFileError, ShapeError
from zerokara.models import MODELS, DeepConvNet, MultiLayerNet, SimpleConvNet

SMALL: dict[str, Any] = {
    "input_dim": (2, 10, 8),
    "conv_param": {"filter_num": 3, "filter_size": 3, "pad": 1, "stride": 1},
    "hidden_size": 5,
    "output_size": 4,
}
FEW: dict[str, Any] = {
    f"conv_param_{i}": {"filter_num": 2 + i // 3, "filter_size": 3, "pad": 1} for i in range(1, 7)
}


def small_deep(dtype: Any = np.float32) -> DeepConvNet:
    return DeepConvNet((1, 9, 8), **FEW, hidden_size=6, output_size=3, rng=4, dtype=dtype)


def test_the_books_shapes_and_names() -> None:
    simple = {name: array.shape for name, array in SimpleConvNet().params.items()}
    assert simple == {
        **{"W1": (30, 1, 5, 5), "b1": (30,), "W2": (4320, 100), "b2": (100,)},
        **{"W3": (100, 10), "b3": (10,)},
    }
    deep = {name: array.shape for name, array in DeepConvNet().params.items()}
    sizes = [(16, 1), (16, 16), (32, 16), (32, 32), (64, 32), (64, 64)]
    wanted: dict[str, tuple[int, ...]] = {}
    for i, (filters, channels) in enumerate(sizes, 1):
        wanted |= {f"W{i}": (filters, channels, 3, 3), f"b{i}": (filters,)}
    wanted |= {"W7": (1024, 50), "b7": (50,), "W8": (50, 10), "b8": (10,)}
    assert deep == wanted
    kinds = [type(layer).__name__ for layer in DeepConvNet().layers.values()]
    assert kinds == [
        *["Convolution", "ReLU", "Convolution", "ReLU", "MaxPool"] * 3,
        *["Affine", "ReLU", "Dropout", "Affine", "Dropout"],
    ]


def test_initial_weights() -> None:
    simple, deep = SimpleConvNet(), DeepConvNet()
    assert simple.params["W2"].std() == pytest.approx(0.01, rel=0.02)
    for name, fan_in in (("W2", 16 * 9), ("W5", 32 * 9), ("W7", 1024)):
        assert deep.params[name].std() == pytest.approx(np.sqrt(2 / fan_in), rel=0.05)
    assert not any(deep.params[f"b{i}"].any() for i in range(1, 9))
    he = SimpleConvNet(weight_init_std="he").params["W2"]
    assert he.std() == pytest.approx(np.sqrt(2 / 4320), rel=0.02)


@pytest.mark.parametrize("targets", ["labels", "one-hot"])
def test_gradients_of_simple_conv_net(targets: str, rng: np.random.Generator) -> None:
    net = SimpleConvNet(**SMALL, weight_init_std="he")
    t = rng.integers(0, 4, 3)
    report = zk.gradcheck(
        net, rng.standard_normal((3, 2, 10, 8)), np.eye(4)[t] if targets == "one-hot" else t
    )
    assert report.ok, report
    assert [row.name for row in report.rows] == ["x", "W1", "b1", "W2", "b2", "W3", "b3"]


def test_gradients_of_deep_conv_net(rng: np.random.Generator) -> None:
    """Without noise: dropout draws anew at each forward pass of training."""
    x, t = rng.standard_normal((2, 1, 9, 8)), rng.integers(0, 3, 2)
    report = zk.gradcheck(small_deep(), x, t, training=False)
    assert report.ok, report
    assert len(report.rows) == 17


def test_a_program_gives_what_the_maths_gives(rng: np.random.Generator) -> None:
    for net, shape in ((SimpleConvNet(**SMALL), (2, 10, 8)), (small_deep(), (1, 9, 8))):
        x = rng.standard_normal((5, *shape)).astype(np.float32)
        np.testing.assert_allclose(net.predict(x), net.predict_eagerly(x), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(net.predict(x[0]), net.predict(x)[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("make", [lambda: SimpleConvNet(**SMALL), small_deep])
def test_saved_and_loaded_as_the_model_it_is(make: Any, tmp_path: Path) -> None:
    net = make()
    zk.save(net, tmp_path / "net.safetensors")
    again = zk.load(tmp_path / "net.safetensors")
    assert type(again) is type(net)
    assert MODELS[type(net).__name__] is type(net)
    assert again.flat_params.tobytes() == net.flat_params.tobytes()
    assert again.summary() == net.summary()
    assert type(net)(**net.arguments, rng=0).params.keys() == net.params.keys()


def test_digits_are_learned() -> None:
    train, test = zk.data.load_digits(flatten=False)
    param = {"filter_num": 8, "filter_size": 3}
    net = SimpleConvNet((1, 8, 8), param, 30, weight_init_std="he")
    history = zk.fit(net, train, test=test, optimizer=zk.Adam(lr=0.01), epochs=12, batch_size=50)
    assert history.test_accuracy[-1] > 0.95


def test_as_sequential_it_is_the_same_network(rng: np.random.Generator) -> None:
    layers = [
        *(zk.Convolution(3, 3, pad=1, init=0.01), zk.ReLU(), zk.MaxPool(2)),
        *(zk.Affine(5, init=0.01), zk.ReLU(), zk.Affine(4, init=0.01)),
    ]
    net = zk.Sequential(layers, input_shape=(2, 10, 8), loss=zk.SoftmaxWithLoss(), rng=0)
    assert np.array_equal(net.flat_params, SimpleConvNet(**SMALL, rng=0).flat_params)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: SimpleConvNet(conv_param={"filter_num": 3}),
            ArgumentError,
            "conv_param must hold filter_num, filter_size, pad, stride, got filter_num",
        ),
        (
            lambda: DeepConvNet(conv_param_4={"filters": 3, "filter_size": 3}),
            ArgumentError,
            "DeepConvNet: conv_param_4 must hold",
        ),
        (lambda: SimpleConvNet((1, 4, 4)), ShapeError, "does not fit an image of (4, 4)"),
        (lambda: SimpleConvNet((28, 28)), ShapeError, "takes images of shape"),
        (lambda: DeepConvNet((1, 3, 3)), ShapeError, "MaxPool"),
        (lambda: SimpleConvNet(weight_init_std=-1), ArgumentError, "0 or more, got -1"),
        (lambda: MultiLayerNet(4, [], 2), ArgumentError, "at least one size"),
        (lambda: MultiLayerNet(4, [3], 2, "tanh"), ArgumentError, "got 'tanh'"),
        (lambda: MultiLayerNet(4, [3], 2, weight_init_std="x"), ArgumentError, "got 'x'"),
    ],
)
def test_bad_arguments_are_refused(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)


def test_multi_layer_net(rng: np.random.Generator) -> None:
    for activation, start in (("relu", "relu"), ("sigmoid", "sigmoid"), ("relu", 0.5)):
        net = MultiLayerNet(4, [6, 5], 3, activation, start, dtype=np.float64)
        assert [a.shape for a in net.params.values()] == [
            *[(4, 6), (6,), (6, 5), (5,), (5, 3), (3,)]
        ]
        report = zk.gradcheck(net, rng.standard_normal((4, 4)), rng.integers(0, 3, 4))
        assert report.ok, report
    wide = MultiLayerNet(100, [200], 10)
    assert wide.params["W1"].std() == pytest.approx(np.sqrt(2 / 100), rel=0.02)


def weights(net: zk.Network, rng: np.random.Generator) -> dict[str, Any]:
    return {name: rng.standard_normal(array.shape) for name, array in net.params.items()}


@pytest.mark.parametrize("name", ["weights.pkl", "weights"])
def test_weights_come_in_by_name(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    net = SimpleConvNet(**SMALL)
    given = weights(net, rng)
    (tmp_path / name).write_bytes(pickle.dumps(dict(reversed(given.items())), 4))
    net.load_params(tmp_path / name)
    for key, array in given.items():
        assert np.array_equal(net.params[key], array.astype(np.float32))
    first = next(iter(net.layers.values())).params["W"]
    assert np.shares_memory(first, net.flat_params)


def test_weights_go_out_and_come_in(tmp_path: Path) -> None:
    net, other = small_deep(), DeepConvNet((1, 9, 8), **FEW, hidden_size=6, output_size=3, rng=5)
    path = tmp_path / "weights.safetensors"
    net.save_params(path)
    other.load_params(path)
    assert other.flat_params.tobytes() == net.flat_params.tobytes()
    zk.save(small_deep(np.float64), path)  # with the noise of Dropout, which is no weight
    other.load_params(path)
    assert other.dtype == np.float32
    for wrong in ("weights.pkl", "weights"):
        with pytest.raises(ArgumentError, match=r"must end in \.safetensors; pickles are not"):
            net.save_params(tmp_path / wrong)


@pytest.mark.hostile
def test_weights_that_do_not_fit_change_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    net = SimpleConvNet(**SMALL)
    before, path = net.flat_params.tobytes(), tmp_path / "w.pkl"
    good = weights(net, rng)
    for change, text in (
        ({"W3": None}, "lacks parameters: 'W3'"),
        ({"W4": np.ones(2)}, "holds unknown parameters: 'W4'"),
        ({"b3": np.ones((4, 1))}, r"'b3' has shape \(4, 1\); the network's has \(4,\)"),
        ({"b3": np.ones(4, int)}, "'b3' must hold finite floats, got int64"),
        ({"b3": np.full(4, np.nan)}, "'b3' must hold finite floats, got float64 with NaN"),
    ):
        changed = {k: v for k, v in {**good, **change}.items() if v is not None}
        path.write_bytes(pickle.dumps(changed))
        with pytest.raises(ModelFileError, match=text):
            net.load_params(path)
        assert net.flat_params.tobytes() == before
    for name, text in (("no.safetensors", "no such file"), ("no.pkl", "No such file")):
        with pytest.raises(ModelFileError, match=text):
            net.load_params(tmp_path / name)
    (tmp_path / "bad.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelFileError, match="no safetensors file"):
        net.load_params(tmp_path / "bad.safetensors")


@pytest.mark.parametrize(
    ("make", "name", "accuracy"),
    [
        (lambda: MultiLayerNet(784, [50, 100], 10, "sigmoid"), "sample_weight", 0.9352),
        (SimpleConvNet, "simple_convnet_params", 0.9600),
        (DeepConvNet, "deep_convnet_params", 0.9797),
    ],
)
def test_the_books_weights_give_the_books_accuracy(
    make: Any, name: str, accuracy: float, data_root: Path, mnist_root: Path
) -> None:
    path = data_root / "book" / f"{name}.pkl"
    if not path.is_file():
        pytest.skip(f"no real data: {path} is not there")
    net = make()
    net.load_params(path)
    _, (x, t) = zk.data.load_mnist(flatten=net.input_shape == (784,), root=mnist_root)
    assert len(x) == 10_000
    assert net.accuracy(x, t) == accuracy
