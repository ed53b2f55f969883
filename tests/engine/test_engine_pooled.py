"""Convolutions of which the greatest of each 2x2 goes on; filters that few images find packed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_cases import ISAS, compiled, needs_core, unit, using
from image_cases import build

import zerokara as zk
from zerokara.engine.inference import compile_inference

pytestmark = [needs_core, pytest.mark.native]
DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("size", [12, 13])
def test_three_of_four_zeros_are_not_multiplied(size, rng):
    """Where the greatest of each 2x2 goes on and covers the image; else dout is made and read."""
    layers = [zk.Convolution(5, 3, pad=1), zk.ReLU(), zk.MaxPool(2), zk.Convolution(20, 3)]
    layers += [zk.ReLU(), zk.MaxPool(2, 1), zk.Flatten(), zk.Affine(3)]
    net = zk.Sequential(layers, (1, size, size), loss=zk.SoftmaxWithLoss())
    x, t = rng.normal(size=(4, 1, size, size)).astype(np.float32), np.zeros(4, np.int64)
    text = str(compiled(net, zk.SGD(), x, t, 4).program).split("fused:")[0]
    assert ("which the greatest of 2x2 alone get" in text) == (size == 12)
    assert ("maxpool1: dmaxpool1 back to where it came from" in text) == (size == 13)
    assert "maxpool2: dmaxpool2" in text


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["activation first", "pool first", "normalized"])
def test_the_greatest_of_four_results_goes_on(isa, dtype, order, rng):
    """By tiles, by lines and by squares, of sizes that leave a line and a column over."""
    for channels, size in ((1, 5), (1, 3), (4, 5), (16, 3)):
        middle: list[Any] = [zk.ReLU(), zk.MaxPool(2)]
        if order == "pool first":
            middle = [zk.MaxPool(2), zk.Sigmoid()]
        if order == "normalized":
            middle.insert(0, zk.BatchNormalization())
        layers = [zk.Convolution(17, size, pad=1), *middle, zk.Flatten()]
        with using(isa):
            net = build(rng, layers, (channels, 13, 20), dtype)
            for layer in net.layers.values():
                for name, array in layer.state.items():
                    array[:] = rng.uniform(0.5, 2, array.shape) * (1 if "var" in name else -1)
            if order == "normalized":  # a column turned over has its greatest where the least was
                net.params["batchnormalization1.gamma"][:] = rng.normal(size=17)
            x = rng.normal(size=(5, *net.inputs["x"].shape)).astype(dtype)
            inference = compile_inference(net)
            assert inference is not None
            text = str(inference.program).split("slots")[0]
            assert "greatest of 2x2 ->" in text
            assert "greatest of 2x2 in" not in text
            want = net.forward(x)
            for rows in (1, 5):  # one sample is cut into bands of lines
                got = inference(x[:rows])
                assert np.abs(got - want[:rows]).max() <= 5 * unit(net, 5) * np.abs(want).max()


def test_filters_are_packed_anew_where_they_changed(rng):
    """Few images pack W only where it is another; many always, which the few then must know."""
    net = build(rng, [zk.Convolution(6, 3), zk.Flatten()], (1, 8, 8), np.float64)
    x = rng.normal(size=(40, 1, 8, 8))
    inference = compile_inference(net)
    assert inference is not None
    first, second = net.flat_params.copy(), rng.normal(size=net.flat_params.shape)
    for params, rows in (
        (first, 1),
        (second, 40),
        (first, 1),
        (second, 1),
        (second, 2),
        (first, 40),
    ):
        net.flat_params[:] = params
        np.testing.assert_allclose(inference(x[:rows]), net.forward(x[:rows]), atol=1e-12)
    net.params["convolution1.b"][3] += 1.0
    np.testing.assert_allclose(inference(x[:1]), net.forward(x[:1]), atol=1e-12)
