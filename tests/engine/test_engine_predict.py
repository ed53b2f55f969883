"""net.predict and net.accuracy by their program against the maths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_cases import ISAS, LOSSES, needs_core, random_data, random_network, unit, using

import zerokara as zk
from zerokara import errors
from zerokara.engine import compile_inference

pytestmark = [needs_core, pytest.mark.native]
DTYPES = (np.float32, np.float64)
ROWS = (0, 1, 2, 3, 4, 5, 383, 384, 385, 767, 768, 1000, 1024, 1025)


def check(net: zk.Network, x: Any) -> None:
    """Scores against the same network's own maths in float64, within rounding."""
    truth = net.astype(np.float64)
    got, want = net.predict(x), truth.predict_eagerly(x)
    assert net._inference is not None, "there is no program"
    assert got.dtype == net.dtype
    assert got.shape == want.shape
    assert got.flags.writeable
    if got.size:
        error = np.abs(got - want).max() / max(1.0, np.abs(want).max())
        assert error <= unit(net, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_random_networks_and_batches(isa, dtype, rng):
    for number in range(24):
        with using(isa):
            net = random_network(rng, number % 7, LOSSES[number % 5], dtype)
            x, _ = random_data(rng, net, LOSSES[number % 5], ROWS[number % len(ROWS)])
            check(net, x)
            if len(x) == 1:
                check(net, x["x"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", ROWS)
def test_rows_of_every_count(rows, dtype, rng):
    net = zk.models.TwoLayerNet(20, 33, 10, dtype=dtype)
    x = rng.normal(size=(rows, 20)).astype(np.float32)
    check(net, x)
    check(net, x.astype(np.float64))
    check(net, {"x": x})


@pytest.mark.parametrize("sizes", [(20, 33, 10), (130, 50, 10)])
def test_rows_do_not_change_with_their_neighbours(sizes, rng):
    """A row gives the same bits among 385 others as among as many as a block holds."""
    net = zk.models.TwoLayerNet(*sizes)
    x = rng.normal(size=(1000, sizes[0])).astype(np.float32)
    whole = net.predict(x)
    np.testing.assert_array_equal(net.predict(x[100:200]), whole[100:200])
    np.testing.assert_array_equal(net.predict(x[380:390]), whole[380:390])


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_sample_without_a_batch_axis(dtype, rng):
    for shape in ((20,), (2, 10)):
        net = zk.Sequential([zk.Affine(7), zk.ReLU(), zk.Affine(3)], shape, dtype=dtype)
        x = rng.normal(size=(5, *shape)).astype(dtype)
        check(net, x[2])
        assert net.predict(x[2]).shape == (3,)
        check(net, x[2].tolist())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [0, 1, 4, 400])
def test_bytes_and_pixels(rows, dtype, rng):
    net = zk.models.TwoLayerNet(20, 33, 10, dtype=dtype)
    values = rng.integers(0, 256, (rows, 20)).astype(np.uint8)
    check(net, values)
    check(net, values.astype(np.int64))
    check(net, zk.data.Pixels(values))
    check(net, {"x": zk.data.Pixels(values)})
    if rows:
        check(net, values[0])


def two_inputs(dtype: Any = np.float64) -> zk.Network:
    a, b = zk.Input("a", (4,)), zk.Input("b", (2, 2))
    out = zk.Affine(3)(zk.Tanh()(zk.Affine(5)(a))) + zk.Affine(3)(b)
    return zk.Network(out, loss=zk.SoftmaxWithLoss(), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [0, 1, 3, 10, 400])
def test_two_inputs_by_name(rows, dtype, rng):
    net = two_inputs(dtype)
    a = rng.integers(0, 256, (rows, 4)).astype(np.uint8)
    b = rng.normal(size=(rows, 2, 2))
    check(net, {"a": a, "b": b})
    check(net, {"b": b.astype(np.float32), "a": zk.data.Pixels(a)})
    check(net, {"a": rng.normal(size=(2 * rows, 8))[::2, ::2], "b": np.asfortranarray(b)})
    if rows:
        check(net, {"a": a[0], "b": b[0]})


class Doubles(zk.layers.Layer):
    def forward(self, x: Any, *, training: bool = False) -> Any:
        return 2 * x

    def backward(self, dout: Any) -> Any:
        return 2 * dout


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 3, 10, 400])
def test_an_input_that_is_drawn_after_a_layer_in_python(rows, dtype, rng):
    a, b = zk.Input("a", (4,)), zk.Input("b", (4,))
    for net in (
        zk.Network(zk.Affine(3)(Doubles()(a)) + zk.Affine(3)(b), dtype=dtype),
        zk.Network(
            zk.Affine(3)(zk.Tanh()(Doubles()(zk.Affine(4)(a))) + zk.Affine(4)(b)), dtype=dtype
        )
        if rows < 10
        else two_inputs(dtype),
    ):
        for _ in range(2):  # other arrays each time
            feeds = {
                name: rng.normal(size=(rows, *node.shape)).astype(dtype)
                for name, node in net.inputs.items()
            }
            check(net, feeds)


@pytest.mark.parametrize("sizes", [(20, 33, 10), (130, 50, 10)])
def test_parameters_that_change_between_calls_are_seen(sizes, rng):
    net = zk.models.TwoLayerNet(*sizes)
    xs = [rng.normal(size=(rows, sizes[0])).astype(np.float32) for rows in (1, 2, 100)]
    for change in range(3):
        for x in xs:
            check(net, x)
        name = ["W1", "b1", "W2"][change]
        net.params[name][...] = rng.normal(size=net.params[name].shape)
        for x in xs:
            check(net, x)
        net.params[name].flat[-1] += 1
        for x in xs:
            check(net, x)
        net.params[name] = net.params[name] * 0.5
        net.flat_params *= 0.9
    step = zk.compile_step(net, zk.SGD(0.5), xs[2], np.arange(100) % 10)
    step(np.arange(100))
    for x in xs:
        check(net, x)


def test_copies_have_programs_of_their_own(rng):
    net = zk.models.TwoLayerNet(20, 33, 10)
    x = rng.normal(size=(10, 20)).astype(np.float32)
    before = net.predict(x)
    for twin in (net.copy(), net.astype(np.float64)):
        twin.flat_params[...] = 0
        assert not twin.predict(x).any()
        assert twin._inference is not None
        assert twin._inference is not net._inference
        check(twin, x)
    np.testing.assert_array_equal(net.predict(x), before)


def test_results_are_arrays_of_their_own(rng):
    net = zk.models.TwoLayerNet(4, 3, 2)
    first = net.predict(np.ones((2, 4), np.float32))
    kept = first.copy()
    net.predict(np.full((2, 4), 7, np.float32))
    np.testing.assert_array_equal(first, kept)


def test_inputs_are_left_alone(rng):
    net = zk.models.TwoLayerNet(20, 33, 10)
    x = rng.normal(size=(400, 20)).astype(np.float32)
    copy = x.copy()
    x.flags.writeable = False
    net.predict(x)
    net.predict(x[0])
    np.testing.assert_array_equal(x, copy)


@pytest.mark.parametrize("loss", LOSSES[:-1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_accuracy(loss, dtype, rng):
    net = random_network(rng, 2, loss, dtype, (5, 8, 17))
    x, t = random_data(rng, net, loss, 500)
    loss_layer = net.loss_layer
    assert loss_layer is not None
    want = float(np.mean(loss_layer.correct(net.astype(np.float64).predict_eagerly(x), t)))
    assert net.accuracy(x, t) == pytest.approx(want, abs=1.5 / 500)  # one tie may be rounded
    assert 0 <= want <= 1


def test_a_network_without_a_loss_or_kernels_predicts(rng):
    plain = zk.Sequential([zk.Affine(3), zk.Tanh()], 4)
    check(plain, rng.normal(size=(10, 4)))
    shop = zk.Network(zk.Input("apple") * zk.Input("n"))
    assert compile_inference(shop) is None
    assert shop.predict({"apple": 100.0, "n": 2.0}) == 200
    only_python = zk.Sequential([Doubles()], 4)
    assert compile_inference(only_python) is None
    np.testing.assert_array_equal(only_python.predict(np.ones((2, 4))), 2 * np.ones((2, 4)))


@pytest.mark.parametrize(
    ("error", "x"),
    [
        (errors.ShapeError, np.zeros((3, 19))),
        (errors.ShapeError, np.zeros((3, 19), np.uint8)),
        (errors.ShapeError, np.zeros((3, 4, 5))),
        (errors.ShapeError, np.zeros(())),
        (errors.ShapeError, zk.data.Pixels(np.zeros((3, 19), np.uint8))),
        (errors.DtypeError, np.zeros((3, 20), complex)),
        (errors.DtypeError, np.full((3, 20), "a")),
        (errors.ArgumentError, {"y": np.zeros((3, 20))}),
        (errors.ArgumentError, {"y": np.zeros((3, 20), np.uint8)}),
        (errors.ArgumentError, {}),
        (errors.ArgumentError, {"x": np.zeros((3, 20)), "y": np.zeros(3)}),
    ],
)
def test_what_does_not_fit_is_refused(error, x):
    net = zk.models.TwoLayerNet(20, 33, 10)
    with pytest.raises(error):
        net.predict(x)
    assert net.predict(np.zeros((2, 20))).shape == (2, 10)
