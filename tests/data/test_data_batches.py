"""Batches: who is drawn when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerokara.data import Batches
from zerokara.errors import ArgumentError

anyone = st.builds(
    Batches,
    count=st.integers(1, 40),
    batch_size=st.integers(1, 60),
    sampling=st.sampled_from(["shuffle", "choice"]),
    seed=st.integers(0, 2**64),
)


@given(batches=anyone, epoch=st.integers(0, 5))
def test_an_epoch_is_its_indices_cut_at_the_bounds(batches: Batches, epoch: int) -> None:
    indices, bounds = batches.indices(epoch), batches.bounds
    cut = batches.epoch(epoch)
    assert len(cut) == batches.steps_per_epoch == len(bounds) - 1
    assert indices.dtype == bounds.dtype == np.int64
    assert bounds[0] == 0
    assert bounds[-1] == len(indices)
    for i, batch in enumerate(cut):
        np.testing.assert_array_equal(batch, indices[bounds[i] : bounds[i + 1]])
        assert len(batch) > 0
    assert 0 <= indices.min() <= indices.max() < batches.count


@given(batches=anyone, step=st.integers(0, 200))
def test_any_step_is_known_without_the_steps_before(batches: Batches, step: int) -> None:
    fresh = Batches(batches.count, batches.batch_size, batches.sampling, batches.seed)
    epoch, place = divmod(step, batches.steps_per_epoch)
    np.testing.assert_array_equal(fresh.batch(step), batches.epoch(epoch)[place])


@given(batches=anyone, start=st.integers(0, 30), length=st.integers(0, 30))
def test_steps_go_on_where_they_stopped(batches: Batches, start: int, length: int) -> None:
    whole = list(batches.steps(0, start + length))
    resumed = list(batches.steps(start, start + length))
    assert [step for step, _ in resumed] == list(range(start, start + length))
    for (step, batch), (same_step, same_batch) in zip(whole[start:], resumed, strict=True):
        assert step == same_step
        np.testing.assert_array_equal(batch, same_batch)


@given(count=st.integers(1, 50), batch_size=st.integers(1, 60), seed=st.integers(0, 9))
def test_shuffle_draws_everyone_once(count: int, batch_size: int, seed: int) -> None:
    batches = Batches(count, batch_size, seed=seed)
    np.testing.assert_array_equal(np.sort(batches.indices(3)), np.arange(count))
    *full, last = batches.epoch(3)
    assert all(len(batch) == batch_size for batch in full)
    assert len(last) == count - batch_size * len(full)


def test_the_shuffle_is_the_documented_permutation() -> None:
    np.testing.assert_array_equal(
        Batches(100, 7, seed=5).indices(2), np.random.default_rng([5, 2]).permutation(100)
    )


def test_choice_draws_full_batches_with_replacement() -> None:
    batches = Batches(1000, 300, sampling="choice")
    assert batches.steps_per_epoch == 3  # the book's max(count // batch_size, 1)
    assert [len(batch) for batch in batches.epoch(0)] == [300, 300, 300]
    assert len(np.unique(batches.indices(0))) < 900
    drawn = np.bincount(
        np.concatenate([batches.indices(epoch) for epoch in range(200)]), minlength=1000
    )
    assert drawn.min() > 100  # 180 expected, standard deviation 13.4: six of them away


def test_a_batch_larger_than_the_data() -> None:
    shuffle, choice = Batches(5, 8), Batches(5, 8, sampling="choice")
    assert [len(batch) for batch in shuffle.epoch(0)] == [5]
    assert [len(batch) for batch in choice.epoch(0)] == [8]


@pytest.mark.parametrize("sampling", ["shuffle", "choice"])
def test_epochs_and_seeds_differ(sampling: str) -> None:
    def drawn(seed: int, epoch: int) -> tuple[int, ...]:
        return tuple(Batches(50, 10, sampling, seed).indices(epoch).tolist())

    assert len({drawn(seed, epoch) for seed in range(3) for epoch in range(3)}) == 9


def test_what_is_handed_out_cannot_spoil_what_is_kept() -> None:
    batches = Batches(10, 3)
    with pytest.raises(ValueError, match="read-only"):
        batches.batch(0)[0] = 99


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count must be a whole number from 1, got 0"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1, got 0"),
        ({"batch_size": -3}, "got -3"),
        ({"batch_size": 2.0}, "got 2.0"),
        ({"batch_size": True}, "got True"),
        ({"count": "9"}, "got '9'"),
        ({"seed": -1}, "seed must be a whole number from 0, got -1"),
        ({"seed": None}, "got None"),
        ({"sampling": "random"}, "must be 'shuffle' or 'choice', got 'random'"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Batches(**{"count": 10, "batch_size": 2, **arguments})


def test_steps_before_the_first() -> None:
    batches = Batches(10, 2)
    with pytest.raises(ArgumentError, match="step"):
        batches.batch(-1)
    with pytest.raises(ArgumentError, match="epoch"):
        batches.indices(-1)
    with pytest.raises(ArgumentError, match="start_step"):
        batches.steps(-1, 3)
