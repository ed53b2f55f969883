"""Random networks, data and optimizers for the engine's tests, and a program held to the maths."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara import native
from zerokara.engine import CompiledStep, EagerStep, compile_step
from zerokara.engine.samples import checked_samples

ISAS = native.isas()
needs_core = pytest.mark.skipif(not native.available, reason=f"the core is {native.reason}")

# 1 and 2, whole vectors of every instruction set, and one less or more.
WIDTHS = (1, 2, 3, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 47, 48, 50, 63, 64, 65, 96, 127, 130)
BAD = (np.nan, np.inf, -np.inf)
ROWS = (1, 2, 3, 4, 5, 7, 16, 100, 257, 300)
LOSSES = ("labels", "one-hot", "soft", "sigmoid", "identity")
ACTIVATIONS: tuple[type[zk.layers.Layer], ...] = (
    zk.ReLU,
    zk.Sigmoid,
    zk.Tanh,
    zk.Identity,
    zk.Softmax,
)

# Learning rates at which a step shrinks errors rather than blows them up. The divisions by
# sqrt(h) + eps pass an error of g on multiplied by at most lr / eps, so eps is large here.
OPTIMIZERS: dict[str, Callable[..., zk.optimizers.Optimizer]] = {
    "SGD": lambda **o: zk.SGD(0.02, **o),
    "Momentum": lambda **o: zk.Momentum(0.02, 0.8, **o),
    "Nesterov": lambda **o: zk.optimizers.Nesterov(0.02, 0.8, **o),
    "AdaGrad": lambda **o: zk.AdaGrad(0.02, 0.05, **o),
    "RMSProp": lambda **o: zk.optimizers.RMSProp(0.02, 0.9, 0.05, **o),
    "Adam": lambda **o: zk.Adam(0.02, 0.8, 0.9, 0.05, **o),
    "AdamW": lambda **o: zk.optimizers.AdamW(0.02, 0.8, 0.9, 0.05, **{"weight_decay": 0.03} | o),
}

# What goes forward is a sum over one window and off by far less than sums over all images are.
LEAD = 20.0

# Initial values are below 5; at ten times that a network runs away from its targets.
LARGEST = 50.0


@contextmanager
def using(isa: str) -> Iterator[None]:
    """Programs made inside run on this instruction set."""
    before = native.isa()
    native.set_isa(isa)
    try:
        yield
    finally:
        native.set_isa(before)


def eager_step(net: zk.Network, optimizer: Any, x: Any, t: Any) -> EagerStep:
    return EagerStep(net, optimizer, checked_samples(net, (x, t), "data", "test"), 1 << 20)


def compiled(net: zk.Network, optimizer: Any, x: Any, t: Any, batch_size: int) -> CompiledStep:
    step = compile_step(net, optimizer, x, t, batch_size=batch_size)
    assert isinstance(step, CompiledStep)
    return step


def assert_same_kinds(got: np.ndarray, want: np.ndarray) -> None:
    """NaN, +inf, -inf and 0 at the same places."""
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isposinf(got), np.isposinf(want))
    np.testing.assert_array_equal(np.isneginf(got), np.isneginf(want))
    finite = np.isfinite(want)
    np.testing.assert_allclose(got[finite], want[finite], rtol=1e-4, atol=1e-5)


def loss_layer(kind: str) -> Any:
    named = {"sigmoid": zk.SigmoidWithLoss, "identity": zk.IdentityWithLoss}
    return named.get(kind, zk.SoftmaxWithLoss)()


def random_targets(rng: np.random.Generator, kind: str, rows: int, classes: int) -> np.ndarray:
    if kind == "labels":
        return rng.integers(0, classes, rows)
    if kind == "one-hot":
        return np.eye(classes, dtype=np.uint8)[rng.integers(0, classes, rows)]
    if kind == "soft":
        return rng.dirichlet(np.ones(classes), rows)
    if kind == "sigmoid":
        return rng.random((rows, classes)).astype(np.float32)
    return rng.normal(size=(rows, classes)).astype(np.float32)


def random_network(
    rng: np.random.Generator,
    depth: int,
    loss: str,
    dtype: Any,
    widths: tuple[int, ...] = WIDTHS,
    activations: tuple[type[zk.layers.Layer], ...] = ACTIVATIONS,
) -> zk.Network:
    """A graph with so many hidden layers: residuals, gates, squares, fan-out, one or two inputs."""

    def pick(options: Any) -> Any:
        return options[int(rng.integers(len(options)))]

    x = zk.Input("x", (pick(widths),))
    seen: list[Any] = [x]
    if rng.random() < 0.3:
        width = pick(widths)
        both = zk.Affine(width)(x) + zk.Affine(width)(zk.Input("side", (pick(widths),)))
        seen.append(pick(activations)()(both))
    for _ in range(depth):
        width, last = pick(widths), seen[-1]
        h = pick(activations)()(zk.Affine(width)(last))
        form = rng.random()
        if form < 0.2:  # residual, by way of another layer where widths differ
            h = h + zk.Affine(width)(pick(seen))
        elif form < 0.35:
            h = h * zk.Sigmoid()(zk.Affine(width)(pick(seen)))
        elif form < 0.45:
            bounded = zk.Tanh()(h)
            h = bounded * bounded
        elif form < 0.55:
            h = zk.Tanh()(h) + h
        elif form < 0.6:
            h = h + h
        seen.append(h)
    out = zk.Affine(pick(widths))(seen[-1])
    if rng.random() < 0.1:
        out = zk.Identity()(out)
    return zk.Network(out, loss=loss_layer(loss), dtype=dtype, rng=rng)


def random_data(rng: np.random.Generator, net: zk.Network, loss: str, rows: int) -> tuple[Any, Any]:
    """Inputs that float32 holds, so that both dtypes see the same numbers; some are exactly 0."""
    x = {
        name: (
            rng.uniform(-1, 1, (rows, *node.shape)) * (rng.random((rows, *node.shape)) > 0.2)
        ).astype(np.float32)
        for name, node in net.inputs.items()
    }
    return x, random_targets(rng, loss, rows, net.output_shape[0]).astype(
        np.int64 if loss == "labels" else np.float32
    )


class _Kinks:
    """How near a network came to where gradients jump: a ReLU at 0, or two equals in a window.

    What is exactly 0, or exactly equal, is so on both sides.
    """

    def __init__(self, net: zk.Network) -> None:
        self.nearest = np.inf
        for layer in net.layers.values():
            if isinstance(layer, zk.ReLU):
                layer.forward = self._watch(layer.forward, np.abs)  # type: ignore[method-assign]
            if isinstance(layer, zk.MaxPool):
                leads = partial(_leads, layer)
                layer.forward = self._watch(layer.forward, leads)  # type: ignore[method-assign]

    def _watch(self, forward: Any, distances: Callable[[np.ndarray], np.ndarray]) -> Any:
        def watched(x: np.ndarray, **options: Any) -> Any:
            away = distances(x)
            self.nearest = min(self.nearest, float(away[away > 0].min(initial=np.inf)))
            return forward(x, **options)

        return watched


def _leads(pool: zk.MaxPool, x: np.ndarray) -> np.ndarray:
    """By how much the greatest of each window leads over the next, as a ReLU's distance from 0."""
    out = pool.window.output_size("MaxPool", *x.shape[2:])
    padded = pool.window.padded(x, -np.inf)
    seen = np.stack([padded[:, :, rows, columns] for rows, columns in pool.window.places(out)])
    two = np.sort(seen, axis=0)[-2:]
    return LEAD * (two[-1] - two[0])


@dataclass
class Result:
    """What `compare` saw: steps compared of steps asked for, and the worst share of tolerance."""

    compared: int
    asked: int
    worst: float


def unit(net: zk.Network, rows: int) -> float:
    """The error of one step, in units of the numbers' own size.

    A sum of n products is off by about eps / 2 * sqrt(n) where roundings fall at random; a step has
    two products a layer, and its errors at most add up. Gains of layers stay near 1 here.
    """
    longest = max([rows, *(p.shape[0] for p in net.params.values() if p.ndim == 2)])
    areas = [math.prod(shape[1:]) for shape in net.shapes.values() if len(shape) == 3]
    longest = max([longest, *(math.prod(p.shape[1:]) for p in net.params.values() if p.ndim == 4)])
    longest = max([longest, *(rows * area for area in areas)])
    layers = 2 * len(net.layers) + 2
    return layers * math.sqrt(longest) * float(np.finfo(net.dtype).eps)


def compare(
    net: zk.Network,
    make_optimizer: Callable[[], Any],
    x: Any,
    t: Any,
    batches: list[Any],
    slack: float = 1.0,
) -> Result:
    """Train a program and, in float64, the maths from the same start; assert that they agree.

    The allowance grows by `unit` with each step, and is `slack` times that. It ends early where a
    ReLU or a MaxPool of the maths comes so near to its kink that rounding decides on which side it
    is, and where parameters have grown so large that steps blow errors up.
    """
    truth = net.astype(np.float64)
    kinks = _Kinks(truth)
    fast_optimizer, true_optimizer = make_optimizer(), make_optimizer()
    most = max(len(batch) for batch in batches)
    fast, true = compiled(net, fast_optimizer, x, t, most), eager_step(truth, true_optimizer, x, t)
    worst, allowed = 0.0, unit(net, most)
    for number, batch in enumerate(batches, 1):
        tolerance = allowed * number
        want, got = true(batch), fast(batch)
        if kinks.nearest < tolerance:
            return Result(number - 1, len(batches), worst)
        pairs = [("loss", np.asarray(got), np.asarray(want))]
        pairs += [(name, net.params[name], truth.params[name]) for name in net.params]
        slots = fast_optimizer.state.get("", {})
        assert slots.keys() == true_optimizer.state.get("", {}).keys()
        pairs += [(name, slots[name], true_optimizer.state[""][name]) for name in slots]
        for name, mine, others in pairs:
            error = np.abs(mine - others).max() / max(1.0, np.abs(others).max())
            worst = max(worst, error / tolerance)
            assert error <= slack * tolerance, f"{name} after step {number}: off by {error:.3g}"
        assert fast_optimizer.steps == true_optimizer.steps == number
        if np.abs(truth.flat_params).max() > LARGEST:
            return Result(number, len(batches), worst)
    return Result(len(batches), len(batches), worst)
