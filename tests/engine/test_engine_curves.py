"""LeakyReLU, ELU, GELU, SiLU and Softplus in programs, against their maths."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import ISAS, compare, compiled, needs_core, using
from image_cases import build, random_images

import zerokara as zk
from zerokara.engine.inference import compile_inference

pytestmark = [needs_core, pytest.mark.native]
CURVES = {
    "LeakyReLU": lambda: zk.LeakyReLU(0.2),
    "ELU": lambda: zk.ELU(1.3),
    "GELU": lambda: zk.GELU(),
    "GELU, tanh": lambda: zk.GELU("tanh"),
    "SiLU": lambda: zk.SiLU(),
    "Softplus": lambda: zk.Softplus(),
}
curves = pytest.mark.parametrize("make", CURVES.values(), ids=CURVES.keys())


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@curves
def test_every_number_as_in_the_maths(isa, dtype, make, rng):
    """From 1e-6 to 100 with few units in the last place, small results with their digits."""
    with using(isa):
        net = build(rng, [zk.Convolution(1, 1), make(), zk.Flatten()], (1, 1, 500), dtype)
        net.flat_params[:] = (1, 0)
        x = rng.normal(size=(4, 1, 1, 500)) * 10.0 ** rng.integers(-6, 2, (4, 1, 1, 500))
        x = x.astype(dtype)
        inference = compile_inference(net)
        assert inference is not None
        got = inference(x).astype(np.float64)
        want = make().forward(x.astype(np.float64)).reshape(4, -1)
    eps = float(np.finfo(dtype).eps)
    # In the far tail the exponential takes the error of its exponent with it, which is as many
    # units as the exponent is large: x**2, and for the cubic in GELU's tanh its derivative times x.
    allowed = 8 * eps * np.abs(want) * (1 + np.abs(x.reshape(4, -1)) ** 4)
    assert (np.abs(got - want) <= allowed + 100 * np.finfo(dtype).tiny).all()


@pytest.mark.parametrize("isa", ISAS)
@curves
def test_gradients_in_rows_and_images(isa, make, rng):
    with using(isa):
        for layers, shape in (
            ([zk.Affine(37), make(), zk.Affine(5), make()], (11,)),
            ([zk.Convolution(6, 3, pad=1), make(), zk.Convolution(3, 3), make()], (2, 7, 6)),
        ):
            net = build(rng, [*layers, zk.Flatten()], shape, np.float64)
            x, t = random_images(rng, net, 20)
            compare(net, lambda: zk.SGD(0.05), x, t, [np.arange(20), np.arange(3)])
            step = compiled(net, zk.SGD(0.05), x, t, 20)
            assert "Python calls: 0" in str(step.program)


@curves
def test_nan_and_infinities(make):
    """One column a network, so that no other number is touched by them."""
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300]).reshape(7, 1)
    net = zk.Sequential([zk.Affine(1), make()], 1, dtype=np.float64)
    net.flat_params[:] = (1, 0)
    inference = compile_inference(net)
    assert inference is not None
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(inference(x), make().forward(x), rtol=1e-12)
