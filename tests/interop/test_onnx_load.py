"""Reading ONNX files: the node patterns of Keras and PyTorch, against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_cases import floats, model, node, onnx, run, write

import zerokara as zk
from zerokara.errors import ArgumentError, ModelFileError
from zerokara.interop import onnx as zonnx

RNG = np.random.default_rng(7)
ints = np.array


def f(*shape: int) -> np.ndarray:
    return floats(RNG, *shape)


def keras_mlp() -> Any:
    """What tf2onnx writes of Dense layers: MatMul and Add."""
    nodes = [
        node("MatMul", "x W1", "a"), node("Add", "a b1", "b"), node("Relu", "b", "c"),
        node("MatMul", "c W2", "d"), node("Add", "b2 d", "e"), node("Softmax", "e", "y", axis=-1),
    ]  # fmt: skip
    tensors = {"W1": f(6, 5), "b1": f(5), "W2": f(5, 3), "b2": f(1, 3)}
    return model(nodes, tensors, {"x": ["n", 6]}), (6,)


def keras_conv() -> Any:
    """NHWC in, transposed for the convolution, transposed back before Flatten; SAME padding."""
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t K", "c", auto_pad="SAME_UPPER", strides=[2, 2], kernel_shape=[3, 2]),
        node("Add", "c kb", "cb"), node("Relu", "cb", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", "p", "u", perm=[0, 2, 3, 1]), node("Sigmoid", "u", "s"),
        node("Reshape", "s to", "f"), node("MatMul", "f W", "m"), node("Add", "m b", "y"),
    ]  # fmt: skip
    tensors = {"K": f(4, 3, 3, 2), "kb": f(1, 4, 1, 1), "W": f(2 * 3 * 4, 5), "b": f(5)}
    return model(nodes, tensors | {"to": ints([-1, 24])}, {"x": ["n", 8, 11, 3]}), (8, 11, 3)


def keras_grey() -> Any:
    """One channel: tf2onnx puts a Reshape in the Transpose's place. Scaled, too."""
    nodes = [
        node("Mul", "x scale", "z"), node("Reshape", "z to", "t"),
        node("Conv", "t K kb", "c", pads=[0, 1, 2, 0]), node("Elu", "c", "e", alpha=0.5),
        node("GlobalAveragePool", "e", "g"), node("Squeeze", "g axes", "s"),
        node("Gemm", "s W b", "h", transB=1, alpha=0.5, beta=2.0), node("Add", "h b", "y"),
    ]  # fmt: skip
    tensors = {"scale": ints(1 / 255, np.float32), "to": ints([-1, 1, 5, 6]), "K": f(4, 1, 3, 3)}
    tensors |= {"kb": f(4), "axes": ints([2, 3]), "W": f(2, 4), "b": f(2)}
    return model(nodes, tensors, {"x": ["n", 5, 6, 1]}), (5, 6, 1)


def keras_scaled() -> Any:
    """A Normalization layer on NHWC images."""
    nodes = [
        node("Sub", "x mean", "a"), node("Div", "a std", "b"),
        node("Transpose", "b", "t", perm=[0, 3, 1, 2]), node("Conv", "t K", "c"),
        node("ReduceMean", "c", "y", axes=[2, 3], keepdims=0),
    ]  # fmt: skip
    tensors = {"mean": f(1, 1, 1, 3), "std": np.abs(f(1, 1, 1, 3)) + 1, "K": f(2, 3, 2, 2)}
    return model(nodes, tensors, {"x": ["n", 4, 5, 3]}), (4, 5, 3)


def torch_view() -> Any:
    """x.view(x.size(0), -1) as the older exporter writes it, weights turned in the file."""
    nodes = [
        node("Constant", "", "zero", value=onnx.numpy_helper.from_array(ints(0))),
        node("Constant", "", "rest", value_ints=[-1]),
        node("Shape", "x", "sh"), node("Gather", "sh zero", "n0"), node("Unsqueeze", "n0 ax", "n1"),
        node("Concat", "n1 rest", "to", axis=0), node("Reshape", "x to", "f"),
        node("Transpose", "W", "Wt", perm=[1, 0]), node("MatMul", "f Wt", "m"),
        node("Identity", "m", "i"), node("Add", "i b", "a"), node("LeakyRelu", "a", "l"),
        node("Dropout", "l", "d"), node("Cast", "d", "y", to=1),
    ]  # fmt: skip
    tensors = {"ax": ints([0]), "W": f(4, 12), "b": f(4)}
    return model(nodes, tensors, {"x": ["n", 3, 4]}), (3, 4)


def shared_sum() -> Any:
    """What MatMul gives is used twice, so the sum after it is not its bias."""
    nodes = [
        node("MatMul", "x W", "m"), node("Add", "m b", "a"), node("Mul", "a m", "p"),
        node("Sub", "p m", "s"), node("Sub", "one s", "t"), node("Clip", "t zero", "y"),
    ]  # fmt: skip
    tensors = {"W": f(4, 4), "b": f(4), "one": ints(1, np.float32), "zero": ints(0, np.float32)}
    return model(nodes, tensors, {"x": ["n", 4]}), (4,)


def pools() -> Any:
    nodes = [
        node("AveragePool", "x", "a", kernel_shape=[3, 2], strides=[1, 2], pads=[0, 0, 0, 0]),
        node("MaxPool", "a", "b", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, ceil_mode=1),
        node("BatchNormalization", "b s o m v", "c", epsilon=0.01),
        node("ConvTranspose", "c K", "d", strides=[2, 1], output_padding=[1, 0]),
        node("GlobalMaxPool", "d", "g"), node("Flatten", "g", "y"),
    ]  # fmt: skip
    tensors = {"s": f(2), "o": f(2), "m": f(2), "v": np.abs(f(2)), "K": f(2, 3, 2, 2)}
    return model(nodes, tensors, {"x": ["n", 2, 9, 14]}), (2, 9, 14)


def old_softmax() -> Any:
    nodes = [node("Gemm", "x W b", "a"), node("Add", "a b", "c"), node("Softmax", "c", "y")]
    return model(nodes, {"W": f(4, 3), "b": f(3)}, {"x": ["n", 4]}, opset=9), (4,)


PATTERNS = [
    keras_mlp, keras_conv, keras_grey, keras_scaled, torch_view, shared_sum, pools, old_softmax,
]  # fmt: skip


@pytest.mark.parametrize("make", PATTERNS)
def test_a_pattern(make: Callable[[], Any], tmp_path: Path) -> None:
    made, shape = make()
    path = write(made, tmp_path / "net.onnx")
    x = floats(np.random.default_rng(1), 5, *shape)
    wanted = run(path, x)
    assert np.ptp(wanted) > 1e-3
    net = zonnx.load(path)
    ours = next(iter(net.inputs.values())).shape
    # Images as Keras has them become ours.
    given = x if ours == shape else x.transpose(0, 3, 1, 2)
    assert given.shape[1:] == ours
    np.testing.assert_allclose(net.predict(given), wanted, rtol=2e-5, atol=2e-6)
    zk.save(net, tmp_path / "net.safetensors")
    again = zk.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again.predict(given), net.predict(given))


def test_a_straight_line_is_sequential_with_folded_biases(tmp_path: Path) -> None:
    net = zonnx.load(write(keras_mlp()[0], tmp_path / "net.onnx"))
    assert isinstance(net, zk.Sequential)
    assert list(net.layers) == ["affine1", "relu1", "affine2", "softmax1"]
    trainable = zonnx.load(tmp_path / "net.onnx", loss=zk.SoftmaxWithLoss())
    assert list(trainable.layers) == ["affine1", "relu1", "affine2"]


def test_weights_are_those_of_the_file(tmp_path: Path) -> None:
    made, _ = keras_mlp()
    net = zonnx.load(write(made, tmp_path / "net.onnx"))
    held = {t.name: onnx.numpy_helper.to_array(t) for t in made.graph.initializer}
    np.testing.assert_array_equal(net.params["affine1.W"], held["W1"])
    np.testing.assert_array_equal(net.params["affine2.b"], held["b2"][0])


def test_external_data_inside_the_folder(tmp_path: Path) -> None:
    made, _ = keras_mlp()
    path = tmp_path / "net.onnx"
    (tmp_path / "data").mkdir()
    onnx.save(made, path)
    wanted = zonnx.load(path).flat_params
    moved = tmp_path / "moved.onnx"
    onnx.save(made, moved, save_as_external_data=True, location="w.bin", size_threshold=0)
    np.testing.assert_array_equal(zonnx.load(moved).flat_params, wanted)


def test_numbers_in_every_field(tmp_path: Path) -> None:
    helper, kinds = onnx.helper, onnx.TensorProto
    made = model([node("Gemm", "x W b", "y")], {}, {"x": ["n", 2]})
    half = np.array([0.5, -2], np.float16)
    made.graph.initializer.extend(
        [
            helper.make_tensor("W", kinds.FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.0]),
            helper.make_tensor("b", kinds.FLOAT16, [2], half),
        ]
    )
    net = zonnx.load(write(made, tmp_path / "net.onnx"))
    np.testing.assert_array_equal(net.predict(np.ones((1, 2))), [[4.5, 4]])


def test_float64_inputs_make_a_float64_network(tmp_path: Path) -> None:
    tensors = {"W": RNG.normal(size=(3, 2)), "b": np.zeros(2)}
    made = model([node("Gemm", "x W b", "y")], tensors, {"x": ["n", 3]}, kind=11)
    net = zonnx.load(write(made, tmp_path / "net.onnx"))
    assert net.dtype == np.float64
    np.testing.assert_array_equal(net.params["affine1.W"], tensors["W"])


def test_outputs_and_open_shapes(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "a"), node("Tanh", "a", "b")]
    two = write(model(nodes, {}, {"x": ["n", 3]}, ["a", "b"]), tmp_path / "two.onnx")
    with pytest.raises(ModelFileError, match=r"has 2 outputs of floats \(a, b\); say which one"):
        zonnx.load(two)
    assert list(zonnx.load(two, output="a").layers) == ["relu1"]
    with pytest.raises(ArgumentError, match="output 'c' is none of a, b"):
        zonnx.load(two, output="c")
    wide = write(model(nodes, {}, {"x": ["n", "any"]}, ["b"]), tmp_path / "open.onnx")
    with pytest.raises(ModelFileError, match=r"leaves its shape open .* input_shape=\(...\)"):
        zonnx.load(wide)
    assert zonnx.load(wide, input_shape=(7,)).output_shape == (7,)
    with pytest.raises(ArgumentError, match="does not fit"):
        zonnx.load(two, output="a", input_shape=(4,))


@pytest.mark.parametrize(
    ("nodes", "shape", "message"),
    [
        (
            [node("LSTM", "x W W", "y", hidden_size=3)],
            [3, 3],
            r"node 'LSTM_y' \(LSTM\) is no operat",
        ),
        ([node("Fft", "x", "y", domain="my.own")], [3], r"node 'Fft_y' \(my.own.Fft\) is no oper"),
        ([node("Transpose", "x", "y", perm=[1, 0])], [3], "moves the batch axis"),
        ([node("Softmax", "x", "y", axis=0)], [3], "axis 0 is not the last one"),
        ([node("MatMul", "W x", "y")], [3], r"\(MatMul\): its input 0 is no computed value"),
        ([node("MatMul", "x x", "y")], [3], "is computed; zerokara's layers have fixed weights"),
        ([node("MatMul", "x W", "y")], [4], r"weights of shape \(3, 3\) do not fit 4 inputs"),
        ([node("Gemm", "x W", "y", transA=1)], [3], "transA=1 mixes the samples"),
        ([node("Flatten", "x", "y", axis=2)], [3, 3], "zerokara flattens each sample: axis 1"),
        ([node("Reshape", "x to", "y")], [6], "does not leave the batch axis as it is"),
        ([node("Clip", "x W", "y")], [3], "are not those of ReLU"),
        ([node("Div", "W x", "y")], [3], "divides by computed values"),
        ([node("Conv", "x K", "y")], [2, 4], r"takes images \(N, channels, height, width\)"),
        ([node("Conv", "x K", "y", auto_pad="ODD")], [3, 4, 4], "auto_pad 'ODD' is unknown"),
        ([node("Conv", "x K", "y", strides=[0, 1])], [3, 4, 4], "strides must be 2 numbers from 1"),
        ([node("Conv", "x K", "y")], [3, 1, 1], "does not fit an image"),
        (
            [node("AveragePool", "x", "y", kernel_shape=[2, 2], pads=[1, 1, 1, 1])],
            [3, 4, 4],
            "counts padding as zeros",
        ),
        (
            [node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
            [3, 5, 5],
            r"ceil_mode give images of \(3, 3\)",
        ),
        (
            [
                node("Transpose", "x", "t", perm=[0, 2, 3, 1]),
                node("Conv", "x K", "c"),
                node("Add", "c t", "y"),
            ],
            [3, 4, 4],
            "joins samples of shapes",
        ),
    ],
)
def test_what_cannot_be_read_is_named(
    nodes: list[Any], shape: list[int], message: str, tmp_path: Path
) -> None:
    tensors = {"W": f(3, 3), "K": f(2, 3, 2, 2), "to": ints([3, 2])}
    path = write(model(nodes, tensors, {"x": ["n", *shape]}), tmp_path / "net.onnx")
    with pytest.raises(ModelFileError, match=message) as caught:
        zonnx.load(path)
    assert str(caught.value).startswith(str(path))
