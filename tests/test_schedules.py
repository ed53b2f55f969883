"""Learning-rate schedules: their curves by hand and by PyTorch, and the rates that steps get."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from fit_cases import COUNT, blobs, small_net
from hypothesis import given
from hypothesis import strategies as st

import zerokara as zk
from zerokara.errors import ArgumentError
from zerokara.optimizers import OPTIMIZERS
from zerokara.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    OneCycle,
    Schedule,
    StepDecay,
    Warmup,
)


def test_curves_by_hand() -> None:
    assert [Constant().factor(s) for s in (0, 5)] == [1, 1]
    assert [StepDecay(3, 0.5).factor(s) for s in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    cosine = [Cosine(4, end=0.2).factor(s) for s in range(6)]
    half = math.sqrt(0.5)
    wanted = [1, 0.6 + 0.4 * half, 0.6, 0.6 - 0.4 * half, 0.2, 0.2]
    np.testing.assert_allclose(cosine, wanted, rtol=1e-14)
    warm = [Warmup(3, StepDecay(2, 0.1)).factor(s) for s in range(8)]
    np.testing.assert_allclose(warm, [0.25, 0.5, 0.75, 1, 1, 0.1, 0.1, 0.01], rtol=1e-14)
    np.testing.assert_allclose(Warmup(1, start=0.5).factor(0), 0.75)
    cycle = [OneCycle(10, warm=0.4, start=0.1, end=0.0).factor(s) for s in range(10)]
    np.testing.assert_allclose(cycle[0], 0.1)
    np.testing.assert_allclose(cycle[3], 1.0)
    np.testing.assert_allclose(cycle[6], 0.5)
    assert abs(cycle[9]) < 1e-15
    assert cycle[:4] == sorted(cycle[:4])
    assert cycle[3:] == sorted(cycle[3:], reverse=True)


@given(st.integers(1, 400), st.integers(0, 500), st.floats(0, 1))
def test_every_factor_is_a_share(steps: int, step: int, share: float) -> None:
    every: list[Schedule] = [
        StepDecay(steps, share),
        Cosine(steps, share),
        OneCycle(steps, share, share, share / 2),
        Warmup(steps, Cosine(steps), share),
    ]
    for schedule in every:
        assert 0 <= schedule.factor(step) <= 1 + 1e-12, schedule


EVERY = [
    Constant(),
    StepDecay(5, 0.5),
    Cosine(),
    Cosine(20, 0.1),
    OneCycle(),
    OneCycle(30, 0.2, 0.05, 0.01),
    Warmup(4),
    Warmup(4, Cosine(), 0.1),
    Warmup(2, Warmup(3, OneCycle(50))),
]


def test_every_schedule_is_tried() -> None:
    assert {type(each).__name__ for each in EVERY} == set(SCHEDULES)


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
def test_config_through_json_makes_it_again(schedule: Schedule) -> None:
    optimizer = zk.Adam(lr=0.3, schedule=schedule)
    config = json.loads(json.dumps(optimizer.config()))
    again = zk.Adam(**config)
    assert again.schedule == schedule
    assert again.config() == optimizer.config()
    assert repr(schedule) in repr(optimizer)
    bound = Schedule.bound(schedule, 60) if not schedule.open else schedule.bound(60)
    twin = again.schedule.bound(60)
    assert [twin.factor(s) for s in range(70)] == [bound.factor(s) for s in range(70)]


def test_an_open_length_is_the_trainings() -> None:
    assert Cosine().open
    assert not Cosine(5).open
    assert Warmup(3, Cosine()).open
    bound = Warmup(3, Cosine()).bound(13)
    assert [bound.factor(s) for s in range(3, 15)] == [Cosine(10).factor(s) for s in range(12)]
    with pytest.raises(ArgumentError, match=r"Cosine: its length was left open.*Cosine\(steps=\.+"):
        _ = zk.SGD(schedule=Cosine()).lr
    optimizer = zk.SGD(lr=0.1, schedule=Cosine())
    zk.fit(small_net(), blobs(), optimizer=optimizer, batch_size=10, epochs=3)
    assert [optimizer.lr_at(s) for s in range(13)] == [
        0.1 * Cosine(12).factor(s) for s in range(13)
    ]
    # The next training is longer, and the schedule goes on to its end.
    zk.fit(small_net(), blobs(), optimizer=optimizer, batch_size=10, epochs=1)
    assert optimizer.lr_at(12) == 0.1 * Cosine(16).factor(12)


def test_assigning_a_rate_moves_the_schedule() -> None:
    optimizer = zk.SGD(lr=0.1, schedule=StepDecay(2, 0.5))
    optimizer.steps = 2
    assert optimizer.lr == 0.05
    optimizer.lr = 0.2
    assert (optimizer.lr, optimizer.base_lr) == (0.2, 0.4)
    assert optimizer.lrs(4).tolist() == [0.2, 0.2, 0.1, 0.1]
    optimizer.schedule = Cosine(1)
    with pytest.raises(ArgumentError, match="cannot be assigned where its schedule"):
        optimizer.lr = 0.1
    with pytest.raises(ArgumentError, match="lr must be 0 or more"):
        optimizer.lr = -1.0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_follow_the_schedule(name: str) -> None:
    """Hold an optimizer with a schedule against one whose rate is set by hand."""
    scheduled = OPTIMIZERS[name](lr=0.3, weight_decay=0.1, schedule=Warmup(2, Cosine(5)))
    plain = OPTIMIZERS[name](lr=1.0, weight_decay=0.1)
    p, q = np.array([1.0, -2.0]), np.array([1.0, -2.0])
    rates = [0.1, 0.2, *(0.15 * (1 + math.cos(math.pi * s / 5)) for s in range(5)), 0.0]
    for step, rate in enumerate(rates):
        g = np.array([0.5, math.sin(step)])
        plain.lr = rate
        scheduled.update(p, g)
        plain.update(q, g)
        np.testing.assert_allclose(p, q, rtol=1e-13, atol=1e-15)
    assert abs(p[0] - 1) > 1e-3


@pytest.mark.parametrize("schedule", [Warmup(3, Cosine(9)), StepDecay(4, 0.3)], ids=repr)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fit_gives_each_step_its_rate(name: str, schedule: Schedule) -> None:
    x, t = blobs()
    net, twin = small_net(), small_net()
    rule = OPTIMIZERS[name](lr=0.05, schedule=schedule)
    history = zk.fit(net, (x, t), optimizer=rule, batch_size=10, epochs=4)
    by_hand = OPTIMIZERS[name](lr=0.0)
    step = zk.compile_step(twin, by_hand, x, t, batch_size=10)
    losses = []
    for number, batch in zk.data.Batches(COUNT, 10).steps(0, 16):
        by_hand.lr = 0.05 * schedule.factor(number)
        losses.append(step(batch))
    assert net.flat_params.tobytes() == twin.flat_params.tobytes()
    assert history.loss == losses


WRONG: list[tuple[Any, str]] = [
    (lambda: Cosine(0), "Cosine: steps must be a whole number from 1, got 0"),
    (lambda: Cosine(2.5), "steps must be a whole number"),  # type: ignore[arg-type]
    (lambda: Cosine(5, end=1.5), r"Cosine: end must be in 0\.\.1, got 1.5"),
    (lambda: StepDecay(3, math.nan), r"by must be in 0\.\.1, got nan"),
    (lambda: StepDecay(True), "every must be a whole number"),
    (lambda: OneCycle(5, warm=-0.1), "warm must be in"),
    (lambda: Warmup(3, 0.1), r"Warmup: then must be a Schedule, got 0\.1"),  # type: ignore[arg-type]
    (lambda: zk.SGD(schedule=Cosine), r"got .*; make one with Cosine\("),  # type: ignore[arg-type]
    (lambda: zk.SGD(schedule={"name": "Sine"}), "SGD: schedule: 'Sine' is unknown; expected Const"),
    (lambda: zk.SGD(schedule={"name": "Cosine", "x": 1}), "Cosine takes"),
]


@pytest.mark.parametrize(("make", "match"), WRONG)
def test_what_cannot_be_is_refused(make: Any, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        make()


# ours -> PyTorch's class and its arguments
TORCH: list[tuple[Schedule, str, dict[str, Any]]] = [
    (StepDecay(7, 0.3), "StepLR", {"step_size": 7, "gamma": 0.3}),
    (Cosine(40, 0.1), "CosineAnnealingLR", {"T_max": 40, "eta_min": 0.05}),
    (OneCycle(40), "OneCycleLR", {"max_lr": 0.5, "total_steps": 40, "cycle_momentum": False}),
    (
        OneCycle(40, 0.5, 0.1, 0.01),
        "OneCycleLR",
        {
            "max_lr": 0.5,
            "total_steps": 40,
            "pct_start": 0.5,
            "div_factor": 10,
            "final_div_factor": 10,
            "cycle_momentum": False,
        },
    ),
    (Warmup(9), "LinearLR", {"start_factor": 0.1, "total_iters": 9}),
]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("ours", "theirs", "options"), TORCH)
def test_against_torch(ours: Schedule, theirs: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    peer = getattr(torch.optim.lr_scheduler, theirs)(optimizer, **options)
    mine = zk.SGD(lr=0.5, schedule=ours)
    for step in range(40):
        assert mine.lr_at(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        if step < 39:
            peer.step()
