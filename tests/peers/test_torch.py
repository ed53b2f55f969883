"""PyTorch as oracle: the same weights give the same loss, gradients and optimizer steps.

Tolerances are relative to the greatest entry. float64: both sum a few hundred products in another
order, 1e-12 and less a pass, and an optimizer's square roots bring out little more. float32: 2**-24
a rounding, so sums of a few hundred products agree to 1e-5. RMSProp and Adam divide a gradient by
its own size, which gives the smallest gradients, the least exact ones, as much weight as any: 1e-3.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import zerokara as zk

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("default")]

STEPS = 5
TOLERANCE = {np.float64: 1e-10, np.float32: 1e-5}
SCALED_TOLERANCE = {np.float64: 1e-9, np.float32: 1e-3}
SHAPES = {
    "no hidden layer": ((5, 3), 4),
    "one sample": ((6, 4, 3), 1),
    "odd sizes": ((7, 13, 11, 5), 9),
    "the book's": ((784, 50, 10), 100),
    "two classes": ((3, 8, 2), 17),
}
ACTIVATIONS = {"ReLU": zk.ReLU, "Sigmoid": zk.Sigmoid, "Tanh": zk.Tanh}


def our_network(
    sizes: tuple[int, ...], activation: str, dtype: npt.DTypeLike, loss: zk.Loss | None = None
) -> zk.Sequential:
    layers: list[zk.Layer] = []
    for size in sizes[1:-1]:
        layers += [zk.Affine(size), ACTIVATIONS[activation]()]
    layers.append(zk.Affine(sizes[-1]))
    return zk.Sequential(
        layers, sizes[0], loss=zk.SoftmaxWithLoss() if loss is None else loss, rng=3, dtype=dtype
    )


def their_network(torch: ModuleType, net: zk.Sequential, activation: str) -> Any:
    """The same network in PyTorch, with copies of our weights."""
    arrays = list(net.params.values())
    layers: list[Any] = []
    for W, b in zip(arrays[::2], arrays[1::2], strict=True):
        linear = torch.nn.Linear(*W.shape).to(torch.from_numpy(W).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T.copy()))
            linear.bias.copy_(torch.from_numpy(b.copy()))
        layers += [linear, getattr(torch.nn, activation)()]
    return torch.nn.Sequential(*layers[:-1])


def in_our_form(tensors: Any) -> list[npt.NDArray[Any]]:
    """Weights or gradients of PyTorch, W as (inputs, outputs)."""
    return [array.detach().numpy().T.copy() for array in tensors]


def assert_close(ours: Any, theirs: Any, tolerance: float, what: str) -> None:
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert np.isfinite(theirs).all()
    worst = np.max(np.abs(ours - theirs)) / max(np.max(np.abs(theirs)), 1e-3)
    assert worst <= tolerance, f"{what}: off by {worst:.2g} of the greatest entry"


def samples(
    rng: np.random.Generator, sizes: tuple[int, ...], rows: int, dtype: npt.DTypeLike
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    x = rng.standard_normal((rows, sizes[0])).astype(dtype)
    return x, rng.integers(0, sizes[-1], rows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradients(
    torch: ModuleType, rng: np.random.Generator, shape: str, activation: str, dtype: Any
) -> None:
    sizes, rows = SHAPES[shape]
    net = our_network(sizes, activation, dtype)
    theirs = their_network(torch, net, activation)
    x, t = samples(rng, sizes, rows, dtype)

    loss = torch.nn.functional.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(t))
    loss.backward()

    assert_close(net.compute_gradient(x, t), loss.item(), TOLERANCE[dtype], "loss")
    expected = in_our_form(p.grad for p in theirs.parameters())
    for (name, ours), their in zip(net.grads.items(), expected, strict=True):
        assert_close(ours, their, TOLERANCE[dtype], f"gradient of {name}")


def test_sigmoid_loss(torch: ModuleType, rng: np.random.Generator) -> None:
    net = our_network((6, 9, 4), "Tanh", np.float64, zk.SigmoidWithLoss())
    theirs = their_network(torch, net, "Tanh")
    x, t = rng.standard_normal((8, 6)), rng.integers(0, 2, (8, 4)).astype(np.float64)

    # Ours is the sum over outputs and the mean over samples.
    loss = 4 * torch.nn.functional.binary_cross_entropy_with_logits(
        theirs(torch.from_numpy(x)), torch.from_numpy(t)
    )
    loss.backward()

    assert_close(net.compute_gradient(x, t), loss.item(), 1e-10, "loss")
    expected = in_our_form(p.grad for p in theirs.parameters())
    for (name, ours), their in zip(net.grads.items(), expected, strict=True):
        assert_close(ours, their, 1e-10, f"gradient of {name}")


# name -> ours, and PyTorch's class with its arguments
OPTIMIZERS: dict[str, tuple[zk.optimizers.Optimizer | Any, str, dict[str, Any]]] = {
    "SGD": (lambda: zk.SGD(lr=0.1), "SGD", {"lr": 0.1}),
    "SGD with decay": (
        lambda: zk.SGD(lr=0.1, weight_decay=0.02),
        "SGD",
        {"lr": 0.1, "weight_decay": 0.02},
    ),
    "Momentum": (
        lambda: zk.Momentum(lr=0.1, momentum=0.8),
        "SGD",
        {"lr": 0.1, "momentum": 0.8},
    ),
    "Nesterov": (
        lambda: zk.Nesterov(lr=0.1, momentum=0.8),
        "SGD",
        {"lr": 0.1, "momentum": 0.8, "nesterov": True},
    ),
    "AdaGrad": (lambda: zk.AdaGrad(lr=0.05), "Adagrad", {"lr": 0.05, "eps": 1e-7}),
    "RMSProp": (
        lambda: zk.RMSProp(lr=0.01, decay=0.9),
        "RMSprop",
        {"lr": 0.01, "alpha": 0.9, "eps": 1e-7},
    ),
    "Adam": (lambda: zk.Adam(lr=0.01), "Adam", {"lr": 0.01}),
    "Adam with decay": (
        lambda: zk.Adam(lr=0.01, weight_decay=0.02),
        "Adam",
        {"lr": 0.01, "weight_decay": 0.02},
    ),
    "AdamW": (
        lambda: zk.AdamW(lr=0.01, weight_decay=0.1),
        "AdamW",
        {"lr": 0.01, "weight_decay": 0.1},
    ),
}


@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("which", OPTIMIZERS)
@pytest.mark.parametrize("way", ["eager", "compiled"])
def test_optimizer_steps(
    torch: ModuleType,
    rng: np.random.Generator,
    way: str,
    which: str,
    dtype: Any,
    clip: float | None,
) -> None:
    make, their_class, arguments = OPTIMIZERS[which]
    sizes, rows = (12, 19, 11, 5), 14
    net = our_network(sizes, "Tanh", dtype)
    start = net.flat_params.copy()
    theirs = their_network(torch, net, "Tanh")
    ours, oracle = make(), getattr(torch.optim, their_class)(theirs.parameters(), **arguments)
    ours.clip_norm = clip
    x, t = samples(rng, sizes, 60, dtype)
    step = zk.compile_step(net, ours, x, t, batch_size=rows) if way == "compiled" else None

    scaled = which.startswith(("Ada", "RMS"))
    tolerance = (SCALED_TOLERANCE if scaled else TOLERANCE)[dtype]
    if clip is not None:
        tolerance = max(tolerance, 1e-4)  # PyTorch adds 1e-6 to the norm that it divides by
    for place in range(STEPS):
        batch = rng.integers(0, len(t), rows)
        if step is None:
            loss = float(net.compute_gradient(x[batch], t[batch]))
            ours.update(net.flat_params, net.flat_grads)
        else:
            loss = step(batch)
        oracle.zero_grad()
        expected = torch.nn.functional.cross_entropy(
            theirs(torch.from_numpy(x[batch])), torch.from_numpy(t[batch])
        )
        expected.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), clip)
        oracle.step()
        assert_close(loss, expected.item(), tolerance, f"loss of step {place + 1}")
    assert np.max(np.abs(net.flat_params - start)) > 1e-4, "nothing was learned"
    for (name, own), their in zip(
        net.params.items(), in_our_form(theirs.parameters()), strict=True
    ):
        assert_close(own, their, tolerance, f"{name} after {STEPS} steps")
