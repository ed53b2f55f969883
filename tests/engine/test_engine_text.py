"""What `print(step.program)` tells a person."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from engine_cases import ISAS, compiled, needs_core, using

import zerokara as zk
from zerokara import native
from zerokara.engine import compile_inference

pytestmark = [needs_core, pytest.mark.native]


class Mine(zk.layers.Layer):
    def forward(self, x: Any, *, training: bool = False) -> Any:
        return x

    def backward(self, dout: Any) -> Any:
        return dout


def text(net: zk.Network, optimizer: Any = None, batch_size: int = 16) -> str:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, *next(iter(net.inputs.values())).shape))
    t = rng.integers(0, net.output_shape[0], 20)
    return str(compiled(net, optimizer or zk.SGD(0.1), x, t, batch_size).program)


def line(*layers: Any, inputs: int = 12, dtype: Any = np.float32) -> zk.Network:
    return zk.Sequential(layers, inputs, loss=zk.SoftmaxWithLoss(), dtype=dtype)


def test_the_books_network():
    lines = text(zk.models.TwoLayerNet(12, 7, 3)).splitlines()
    first = lines[0]
    for part in ("one training step", "TwoLayerNet", "float32", "16 rows", native.isa()):
        assert part in first
    kernels = "\n".join(lines[1:6])
    for part in (
        "gather rows of input 'x'",
        "affine1: x x W(12, 7) + b + relu",
        "affine2: relu1 x W(7, 3) + b",
        "softmax loss of affine2",
        "W^T(3, 7) x relu'(relu1)",
    ):
        assert part in kernels
    # The first layer's input gradient is of no use, so nothing computes it.
    assert "W^T(7, 12)" not in kernels
    rest = "\n".join(lines[6:])
    for part in ("SGD(lr=0.1)", "dW(12, 7)", "dW(7, 3)", "fused: 2", "Python calls: 0"):
        assert part in rest
    assert re.search(r"arena [\d,]+ bytes", rest)


def test_it_changes_with_the_network_the_optimizer_and_the_batch():
    nets = [
        line(zk.Affine(3)),
        line(zk.Affine(7), zk.ReLU(), zk.Affine(3)),
        line(zk.Affine(7), zk.Sigmoid(), zk.Affine(3)),
        line(zk.Affine(7), zk.Tanh(), zk.Affine(3), dtype=np.float64),
        line(zk.Affine(7), Mine(), zk.Affine(3)),
        line(zk.Affine(7), zk.Softmax(), zk.Affine(3)),
    ]
    texts = [text(net) for net in nets]
    texts += [text(line(zk.Affine(3)), zk.Adam(), 16), text(line(zk.Affine(3)), zk.SGD(0.1), 20)]
    assert len(set(texts)) == len(texts)
    for word, of in zip(["relu", "sigmoid", "tanh"], texts[1:4], strict=True):
        assert f"+ {word}" in of
        assert f"{word}'(" in of
    assert "float64" in texts[3]
    assert "Adam(lr=0.001" in texts[6]
    assert "up to 20 rows" in texts[7]


def test_python_calls_are_counted_and_named():
    shown = text(line(zk.Affine(7), Mine(), zk.Affine(3)))
    assert "Python calls: 2" in shown
    assert "mine1: Python forward(affine1)" in shown
    assert "mine1: Python backward(" in shown


def test_an_activation_that_two_layers_read_is_not_fused_away():
    x = zk.Input("x", (12,))
    h = zk.Affine(5)(x)
    net = zk.Network(zk.Affine(3)(zk.ReLU()(h) + h), loss=zk.SoftmaxWithLoss())
    assert "+ relu" not in text(net)
    assert "relu(" in text(net)


def arena(shown: str) -> int:
    found = re.search(r"arena ([\d,]+) bytes", shown)
    assert found is not None
    return int(found[1].replace(",", ""))


def test_arena_bytes_grow_with_the_batch_and_slots_fit_into_them():
    net = line(zk.Affine(70), zk.ReLU(), zk.Affine(3))
    small, large = text(net, batch_size=10), text(net.copy(), batch_size=20)
    assert arena(large) == 2 * arena(small) > 0
    # x, the hidden row and the scores at least, for 10 rows of float32.
    assert arena(small) >= 10 * 4 * (12 + 70 + 3)
    ends = [
        int(start.replace(",", "")) + int(row) * 10 * 4
        for row, start in re.findall(r"rows of (\d+) from byte ([\d,]+)", small)
    ]
    assert ends
    assert max(ends) <= arena(small)


def test_depth_costs_inference_no_memory():
    shallow, deep = (
        compile_inference(line(*(layer for _ in range(n) for layer in (zk.Affine(40), zk.ReLU()))))
        for n in (3, 9)
    )
    assert shallow is not None
    assert deep is not None
    assert arena(str(deep.program)) == arena(str(shallow.program))
    assert "inference" in str(deep.program)
    assert "dW" not in str(deep.program)


@pytest.mark.parametrize("isa", ISAS)
def test_it_names_the_kernels_that_this_program_uses(isa):
    with using(isa):
        step = compiled(zk.models.TwoLayerNet(4, 3, 2), zk.SGD(), np.ones((2, 4)), [0, 1], 2)
    for other in ISAS:  # whatever is chosen for programs that are made later
        with using(other):
            assert f"kernels for {isa}" in str(step.program)


def test_it_shows_itself_in_a_console():
    step = compiled(zk.models.TwoLayerNet(4, 3, 2), zk.SGD(), np.ones((2, 4)), [0, 1], 2)
    assert repr(step.program) == str(step.program)
