"""Optimizers against the same formulas in scalar Python, written here again and independently."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError, ShapeError
from zerokara.optimizers import OPTIMIZERS

START = [1.0, -2.0, 0.5, 3.0]
GRADS = [[0.1, -0.2, 0.0, 4.0], [0.3, 0.1, -1e-3, -2.0], [-0.5, 0.0, 2.0, 1.0]]


def sgd(p: float, gs: list[float], lr: float = 0.01) -> float:
    for g in gs:
        p = p - lr * g
    return p


def momentum(p: float, gs: list[float], lr: float = 0.01, momentum: float = 0.9) -> float:
    v = 0.0
    for g in gs:
        v = momentum * v - lr * g
        p = p + v
    return p


def books_nesterov(p: float, gs: list[float], lr: float = 0.01, momentum: float = 0.9) -> float:
    """The book's form, written with the old v and the new one."""
    v = 0.0
    for g in gs:
        before = v
        v = momentum * v - lr * g
        p = p - momentum * before + (1 + momentum) * v
    return p


def nesterov(p: float, gs: list[float], lr: float = 0.01, momentum: float = 0.9) -> float:
    v = 0.0
    for g in gs:
        v = momentum * v - lr * g
        p = p + momentum * v - lr * g
    return p


def adagrad(p: float, gs: list[float], lr: float = 0.01, eps: float = 1e-7) -> float:
    h = 0.0
    for g in gs:
        h = h + g**2
        p = p - lr / (math.sqrt(h) + eps) * g
    return p


def rmsprop(
    p: float, gs: list[float], lr: float = 0.01, decay: float = 0.99, eps: float = 1e-7
) -> float:
    h = 0.0
    for g in gs:
        h = decay * h + (1 - decay) * g**2
        p = p - lr / (math.sqrt(h) + eps) * g
    return p


def adam(
    p: float,
    gs: list[float],
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    decoupled: float = 0.0,
) -> float:
    m = v = 0.0
    for t, g in enumerate(gs, start=1):
        p = p - lr * decoupled * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        p = p - lr * m_hat / (math.sqrt(v_hat) + eps)
    return p


def adamw(p: float, gs: list[float], weight_decay: float = 0.01, **more: float) -> float:
    return adam(p, gs, decoupled=weight_decay, **more)


BY_HAND: dict[str, Callable[..., float]] = {
    "SGD": sgd,
    "Momentum": momentum,
    "Nesterov": nesterov,
    "AdaGrad": adagrad,
    "RMSProp": rmsprop,
    "Adam": adam,
    "AdamW": adamw,
}
OPTIONS: list[tuple[str, dict[str, float]]] = [
    *((name, {}) for name in BY_HAND),
    *((name, {"lr": 0.3}) for name in BY_HAND),
    ("Momentum", {"momentum": 0.5}),
    ("Nesterov", {"momentum": 0.5}),
    ("AdaGrad", {"eps": 1e-3}),
    ("RMSProp", {"decay": 0.9, "eps": 1e-3}),
    ("Adam", {"beta1": 0.8, "beta2": 0.9, "eps": 1e-3}),
    ("AdamW", {"beta1": 0.8, "beta2": 0.9, "weight_decay": 0.1}),
]


def by_hand(name: str, grads: list[list[float]], **options: float) -> list[float]:
    return [BY_HAND[name](p, [g[i] for g in grads], **options) for i, p in enumerate(START)]


def run(optimizer: Any, grads: list[list[float]], dtype: Any = np.float64) -> np.ndarray:
    p = np.array(START, dtype)
    for g in grads:
        optimizer.update(p, np.array(g, dtype))
    return p


def test_every_optimizer_has_its_formula_here() -> None:
    assert set(BY_HAND) == set(OPTIMIZERS)
    assert all(name == kind.__name__ for name, kind in OPTIMIZERS.items())


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_three_steps_by_hand(name: str, options: dict[str, float]) -> None:
    optimizer = OPTIMIZERS[name](**options)
    answer = run(optimizer, GRADS)
    np.testing.assert_allclose(answer, by_hand(name, GRADS, **options), rtol=1e-12)
    assert optimizer.steps == 3
    narrow = run(OPTIMIZERS[name](**options), GRADS, np.float32)
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, answer, rtol=2e-5)


def test_the_book_names_numbers_for_sgd_and_momentum() -> None:
    p = np.array([1.0])
    optimizer = zk.Momentum(lr=0.1, momentum=0.9)
    optimizer.update(p, np.array([1.0]))
    assert p == pytest.approx(0.9)
    optimizer.update(p, np.array([1.0]))
    assert p == pytest.approx(0.9 - 0.19)


def test_nesterov_in_the_books_form() -> None:
    answer = run(zk.Nesterov(), GRADS)
    wanted = [books_nesterov(p, [g[i] for g in GRADS]) for i, p in enumerate(START)]
    np.testing.assert_allclose(answer, wanted, rtol=1e-12)


def test_the_first_step_of_adam_is_the_rate_whatever_the_gradient() -> None:
    for g in (1e-3, 1.0, 1e3):
        p = np.array([1.0])
        zk.Adam(lr=0.1).update(p, np.array([g]))
        assert p == pytest.approx(0.9, rel=1e-5)


@pytest.mark.parametrize("name", [name for name in BY_HAND if name != "AdamW"])
def test_coupled_decay_is_part_of_the_gradient(name: str) -> None:
    answer = run(OPTIMIZERS[name](weight_decay=0.1), GRADS)
    plain, p = OPTIMIZERS[name](), np.array(START)
    for g in GRADS:
        plain.update(p, np.array([slope + 0.1 * value for slope, value in zip(g, p, strict=True)]))
    np.testing.assert_allclose(answer, p, rtol=1e-12)
    assert not np.allclose(answer, run(OPTIMIZERS[name](), GRADS), rtol=1e-9)


def test_decoupled_decay_shrinks_by_the_rate_where_the_gradient_is_zero() -> None:
    p = np.array([4.0])
    zk.AdamW(lr=0.5, weight_decay=0.1).update(p, np.zeros(1))
    assert p == pytest.approx(4 * (1 - 0.05), rel=1e-15)
    q = np.array([4.0])
    zk.Adam(lr=0.5, weight_decay=0.1).update(q, np.zeros(1))
    assert q == pytest.approx(3.5, rel=1e-6)


@pytest.mark.parametrize("name", BY_HAND)
def test_clipping_is_by_the_norm_of_all_gradients(name: str) -> None:
    norm = math.sqrt(sum(g * g for g in GRADS[0]))
    scaled = [[g * (0.5 / norm) for g in GRADS[0]]]
    answer = run(OPTIMIZERS[name](clip_norm=0.5), GRADS[:1])
    np.testing.assert_allclose(answer, by_hand(name, scaled), rtol=1e-12)
    loose = run(OPTIMIZERS[name](clip_norm=norm * 1.01), GRADS[:1])
    assert np.array_equal(loose, run(OPTIMIZERS[name](), GRADS[:1]))


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"clip_norm": 0.5}])
def test_mapping_and_flat_forms_are_the_same(name: str, options: dict[str, float]) -> None:
    flat = run(OPTIMIZERS[name](**options), GRADS)
    params = {"W": np.array(START[:3]).reshape(3, 1), "b": np.array(START[3:])}
    optimizer = OPTIMIZERS[name](**options)
    for g in GRADS:
        grads = {"b": np.array(g[3:]), "W": np.array(g[:3]).reshape(3, 1)}
        optimizer.update(params, grads)
    found = [*params["W"].ravel(), *params["b"]]
    np.testing.assert_allclose(found, flat, rtol=1e-15 * 8)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_networks_two_forms_are_the_same(name: str, rng: np.random.Generator) -> None:
    one = zk.models.TwoLayerNet(4, 5, 3, 0.5)
    other = one.copy()
    x, t = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
    first, second = OPTIMIZERS[name](), OPTIMIZERS[name]()
    for _ in range(3):
        second.update(other.params, other.gradient(x, t))
        one.compute_gradient(x, t)
        first.update(one.flat_params, one.flat_grads)
    assert np.array_equal(one.flat_params, other.flat_params)


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "clip_norm": 0.5}])
def test_gradients_are_only_read_and_parameters_stay_where_they_are(
    name: str, options: dict[str, float]
) -> None:
    p, g = np.array(START), np.array(GRADS[0])
    g.flags.writeable = False
    params, optimizer = {"p": p}, OPTIMIZERS[name](**options)
    optimizer.update(params, {"p": g})
    assert params["p"] is p
    assert g.tolist() == GRADS[0]
    kept = dict(optimizer.state["p"])
    assert set(kept) == set(optimizer.slots)
    optimizer.update(params, {"p": g})
    assert all(optimizer.state["p"][slot] is array for slot, array in kept.items())
    assert all(array.dtype == p.dtype and array.shape == p.shape for array in kept.values())


@pytest.mark.parametrize("name", BY_HAND)
def test_a_rate_of_zero_changes_nothing(name: str) -> None:
    assert run(OPTIMIZERS[name](lr=0.0), GRADS).tolist() == START


@pytest.mark.parametrize("name", BY_HAND)
def test_config_makes_it_again(name: str) -> None:
    optimizer = OPTIMIZERS[name](lr=0.3, weight_decay=0.2, clip_norm=5.0)
    again = OPTIMIZERS[name](**optimizer.config())
    assert again.config() == optimizer.config()
    assert np.array_equal(run(again, GRADS), run(optimizer, GRADS))
    assert repr(optimizer).startswith(f"{name}(lr=0.3")


NUMBERS = [
    *((name, "lr", value) for name in BY_HAND for value in (-0.1, math.nan, math.inf)),
    *((name, "weight_decay", value) for name in BY_HAND for value in (-1.0, math.nan)),
    *((name, "clip_norm", value) for name in BY_HAND for value in (0.0, -1.0, math.nan)),
    *(("Momentum", "momentum", value) for value in (-0.1, 1.0, math.nan)),
    *(("RMSProp", "decay", value) for value in (-0.1, 1.0)),
    *(("Adam", key, value) for key in ("beta1", "beta2") for value in (-0.1, 1.0, math.nan)),
    *((name, "eps", -1e-9) for name in ("AdaGrad", "RMSProp", "Adam", "AdamW")),
]


@pytest.mark.parametrize(("name", "key", "value"), NUMBERS)
def test_bad_numbers_are_refused(name: str, key: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name}: {key} must be .*, got {value}"):
        OPTIMIZERS[name](**{key: value})


def test_gradients_that_do_not_fit_are_refused_before_anything_is_changed() -> None:
    params = {"a": np.ones(2), "b": np.ones(3)}
    optimizer = zk.SGD(lr=1.0)
    with pytest.raises(ShapeError, match=r"parameter 'b' has shape \(3,\), its gradient none"):
        optimizer.update(params, {"a": np.ones(2)})
    with pytest.raises(ShapeError, match=r"parameter 'b' has shape \(3,\), its gradient \(2,\)"):
        optimizer.update(params, {"a": np.ones(2), "b": np.ones(2)})
    assert params["a"].tolist() == [1, 1]
    assert optimizer.steps == 0


TORCH: list[tuple[str, str, dict[str, float], dict[str, float]]] = [
    ("SGD", "SGD", {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.1, "weight_decay": 0.1}),
    ("Momentum", "SGD", {"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}),
    ("Nesterov", "SGD", {"lr": 0.1}, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("AdaGrad", "Adagrad", {"lr": 0.1}, {"lr": 0.1, "eps": 1e-7}),
    ("RMSProp", "RMSprop", {"lr": 0.1}, {"lr": 0.1, "alpha": 0.99, "eps": 1e-7}),
    ("Adam", "Adam", {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.1, "weight_decay": 0.1}),
    ("AdamW", "AdamW", {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.1, "weight_decay": 0.1}),
]


@pytest.mark.peers
@pytest.mark.parametrize(("name", "theirs", "ours", "options"), TORCH)
def test_against_torch(name: str, theirs: str, ours: Any, options: Any) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    p = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    peer = getattr(torch.optim, theirs)([p], **options)
    for g in GRADS:
        p.grad = torch.tensor(g, dtype=torch.float64)
        peer.step()
    answer = run(OPTIMIZERS[name](**ours), GRADS)
    np.testing.assert_allclose(answer, p.detach().numpy(), rtol=1e-12)
