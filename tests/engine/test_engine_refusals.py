"""Wrong calls get one error of ours, and nothing has changed after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_cases import compiled, needs_core

import zerokara as zk
from zerokara import errors

pytestmark = [needs_core, pytest.mark.native]
ROWS, SIZE, CLASSES = 20, 6, 3


@pytest.fixture
def parts(rng):
    net = zk.models.TwoLayerNet(SIZE, 5, CLASSES)
    x, t = rng.normal(size=(ROWS, SIZE)).astype(np.float32), rng.integers(0, CLASSES, ROWS)
    optimizer = zk.Adam()
    step = compiled(net, optimizer, x, t, 10)
    step(np.arange(5))
    return net, optimizer, step


def everything(net: Any, optimizer: Any) -> bytes:
    state = [optimizer.state[""][slot].tobytes() for slot in optimizer.slots]
    return b"".join([net.flat_params.tobytes(), *state, bytes([optimizer.steps])])


@pytest.mark.parametrize(
    ("indices", "says"),
    [
        ([-1], "-1"),
        ([0, 20], "20"),
        ([0, 2**40], "20 samples"),
        ([2**70], ""),
        (np.array([2**63 + 5], np.uint64), ""),
        ([0.5], "float"),
        ([1.0, 2.0], "float"),
        ([np.nan], "float"),
        (np.ones(5, bool), "bool"),
        (["a"], ""),
        (None, ""),
        ([None], ""),
        ([], ""),
        (np.empty(0, np.int64), ""),
        (3, r"\(\)"),
        ([[1, 2], [3, 4]], r"\(2, 2\)"),
        (np.arange(11), "11"),
    ],
    ids=str,
)
def test_indices(parts, indices, says):
    net, optimizer, step = parts
    before = everything(net, optimizer)
    with pytest.raises(errors.ZerokaraError, match=f"^step.*{says}"):
        step(indices)
    assert everything(net, optimizer) == before
    assert np.isfinite(step(np.arange(10)))


@pytest.mark.parametrize(
    "bounds",
    [
        [0, 5, 3],
        [0, 3, 3],
        [3, 3],
        [0, 21],
        [-1, 3],
        [0, 11],
        [],
        [0.0, 2.5],
        [0, np.nan],
        [[0, 1]],
        None,
        3,
        "ab",
        [0, 2**70],
    ],
    ids=str,
)
def test_bounds(parts, bounds):
    net, optimizer, step = parts
    before = everything(net, optimizer)
    with pytest.raises(errors.ZerokaraError, match=r"^step"):
        step.run(np.arange(20), bounds)
    assert everything(net, optimizer) == before


def test_a_run_of_no_steps_does_nothing(parts):
    net, optimizer, step = parts
    before = everything(net, optimizer)
    assert step.run(np.arange(20), [0]).shape == (0,)
    assert step.run([], [0]).shape == (0,)
    assert everything(net, optimizer) == before


def test_a_bad_index_late_in_a_run_is_seen_before_the_first_step(parts):
    net, optimizer, step = parts
    before = everything(net, optimizer)
    indices = np.arange(20)
    indices[19] = 20
    with pytest.raises(errors.ArgumentError, match="index 20"):
        step.run(indices, [0, 10, 20])
    assert everything(net, optimizer) == before


@pytest.mark.parametrize("integers", [np.int8, np.uint8, np.int32, np.uint64, ">i4"])
def test_any_integers_are_indices(parts, integers):
    *_, step = parts
    assert np.isfinite(step(np.arange(10).astype(integers)))
    assert np.isfinite(step(np.arange(20).astype(integers)[::2]))
    assert np.isfinite(step(list(range(10))))
    assert np.isfinite(step((1, 1, 1)))
    assert (
        len(step.run(np.arange(20).astype(integers), np.array([0, 10, 20]).astype(integers))) == 2
    )


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "x", None, [5], np.nan, True])
def test_batch_sizes(batch_size):
    net = zk.models.TwoLayerNet(SIZE, 5, CLASSES)
    with pytest.raises(errors.ZerokaraError, match=r"^compile_step: batch_size"):
        zk.compile_step(net, zk.SGD(), np.ones((4, SIZE)), np.zeros(4, int), batch_size=batch_size)


X, T = np.ones((4, SIZE), np.float32), np.zeros(4, np.int64)


@pytest.mark.parametrize(
    ("error", "x", "t"),
    [
        (errors.ShapeError, np.ones((4, SIZE + 1)), T),
        (errors.ShapeError, np.ones((5, SIZE)), T),
        (errors.ShapeError, np.ones(SIZE), T),
        (errors.ArgumentError, np.ones((0, SIZE)), T[:0]),
        (errors.ArgumentError, np.full((4, SIZE), np.nan), T),
        (errors.ArgumentError, np.full((4, SIZE), np.inf), T),
        (errors.ArgumentError, np.full((4, SIZE), 1e300), T),
        (errors.DtypeError, np.full((4, SIZE), "a"), T),
        (errors.DtypeError, np.full((4, SIZE), None), T),
        (errors.LabelError, X, T + CLASSES),
        (errors.LabelError, X, T - 1),
        (errors.DtypeError, X, T.astype(float)),
        (errors.LabelError, X, T[:, np.newaxis]),
        (errors.LabelError, X, np.full((4, CLASSES), 0.5)),
        (errors.ArgumentError, {"y": X}, T),
        (errors.ArgumentError, {}, T),
    ],
)
def test_data(error, x, t):
    net = zk.models.TwoLayerNet(SIZE, 5, CLASSES)
    before = net.flat_params.copy()
    with pytest.raises(error, match=r"^compile_step: "):
        zk.compile_step(net, zk.SGD(), x, t)
    np.testing.assert_array_equal(net.flat_params, before)


def test_no_network_no_optimizer_no_loss():
    net = zk.models.TwoLayerNet(SIZE, 5, CLASSES)
    with pytest.raises(errors.DtypeError, match=r"^compile_step: .*got str"):
        zk.compile_step("net", zk.SGD(), X, T)  # type: ignore[arg-type]
    with pytest.raises(errors.DtypeError, match=r"^compile_step: .*type"):
        zk.compile_step(net, zk.SGD, X, T)  # type: ignore[arg-type]
    with pytest.raises(errors.ArgumentError, match=r"^compile_step: .*no loss"):
        zk.compile_step(zk.Sequential([zk.Affine(3)], SIZE), zk.SGD(), X, T)


def test_labels_that_change_after_the_check_end_the_run():
    """Such a label reaches no kernel's memory: the loss is NaN and there is no update."""
    net = zk.models.TwoLayerNet(SIZE, 5, CLASSES)
    t = T.copy()  # int64 side by side is read where it is
    step = compiled(net, zk.SGD(), X, t, 4)
    before = net.flat_params.copy()
    for bad in (10**9, CLASSES, -1):
        t[2] = bad
        assert np.isnan(step(np.arange(4)))
        np.testing.assert_array_equal(net.flat_params, before)
    t[2] = 1
    assert np.isfinite(step(np.arange(4)))
