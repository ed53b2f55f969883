"""PyTorch as oracle for single layers and losses: the same outputs and the same gradients.

Tolerances are relative to the greatest entry: in float64 both differ by a few roundings, 1e-12; in
float32 by some tens of 2**-24.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import zerokara as zk

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("default")]

TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}
each_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def assert_close(ours: Any, theirs: Any, dtype: Any, what: str) -> None:
    ours = np.asarray(ours)
    theirs = theirs.detach().numpy()
    assert ours.dtype == theirs.dtype == dtype
    assert ours.shape == theirs.shape
    worst = np.max(np.abs(ours - theirs)) / max(np.max(np.abs(theirs)), 1e-3)
    assert worst <= TOLERANCE[dtype], f"{what}: off by {worst:.2g} of the greatest entry"


def leaf(torch: ModuleType, array: np.ndarray) -> Any:
    return torch.from_numpy(array.copy()).requires_grad_()


ACTIVATIONS: dict[str, tuple[Callable[[], zk.Layer], Callable[[Any], Any]]] = {
    "LeakyReLU": (lambda: zk.LeakyReLU(0.2), lambda F: lambda x: F.leaky_relu(x, 0.2)),
    "ELU": (lambda: zk.ELU(1.3), lambda F: lambda x: F.elu(x, 1.3)),
    "GELU": (zk.GELU, lambda F: F.gelu),
    "GELU tanh": (lambda: zk.GELU("tanh"), lambda F: lambda x: F.gelu(x, approximate="tanh")),
    "SiLU": (zk.SiLU, lambda F: F.silu),
    # Above its threshold PyTorch gives x itself, 2e-9 less than the truth.
    "Softplus": (zk.Softplus, lambda F: lambda x: F.softplus(x, threshold=60)),
}


@each_dtype
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(torch: ModuleType, rng: np.random.Generator, name: str, dtype: Any) -> None:
    make, theirs = ACTIVATIONS[name]
    x = rng.normal(0, 3, (40, 9)).astype(dtype)
    x[0] = [0, 1e-6, -1e-6, 30, -30, 8, -8, 1, -1]
    dout = rng.standard_normal(x.shape).astype(dtype)
    layer, tensor = make(), leaf(torch, x)
    out = theirs(torch.nn.functional)(tensor)
    out.backward(torch.from_numpy(dout))
    assert_close(layer.forward(x), out, dtype, "output")
    assert_close(layer.backward(dout), tensor.grad, dtype, "gradient")


@each_dtype
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(12, 5), (4, 3, 5, 6), (1, 2, 3, 3)])
def test_batch_normalization(
    torch: ModuleType,
    rng: np.random.Generator,
    shape: tuple[int, ...],
    training: bool,
    dtype: Any,
) -> None:
    count = shape[1]
    gamma, beta, mean = (rng.normal(1, 0.5, count).astype(dtype) for _ in range(3))
    var = rng.uniform(0.5, 2, count).astype(dtype)
    x, dout = rng.normal(2, 3, shape).astype(dtype), rng.standard_normal(shape).astype(dtype)
    layer = zk.BatchNormalization.from_arrays(gamma, beta, mean, var, momentum=0.8, eps=1e-4)
    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    oracle = kind(count, eps=1e-4, momentum=0.2).to(torch.from_numpy(x).dtype).train(training)
    with torch.no_grad():
        oracle.weight.copy_(torch.from_numpy(gamma))
        oracle.bias.copy_(torch.from_numpy(beta))
        oracle.running_mean.copy_(torch.from_numpy(mean))
        oracle.running_var.copy_(torch.from_numpy(var))
    tensor = leaf(torch, x)
    out = oracle(tensor)
    out.backward(torch.from_numpy(dout))

    assert_close(layer.forward(x, training=training), out, dtype, "output")
    assert_close(layer.backward(dout), tensor.grad, dtype, "gradient")
    assert_close(layer.grads["gamma"], oracle.weight.grad, dtype, "gradient of gamma")
    assert_close(layer.grads["beta"], oracle.bias.grad, dtype, "gradient of beta")
    assert_close(layer.state["running_mean"], oracle.running_mean, dtype, "running mean")
    if training:
        # PyTorch's running variance takes the unbiased variance of the batch.
        m = x.size // count
        biased = oracle.running_var * (m - 1) / m + torch.from_numpy(dtype(0.8) * var) / m
        assert_close(layer.state["running_var"], biased, dtype, "running variance")
    else:
        assert_close(layer.state["running_var"], oracle.running_var, dtype, "running variance")


@each_dtype
@pytest.mark.parametrize(
    ("shape", "axis"), [((6, 7), -1), ((3, 4, 5), -1), ((3, 4, 5), 1), ((2, 3, 4, 5), -3)]
)
def test_layer_normalization(
    torch: ModuleType, rng: np.random.Generator, shape: tuple[int, ...], axis: int, dtype: Any
) -> None:
    inner = shape[axis:]
    gamma, beta = (rng.normal(1, 0.5, inner).astype(dtype) for _ in range(2))
    x, dout = rng.normal(2, 3, shape).astype(dtype), rng.standard_normal(shape).astype(dtype)
    layer = zk.LayerNormalization(axis)
    layer.build(shape[1:], rng, dtype)
    layer.params["gamma"], layer.params["beta"] = gamma, beta
    tensor, weight, bias = leaf(torch, x), leaf(torch, gamma), leaf(torch, beta)
    out = torch.nn.functional.layer_norm(tensor, inner, weight, bias, 1e-5)
    out.backward(torch.from_numpy(dout))
    assert_close(layer.forward(x), out, dtype, "output")
    assert_close(layer.backward(dout), tensor.grad, dtype, "gradient")
    assert_close(layer.grads["gamma"], weight.grad, dtype, "gradient of gamma")
    assert_close(layer.grads["beta"], bias.grad, dtype, "gradient of beta")


@each_dtype
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 0.0, 1.25]])
def test_cross_entropy_with_options(
    torch: ModuleType, rng: np.random.Generator, weights: Any, smoothing: float, dtype: Any
) -> None:
    x, t = rng.normal(0, 2, (11, 4)).astype(dtype), rng.integers(0, 4, 11)
    loss, tensor = zk.SoftmaxWithLoss(smoothing, weights), leaf(torch, x)
    weight = None if weights is None else torch.tensor(weights, dtype=tensor.dtype)
    value = torch.nn.functional.cross_entropy(
        tensor, torch.from_numpy(t), weight=weight, label_smoothing=smoothing
    )
    value.backward()
    assert_close(loss.forward(x, t), value, dtype, "loss")
    assert_close(loss.backward(), tensor.grad, dtype, "gradient")


REGRESSION: dict[str, tuple[Callable[[], zk.Loss], Callable[[Any], Any]]] = {
    "squared": (zk.MeanSquaredError, lambda F: F.mse_loss),
    "absolute": (zk.MeanAbsoluteError, lambda F: F.l1_loss),
    "Huber": (
        lambda: zk.Huber(0.6),
        lambda F: lambda x, t: F.huber_loss(x, t, delta=0.6),
    ),
    # One output: PyTorch's mean over the outputs is then our sum over them.
    "binary": (
        zk.BinaryCrossEntropyWithLogits,
        lambda F: lambda x, t: F.binary_cross_entropy_with_logits(x, t),
    ),
}


@each_dtype
@pytest.mark.parametrize("name", REGRESSION)
def test_losses_of_numbers(
    torch: ModuleType, rng: np.random.Generator, name: str, dtype: Any
) -> None:
    make, theirs = REGRESSION[name]
    columns = 1 if name == "binary" else 4
    x = rng.normal(0, 2, (13, columns)).astype(dtype)
    t = rng.random((13, columns)).astype(dtype)
    x[:3, 0], t[:3, 0] = [40, -40, 0.25], [0, 1, 0.25]
    loss, tensor = make(), leaf(torch, x)
    value = theirs(torch.nn.functional)(tensor, torch.from_numpy(t))
    value.backward()
    assert_close(loss.forward(x, t), value, dtype, "loss")
    assert_close(loss.backward(), tensor.grad, dtype, "gradient")


@each_dtype
def test_sample_weights_are_a_weighted_mean_of_their_losses(
    torch: ModuleType, rng: np.random.Generator, dtype: Any
) -> None:
    x, t = rng.normal(0, 2, (11, 4)).astype(dtype), rng.integers(0, 4, 11)
    w = rng.uniform(0, 2, 11).astype(dtype)
    loss, tensor = zk.SoftmaxWithLoss(), leaf(torch, x)
    single = torch.nn.functional.cross_entropy(tensor, torch.from_numpy(t), reduction="none")
    value = (single * torch.from_numpy(w)).sum() / torch.from_numpy(w).sum()
    value.backward()
    assert_close(loss.forward(x, t, sample_weight=w), value, dtype, "loss")
    assert_close(loss.backward(), tensor.grad, dtype, "gradient")
