"""`zerokara.book.common` against zerokara's own maths, with and without the native core."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import zerokara as zk
from zerokara import native
from zerokara.book import affine, windows
from zerokara.book.common import functions, gradient, layers, util
from zerokara.book.common.multi_layer_net import MultiLayerNet
from zerokara.book.common.multi_layer_net_extend import MultiLayerNetExtend
from zerokara.errors import ArgumentError, LabelError, OrderError, ShapeError

TOLERANCE = {np.float64: 1e-13, np.float32: 2e-5}
CONVOLUTIONS = [  # N, C, H, W, filters, size, stride, pad
    (5, 16, 9, 8, 16, 3, 1, 1),  # Winograd's way in AVX2 and below
    (130, 3, 6, 7, 5, 3, 2, 1),  # more samples than a program has room for
    (3, 2, 10, 10, 30, 5, 1, 0),
    (2, 1, 7, 7, 4, 2, 3, 2),
]
POOLINGS = [(17, 8, 6, 2, 2), (2, 3, 7, 3, 2), (3, 5, 6, 2, 1), (2, 4, 9, 3, 3)]


@pytest.fixture(params=["native", "numpy"])
def machine(request, monkeypatch):
    """Both ways to compute; the first is the second where there is no core."""
    if request.param == "native":
        if not native.available:
            pytest.skip(f"the native core is {native.reason}")
        monkeypatch.setattr(affine, "SMALL", 0)
    else:
        for module in (affine, windows):
            monkeypatch.setattr(module, "has_kernels", lambda dtype: False)
    return request.param


def close(given, wanted, dtype):
    assert given.dtype == dtype
    assert given.shape == wanted.shape
    scale = max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(given, wanted, rtol=0, atol=scale * TOLERANCE[dtype])


def locked(array):
    """Nobody may write into what they are given."""
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_is_that_of_the_maths(machine, case, dtype, rng):
    n, channels, height, width, filters, size, stride, pad = case
    x = locked(rng.standard_normal((n, channels, height, width)).astype(dtype))
    W = locked(rng.standard_normal((filters, channels, size, size)).astype(dtype))
    b = locked(rng.standard_normal(filters).astype(dtype))
    maths = zk.Convolution.from_arrays(W.copy(), b.copy(), stride, pad)
    ours = layers.Convolution(W, b, stride, pad)
    y = maths.forward(x)
    close(ours.forward(x), y, dtype)
    dout = locked(rng.standard_normal(y.shape).astype(dtype))
    dx = maths.backward(dout)
    for _ in range(2):  # backward may be called twice
        close(ours.backward(dout), dx, dtype)
        close(ours.dW, maths.grads["W"], dtype)
        close(ours.db, maths.grads["b"], dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", POOLINGS, ids=str)
def test_pooling_is_that_of_the_maths(machine, case, dtype, rng):
    n, channels, side, size, stride = case
    x = locked(np.round(rng.standard_normal((n, channels, side, side)), 1).astype(dtype))  # ties
    maths, ours = zk.MaxPool(size, stride), layers.Pooling(size, size, stride)
    y = maths.forward(x)
    np.testing.assert_array_equal(ours.forward(x), y)
    dout = locked(rng.standard_normal(y.shape).astype(dtype))
    close(ours.backward(dout), maths.backward(dout), dtype)
    rows = x.transpose(0, 2, 3, 1)[:, :size, :size].reshape(n, size * size, channels)
    first = ours.arg_max.reshape(*ours.arg_max.shape[:0], n, -1, channels)[:, 0]
    np.testing.assert_array_equal(first, rows.argmax(axis=1))


def test_padding_of_a_pooling_is_zeros_and_counts(rng):
    x = -1 - rng.random((2, 3, 4, 4))
    pooling = layers.Pooling(2, 2, 2, pad=1)
    y = pooling.forward(x)
    assert y.shape == (2, 3, 3, 3)
    assert (y[:, :, [0, 0, 2, 2], [0, 2, 0, 2]] == 0).all()
    dx = pooling.backward(np.ones_like(y))
    assert dx.sum() == 2 * 3  # only the window in the middle lies whole in the image


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(3, 5), (140, 70), (2, 3, 4, 5)], ids=str)
def test_affine_is_that_of_the_maths(machine, shape, dtype, rng):
    x = locked(rng.standard_normal(shape).astype(dtype))
    width = int(np.prod(shape[1:]))
    W = locked(rng.standard_normal((width, 6)).astype(dtype))
    b = locked(rng.standard_normal(6).astype(dtype))
    maths, ours = zk.Affine.from_arrays(W.copy(), b.copy()), layers.Affine(W, b)
    y = maths.forward(x)
    close(ours.forward(x), y, dtype)
    dout = locked(rng.standard_normal(y.shape).astype(dtype))
    dx = maths.backward(dout)
    close(ours.backward(dout), dx.reshape(shape), dtype)
    close(ours.dW, maths.grads["W"], dtype)
    close(ours.db, maths.grads["b"], dtype)


def test_layers_follow_weights_that_change_in_place_or_are_exchanged(machine, rng):
    x, W, b = rng.standard_normal((2, 3, 5, 5)), rng.standard_normal((4, 3, 3, 3)), np.zeros(4)
    layer = layers.Convolution(W, b)
    y = layer.forward(x)
    W *= 2
    np.testing.assert_allclose(layer.forward(x), 2 * y)
    layer.W = W / 2
    np.testing.assert_allclose(layer.forward(x), y)


def test_pixels_and_half_floats_are_taken(machine, rng):
    pixels = rng.integers(0, 256, (2, 1, 6, 6), np.uint8)
    W, b = rng.standard_normal((3, 1, 3, 3)), np.zeros(3)
    layer = layers.Convolution(W, b)
    wanted = layer.forward(pixels.astype(float))
    for x in (pixels, pixels.astype(np.float16), pixels.astype(np.int64)):
        np.testing.assert_allclose(layer.forward(x), wanted)


def test_a_wrong_shape_is_refused_before_a_kernel_reads_it(machine, rng):
    conv = layers.Convolution(rng.standard_normal((4, 3, 3, 3)), np.zeros(4))
    with pytest.raises(ShapeError, match=r"do not fit images \(2, 2, 5, 5\)"):
        conv.forward(np.zeros((2, 2, 5, 5)))
    with pytest.raises(ShapeError, match="takes images"):
        conv.forward(np.zeros((3, 5)))
    with pytest.raises(OrderError):
        conv.backward(np.zeros((2, 4, 3, 3)))


@pytest.mark.skipif(not native.available, reason="only kernels could read past an array")
def test_a_dout_of_another_shape_is_refused(rng):
    conv = layers.Convolution(rng.standard_normal((4, 3, 3, 3)), np.zeros(4))
    conv.forward(np.zeros((2, 3, 5, 5)))
    with pytest.raises(ShapeError, match=r"expected \(2, 4, 3, 3\)"):
        conv.backward(np.zeros((1, 4, 3, 3)))
    pooling = layers.Pooling(2, 2)
    pooling.forward(np.zeros((2, 3, 4, 4)))
    with pytest.raises(ShapeError, match=r"expected \(2, 3, 2, 2\)"):
        pooling.backward(np.zeros((2, 3, 2, 1)))


def test_a_network_that_has_run_can_be_copied_and_pickled(rng):
    layer = layers.Convolution(rng.standard_normal((4, 3, 3, 3)), np.zeros(4))
    x = rng.standard_normal((2, 3, 5, 5))
    y = layer.forward(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin.forward(x), y)


def test_relu_leaves_dout_alone():
    relu = layers.Relu()
    np.testing.assert_array_equal(relu.forward(np.array([[-1.0, 0.0, 2.0]])), [[0, 0, 2]])
    dout = locked(np.array([[np.inf, 5.0, 7.0]]))
    np.testing.assert_array_equal(relu.backward(dout), [[0, 0, 7]])
    np.testing.assert_array_equal(relu.backward(dout), [[0, 0, 7]])


def test_dropout_draws_from_the_global_generator_and_scales_in_inference():
    x = np.ones((4, 50))
    layer = layers.Dropout(0.3)
    np.random.seed(3)
    y = layer.forward(x, train_flg=True)
    np.random.seed(3)
    np.testing.assert_array_equal(y, np.random.rand(4, 50) > 0.3)
    np.testing.assert_array_equal(layer.backward(2 * x), 2 * y)
    np.testing.assert_allclose(layer.forward(x, train_flg=False), 0.7)


def test_batch_normalization_against_differences(rng):
    x, weight = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    gamma, beta = rng.standard_normal(4), rng.standard_normal(4)
    layer = layers.BatchNormalization(gamma, beta)

    def objective(_):
        return (layer.forward(x) * weight).sum()

    objective(None)
    dx = layer.backward(weight)
    np.testing.assert_allclose(dx, gradient.numerical_gradient(objective, x), atol=1e-6)
    np.testing.assert_allclose(layer.dgamma, gradient.numerical_gradient(objective, gamma), 1e-6)
    np.testing.assert_allclose(layer.dbeta, gradient.numerical_gradient(objective, beta), 1e-6)


def test_batch_normalization_keeps_running_values(rng):
    x = rng.standard_normal((50, 2, 3, 3))
    layer = layers.BatchNormalization(1.0, 0.0, momentum=0.5)
    layer.forward(x)
    rows = x.reshape(50, -1)
    np.testing.assert_allclose(layer.running_mean, rows.mean(axis=0) / 2)
    np.testing.assert_allclose(layer.running_var, rows.var(axis=0) / 2)
    wanted = (rows - layer.running_mean) / np.sqrt(layer.running_var + 1e-6)
    np.testing.assert_allclose(layer.forward(x, train_flg=False), wanted.reshape(x.shape))


@pytest.mark.parametrize("one_hot", [False, True])
def test_softmax_with_loss_against_differences(one_hot, rng):
    x, t = rng.standard_normal((4, 5)), np.array([0, 4, 2, 2])
    t = np.eye(5)[t] if one_hot else t
    layer = layers.SoftmaxWithLoss()
    layer.forward(x, t)
    measured = gradient.numerical_gradient(lambda x: layer.forward(x, t), x)
    # The loss has the guard 1e-7 beside a probability, its gradient has not: about 1e-7 / p.
    np.testing.assert_allclose(layer.backward(), measured, atol=2e-5)
    np.testing.assert_allclose(layer.backward(3.0), 3 * layer.backward())


def test_a_single_sample_has_the_gradient_of_a_batch_of_one(rng):
    x, t = rng.standard_normal(5), np.eye(5)[2]
    one, batch = layers.SoftmaxWithLoss(), layers.SoftmaxWithLoss()
    assert one.forward(x, t) == batch.forward(x[None], t[None])
    np.testing.assert_array_equal(one.backward(), batch.backward()[0])


def test_cross_entropy_has_the_books_guard_and_refuses_labels_that_do_not_fit():
    y = np.array([[0.1, 0.9], [1.0, 0.0]])
    wanted = -(np.log(0.9 + 1e-7) + np.log(1e-7)) / 2
    assert functions.cross_entropy_error(y, np.array([1, 1])) == pytest.approx(wanted, rel=1e-14)
    assert functions.cross_entropy_error(y, np.eye(2)[[1, 1]]) == pytest.approx(wanted, rel=1e-14)
    with pytest.raises(LabelError, match=r"targets of shape \(3,\)"):
        functions.cross_entropy_error(y, np.array([1, 1, 0]))


def test_the_slope_of_relu_at_zero_is_that_of_the_layer():
    x = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(functions.relu_grad(x), [0, 0, 1])


def test_sigmoid_does_not_overflow(recwarn):
    np.testing.assert_array_equal(functions.sigmoid(np.array([-1e4, 0, 1e4])), [0, 0.5, 1])
    np.testing.assert_allclose(functions.sigmoid_grad(0.0), 0.25)
    assert not recwarn.list


def test_im2col_and_back(rng):
    x = rng.standard_normal((2, 3, 6, 5))
    columns = util.im2col(x, 3, 2, stride=2, pad=1)
    rows, width = (util.conv_output_size(6, 3, 2, 1), util.conv_output_size(5, 2, 2, 1))
    assert columns.shape == (2 * rows * width, 3 * 3 * 2)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    np.testing.assert_array_equal(columns[width + 1], padded[0, :, 2:5, 2:4].reshape(-1))
    other = rng.standard_normal(columns.shape)
    back = util.col2im(other, x.shape, 3, 2, stride=2, pad=1)
    assert (columns * other).sum() == pytest.approx((x * back).sum())  # each other's transpose


def test_helpers(rng):
    curve = rng.standard_normal(30)
    smooth = util.smooth_curve(list(curve))
    weights = np.kaiser(11, 2) / np.kaiser(11, 2).sum()
    assert smooth.shape == (30,)
    assert smooth[12] == pytest.approx((curve[7:18] * weights).sum())
    np.testing.assert_allclose(util.smooth_curve(np.full(6, 2.0)), 2)
    np.random.seed(0)
    x, t = util.shuffle_dataset(np.arange(20).reshape(10, 2), np.arange(10))
    np.testing.assert_array_equal(x[:, 0], 2 * t)
    assert sorted(t) == list(range(10))
    assert t.tolist() != list(range(10))


@pytest.mark.parametrize("batchnorm", [False, True])
def test_a_network_s_gradient_against_differences(batchnorm, rng):
    np.random.seed(1)
    net = MultiLayerNetExtend(
        4, [6, 5], 3, "sigmoid", "xavier", weight_decay_lambda=0.1, use_batchnorm=batchnorm
    )
    x, t = rng.standard_normal((7, 4)), rng.integers(0, 3, 7)
    exact, measured = net.gradient(x, t), net.numerical_gradient(x, t)
    assert list(exact) == list(measured)
    assert set(exact) == set(net.params)
    for name, slope in exact.items():
        np.testing.assert_allclose(slope, measured[name], atol=2e-5, err_msg=name)


def test_networks_have_the_book_s_names_and_refuse_what_they_do_not_know():
    net = MultiLayerNetExtend(4, [6], 3, use_dropout=True, dropout_ration=0.1, use_batchnorm=True)
    assert list(net.layers) == [
        "Affine1",
        "BatchNorm1",
        "Activation_function1",
        "Dropout1",
        "Affine2",
    ]
    assert list(net.params) == ["W1", "b1", "W2", "b2", "gamma1", "beta1"]
    assert net.layers["Affine1"].W is net.params["W1"]
    np.random.seed(0)
    net = MultiLayerNet(1000, [100], 10, weight_init_std="he")
    assert net.params["W1"].std() == pytest.approx(np.sqrt(2 / 1000), rel=0.02)
    with pytest.raises(ArgumentError, match="activation 'tanh' is unknown"):
        MultiLayerNet(4, [3], 2, activation="tanh")
    with pytest.raises(ArgumentError, match="weight_init_std 'hee' is unknown"):
        MultiLayerNet(4, [3], 2, weight_init_std="hee")
