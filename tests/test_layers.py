"""Every layer and loss of the table: its gradients are proven and the layer contract is kept."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest
from layer_cases import CASES, Case

import zerokara as zk
from zerokara.errors import ArgumentError, DtypeError, OrderError, ShapeError
from zerokara.layers import LAYERS

each = pytest.mark.parametrize("case", CASES, ids=str)
each_layer = pytest.mark.parametrize("case", [c for c in CASES if not c.is_loss], ids=str)
DTYPES = (np.float32, np.float64)

# The gradients of these by their inputs do not depend on the inputs, or only on their order.
GRADIENT_WITHOUT_INPUT = (
    zk.Add,
    zk.Affine,
    zk.AveragePool,
    zk.BatchNormalization,
    zk.ConvTranspose,
    zk.Convolution,
    zk.Dropout,
    zk.Flatten,
    zk.GlobalAveragePool,
    zk.Identity,
    zk.LeakyReLU,
    zk.MaxPool,
    zk.ReLU,
)


def dout_for(out: Any, rng: np.random.Generator) -> Any:
    """An output gradient that is not constant; for a loss one number."""
    return rng.uniform(0.5, 1.5, np.shape(out)).astype(np.asarray(out).dtype)[()]


def gradients(layer: zk.Layer, dout: Any) -> list[np.ndarray]:
    """Copies of all that backward gives: of the inputs, then of the parameters."""
    answer = layer.backward(dout)
    parts = list(answer) if isinstance(answer, tuple) else [answer]
    return [np.array(part) for part in [*parts, *layer.grads.values()]]


def test_every_layer_has_a_case_and_every_case_a_name_of_its_own() -> None:
    covered = {type(case.make()) for case in CASES}
    assert covered == set(LAYERS.values())
    assert all(name == kind.__name__ for name, kind in LAYERS.items())
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@each
@pytest.mark.parametrize("batch", [1, 5])
def test_gradients_are_proven(case: Case, batch: int, rng: np.random.Generator) -> None:
    report = zk.gradcheck(
        case.make(), *case.inputs(rng, batch), tolerance=1e-7, training=case.training
    )
    assert report.ok, report
    assert report.kinks == 0
    learned = len(case.built().params)
    assert len(report.rows) == len(case.shapes) + learned
    assert all(row.analytic.any() for row in report.rows)


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_float_dtype_that_comes_in_goes_out(
    case: Case, dtype: type, rng: np.random.Generator
) -> None:
    layer = case.built(dtype)
    out = layer.forward(*case.inputs(rng, dtype=dtype))
    assert out.dtype == dtype
    for gradient in gradients(layer, dout_for(out, rng)):
        assert gradient.dtype == dtype


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_given_is_written_to_and_backward_repeats(
    case: Case, dtype: type, rng: np.random.Generator
) -> None:
    layer = case.built(dtype)
    inputs = case.inputs(rng, dtype=dtype)
    before = [array.tobytes() for array in inputs]
    for array in (*inputs, *layer.params.values()):
        array.flags.writeable = False
    out = layer.forward(*inputs)
    dout = dout_for(out, rng)
    if isinstance(dout, np.ndarray):
        dout.flags.writeable = False
    first, second = gradients(layer, dout), gradients(layer, dout)
    assert [g.tobytes() for g in first] == [g.tobytes() for g in second]
    assert [array.tobytes() for array in inputs] == before


@each
def test_forward_repeats_and_the_last_forward_counts(case: Case, rng: np.random.Generator) -> None:
    layer = case.built()
    here, other = case.inputs(rng), case.inputs(rng, batch=3)
    out = np.array(layer.forward(*here))
    dout = dout_for(out, rng)
    wanted = gradients(layer, dout)
    layer.forward(*other)
    assert np.array_equal(layer.forward(*here), out)
    for gradient, expected in zip(gradients(layer, dout), wanted, strict=True):
        assert np.array_equal(gradient, expected)


@each
def test_float32_follows_float64(case: Case, rng: np.random.Generator) -> None:
    wide, narrow = case.built(np.float64), case.built(np.float32)
    inputs = case.inputs(rng)
    small = tuple(a.astype(np.float32) if a.dtype.kind == "f" else a for a in inputs)
    out = wide.forward(*inputs)
    # Some tens of roundings of 6e-8 each.
    np.testing.assert_allclose(narrow.forward(*small), out, rtol=1e-5, atol=1e-6)
    dout = dout_for(out, rng)
    pairs = zip(gradients(narrow, np.float32(dout)), gradients(wide, dout), strict=True)
    for gradient, expected in pairs:
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


@each_layer
def test_samples_do_not_know_of_each_other(case: Case, rng: np.random.Generator) -> None:
    layer = case.built()
    inputs = case.inputs(rng)
    out = layer.forward(*inputs)
    for i in range(5):
        alone = layer.forward(*(array[i : i + 1] for array in inputs))
        np.testing.assert_allclose(alone, out[i : i + 1], rtol=1e-13)


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_empty_batch_gives_empty_answers(
    case: Case, dtype: type, rng: np.random.Generator
) -> None:
    layer = case.built(dtype)
    inputs = case.inputs(rng, batch=0, dtype=dtype)
    out = layer.forward(*inputs)
    assert out.dtype == dtype
    if case.is_loss:
        assert out == 0
    else:
        assert len(out) == 0
    found = gradients(layer, dout_for(out, rng))
    for gradient, shape in zip(found, case.shapes, strict=False):
        assert gradient.shape == (0, *shape)
    for gradient in found[len(case.shapes) :]:
        assert not gradient.any()


@each
def test_backward_before_forward_is_refused(case: Case) -> None:
    with pytest.raises(OrderError, match="backward was called before forward"):
        case.built().backward(np.ones((1, 1)))


@each
def test_clear_forgets_the_forward(case: Case, rng: np.random.Generator) -> None:
    layer = case.built()
    layer.forward(*case.inputs(rng))
    layer.clear()
    with pytest.raises(OrderError):
        layer.backward(np.ones((1, 1)))


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_large_numbers_stay_finite(case: Case, dtype: type, rng: np.random.Generator) -> None:
    layer = case.built(dtype)
    inputs = list(case.inputs(rng, dtype=dtype))
    for i in range(len(case.shapes)):
        inputs[i] = np.sign(inputs[i]) * dtype(1e4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = layer.forward(*inputs)
        found = gradients(layer, dout_for(out, rng))
    assert np.all(np.isfinite(out))
    assert all(np.all(np.isfinite(gradient)) for gradient in found)


@pytest.mark.parametrize(
    ("case", "place"), [(case, i) for case in CASES for i in range(len(case.shapes))], ids=str
)
def test_nan_comes_through(case: Case, place: int, rng: np.random.Generator) -> None:
    layer = case.built()
    inputs = case.inputs(rng)
    inputs[place][2] = np.nan
    out = layer.forward(*inputs)
    if case.is_loss:
        assert np.isnan(out)
        return
    assert np.all(np.isnan(out[2]))
    assert not np.any(np.isnan(out[:2]))
    dx = gradients(layer, dout_for(out, rng))[1 - place if len(case.shapes) == 2 else 0]
    if type(layer) not in GRADIENT_WITHOUT_INPUT:
        assert np.all(np.isnan(dx[2]))


@each
def test_config_makes_the_layer_again(case: Case) -> None:
    layer = case.make()
    again = LAYERS[type(layer).__name__](**layer.config())
    assert repr(again) == repr(layer)
    assert type(again) is type(layer)


@each
def test_a_copy_does_not_share_parameters(case: Case) -> None:
    layer = case.built()
    twin = copy.deepcopy(layer)
    for key, array in layer.params.items():
        assert not np.shares_memory(array, twin.params[key])
        assert np.array_equal(array, twin.params[key])


def test_relu_is_zero_with_gradient_zero_at_zero_and_below() -> None:
    relu = zk.ReLU()
    out = relu.forward(np.array([[-1.0, -0.0, 0.0, 2.0]]))
    assert np.array_equal(out, [[0, 0, 0, 2]])
    assert np.array_equal(relu.backward(np.full((1, 4), 3.0)), [[0, 0, 0, 3]])


def test_relu_lets_the_gradient_of_nan_through() -> None:
    relu = zk.ReLU()
    assert np.isnan(relu.forward(np.array([np.nan])))
    assert relu.backward(np.array([3.0])) != 0


def test_affine_by_hand() -> None:
    W, b = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([0.5, 0.0, -0.5])
    affine = zk.Affine.from_arrays(W, b)
    assert np.array_equal(affine.forward(np.array([[1.0, -1.0]])), [[-2.5, -3.0, -3.5]])
    assert np.array_equal(affine.backward(np.array([[1.0, 0.0, 2.0]])), [[7.0, 16.0]])
    assert np.array_equal(affine.dW, [[1, 0, 2], [-1, 0, -2]])
    assert np.array_equal(affine.db, [1, 0, 2])
    assert affine.params["W"] is W


def test_affine_refuses_what_does_not_fit() -> None:
    with pytest.raises(ArgumentError, match="outputs must be 1 or more, got 0"):
        zk.Affine(0)
    with pytest.raises(ArgumentError, match="initial values 'hee' are unknown"):
        zk.Affine(2, init="hee")
    with pytest.raises(OrderError, match="W does not exist before the layer is part of a network"):
        zk.Affine(2).forward(np.ones((1, 2)))
    with pytest.raises(ShapeError, match=r"takes b of shape \(3,\), got \(2,\)"):
        zk.Affine.from_arrays(np.ones((2, 3)), np.ones(2))
    with pytest.raises(DtypeError, match="must share a float dtype, got int64 and float64"):
        zk.Affine.from_arrays(np.ones((2, 3), np.int64), np.ones(3))
    affine = zk.Affine.from_arrays(np.ones((2, 3)), np.ones(3))
    for shape in ((2,), (4, 3), (2, 2, 2)):
        with pytest.raises(ShapeError, match="does not fit W of shape"):
            affine.forward(np.ones(shape))


@pytest.mark.parametrize("kind", [zk.Add, zk.Mul])
@pytest.mark.parametrize(
    "shapes", [((4, 3), (3,)), ((), (4, 3)), ((4, 1), (1, 3)), ((4, 1, 2), ())]
)
def test_broadcast_inputs_get_gradients_of_their_own_shape(
    kind: type[zk.Layer], shapes: Any, rng: np.random.Generator
) -> None:
    layer = kind()
    x, y = (np.asarray(rng.standard_normal(shape)) for shape in shapes)
    out = layer.forward(x, y)
    dout = dout_for(out, rng)
    for gradient, array in zip(layer.backward(dout), (x, y), strict=True):
        measured = zk.gradient.numerical_gradient(
            lambda _: np.sum(kind().forward(x, y) * dout), array
        )
        assert gradient.shape == array.shape
        np.testing.assert_allclose(gradient, measured, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", [zk.Add, zk.Mul])
def test_two_inputs_means_two_of_one_shape(kind: type[zk.Layer]) -> None:
    x, y, z = zk.Input("x", (2,)), zk.Input("y", (3,)), zk.Input("z", (2,))
    with pytest.raises(ShapeError, match=r"inputs must have one shape, got \(2,\), \(3,\)"):
        zk.Network(kind()(x, y))
    with pytest.raises(ShapeError, match="takes 2 inputs, got 1"):
        zk.Network(kind()(x))
    with pytest.raises(ShapeError, match="takes 1 input, got 2"):
        zk.Network(zk.ReLU()(x, z))


def test_a_layer_is_called_on_nodes_only() -> None:
    with pytest.raises(DtypeError, match=r"for arrays use \.forward\(x\)"):
        zk.ReLU()(np.ones(3))
