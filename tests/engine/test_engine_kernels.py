"""Kernels through networks of one layer: bits on whole numbers, shapes, layouts, NaN and infinity.

Products and sums of small whole numbers are exact in any order, so there the program must give
NumPy's very bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_cases import ISAS, compiled, eager_step, needs_core, using

import zerokara as zk

pytestmark = [needs_core, pytest.mark.native]
DTYPES = (np.float32, np.float64)
LARGE = [(784, 50), (513, 257), (4096, 3), (3, 4096), (40, 1025)]


def whole(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-3, 4, shape).astype(np.float64)


def one_layer(rng: np.random.Generator, inputs: int, outputs: int, dtype: Any, relu: bool) -> Any:
    layer = zk.Affine.from_arrays(whole(rng, inputs, outputs), whole(rng, outputs))
    layers = [layer, zk.ReLU()] if relu else [layer]
    return zk.Sequential(layers, inputs, loss=zk.IdentityWithLoss(), dtype=dtype)


def check_step_to_the_bit(rng: np.random.Generator, net: Any, inputs: int, rows: int) -> None:
    """One step of SGD at learning rate `rows`, so that lr / rows is 1 and all stays whole."""
    (outputs,) = net.output_shape
    x, t = whole(rng, rows, inputs), whole(rng, rows, outputs)
    rows_used = 1 << (rows.bit_length() - 1)  # a power of 2, by which division is exact
    batch = rng.permutation(rows)[:rows_used]
    twin = net.copy()
    np.testing.assert_array_equal(net.predict(x), twin.predict_eagerly(x))
    fast, slow = zk.SGD(float(rows_used)), zk.SGD(float(rows_used))
    step = compiled(net, fast, x, t, rows)
    loss = step(batch)
    want = eager_step(twin, slow, x, t)(batch)
    assert loss == pytest.approx(want, rel=1e-6)
    np.testing.assert_array_equal(net.flat_params, twin.flat_params)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_small_shapes_to_the_bit(isa, dtype, rng):
    with using(isa):
        for inputs in range(1, 71):
            for outputs in rng.integers(1, 71, 3):
                net = one_layer(rng, inputs, int(outputs), dtype, relu=bool(outputs % 2))
                check_step_to_the_bit(rng, net, inputs, int(rng.integers(1, 40)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("inputs", "outputs"), LARGE)
@pytest.mark.parametrize("isa", ISAS)
def test_large_shapes_to_the_bit(isa, inputs, outputs, dtype, rng):
    with using(isa):
        for rows in (1, 3, 4, 33):
            net = one_layer(rng, inputs, outputs, dtype, relu=True)
            check_step_to_the_bit(rng, net, inputs, rows)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [255, 256, 257, 511, 512, 513, 1030])
@pytest.mark.parametrize("isa", ISAS)
def test_batches_of_several_blocks_to_the_bit(isa, rows, dtype, rng):
    with using(isa):
        for inputs, outputs in ((5, 3), (33, 17), (64, 32)):
            net = one_layer(rng, inputs, outputs, dtype, relu=True)
            check_step_to_the_bit(rng, net, inputs, rows)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_input_gradients_to_the_bit(isa, dtype, rng):
    """Two layers: the first one's gradient needs W^T of the second."""
    with using(isa):
        for _ in range(40):
            inputs, hidden, outputs = (int(n) for n in rng.integers(1, 71, 3))
            layers = [
                zk.Affine.from_arrays(whole(rng, inputs, hidden), whole(rng, hidden)),
                zk.ReLU(),
                zk.Affine.from_arrays(whole(rng, hidden, outputs), whole(rng, outputs)),
            ]
            net = zk.Sequential(layers, inputs, loss=zk.IdentityWithLoss(), dtype=dtype)
            x, t = whole(rng, 16, inputs), whole(rng, 16, outputs)
            rows = int(rng.choice([1, 2, 4, 8, 16]))
            twin = net.copy()
            compiled(net, zk.SGD(rows), x, t, 16)(np.arange(rows))
            eager_step(twin, zk.SGD(rows), x, t)(np.arange(rows))
            np.testing.assert_array_equal(net.flat_params, twin.flat_params)


def layouts(rng: np.random.Generator) -> dict[str, Any]:
    """One set of whole numbers from 0 to 3, (24, 10), laid out in many ways."""
    plain = rng.integers(0, 4, (24, 10)).astype(np.float32)
    wide = np.zeros((48, 30), np.float32)
    wide[::2, 5:15] = plain
    apart = np.zeros((24, 20), np.float32)
    apart[:, ::2] = plain
    raw = np.zeros(plain.nbytes + 1, np.uint8)
    raw[1:] = plain.view(np.uint8).ravel()
    read_only = plain.copy()
    read_only.flags.writeable = False
    return {
        "plain": plain,
        "rows apart": wide[::2, 5:15],
        "columns apart": apart[:, ::2],
        "rows backwards": plain[::-1].copy()[::-1],
        "columns backwards": plain[:, ::-1].copy()[:, ::-1],
        "Fortran": np.asfortranarray(plain),
        "read-only": read_only,
        "not aligned": raw[1:].view(np.float32).reshape(24, 10),
        "other byte order": plain.astype(">f4"),
        "other byte order, 64": plain.astype(">f8"),
        "float64": plain.astype(np.float64),
        "float16": plain.astype(np.float16),
        "uint8": plain.astype(np.uint8),
        "uint8 rows apart": wide.astype(np.uint8)[::2, 5:15],
        "uint8 columns apart": apart.astype(np.uint8)[:, ::2],
        "int8": plain.astype(np.int8),
        "int64": plain.astype(np.int64),
        "uint16": plain.astype(np.uint16),
        "Pixels": zk.data.Pixels(plain.astype(np.uint8), 1.0),
        "Pixels, rows apart": zk.data.Pixels(wide.astype(np.uint8)[::2, 5:15], 1.0),
        "list": plain.tolist(),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", layouts(np.random.default_rng(0)))
def test_any_layout_gives_the_same_bits(name, dtype, rng):
    forms = layouts(rng)
    x = forms[name]
    net, t = one_layer(rng, 10, 6, dtype, relu=True), whole(rng, 24, 6)
    twin = net.copy()
    np.testing.assert_array_equal(net.predict(x), twin.predict_eagerly(forms["plain"]))
    losses = [
        compiled(each, zk.Adam(0.1), source, t, 7).run(np.arange(24), np.array([0, 7, 9, 10, 16]))
        for each, source in ((net, x), (twin, forms["plain"]))
    ]
    np.testing.assert_array_equal(losses[0], losses[1])
    np.testing.assert_array_equal(net.flat_params, twin.flat_params)


def test_a_repeated_row_is_one_row_of_memory(rng):
    net, t = one_layer(rng, 4, 2, np.float32, relu=False), whole(rng, 8, 2)
    x = np.broadcast_to(np.arange(4, dtype=np.float32), (8, 4))
    twin = net.copy()
    np.testing.assert_array_equal(net.predict(x), twin.predict_eagerly(x))
    compiled(net, zk.SGD(), x, t, 8)(np.arange(8))
    compiled(twin, zk.SGD(), x.copy(), t, 8)(np.arange(8))
    np.testing.assert_array_equal(net.flat_params, twin.flat_params)


def test_pixels_are_scaled_as_float32_whatever_the_network(rng):
    values = rng.integers(0, 256, (30, 9)).astype(np.uint8)
    pixels = zk.data.Pixels(values)
    for dtype in DTYPES:
        net, t = one_layer(rng, 9, 3, dtype, relu=False), whole(rng, 30, 3)
        twin = net.copy()
        np.testing.assert_array_equal(net.predict(pixels), twin.predict(np.asarray(pixels)))
        compiled(net, zk.SGD(), pixels, t, 30)(np.arange(30))
        compiled(twin, zk.SGD(), np.asarray(pixels), t, 30)(np.arange(30))
        np.testing.assert_array_equal(net.flat_params, twin.flat_params)
