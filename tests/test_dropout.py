"""Dropout: its share, its scale, its gradient, and noise that a seed and a count give again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zerokara as zk
from zerokara.errors import ArgumentError, OrderError
from zerokara.layers.dropout import kept_entries

M, KEY = 2**32 - 1, (0x9E3779B9, 0xBB67AE85)


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> list[int]:
    """One block of Philox4x32-10, by the paper: four words of 32 bits."""
    x, (k0, k1) = list(counter), key
    for _ in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [b >> 32 ^ x[1] ^ k0, b & M, a >> 32 ^ x[3] ^ k1, a & M]
        k0, k1 = (k0 + KEY[0]) & M, (k1 + KEY[1]) & M
    return x


def test_the_noise_is_philox_as_documented() -> None:
    # The vectors of Random123, the authors' own library.
    assert philox((0, 0, 0, 0), (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox((M,) * 4, (M, M)) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    seed, passes, ratio = 2**63 + 12345, 2**40 + 7, 0.3

    def number(i: int, j: int) -> int:
        half = []
        for first_block in (0, 2**31):
            counter = (first_block + j // 64 * 8 + j % 8, i, passes & M, passes >> 32)
            word = philox(counter, (seed & M, seed >> 32))[j % 64 // 16]
            half.append(word >> 16 if j % 16 < 8 else word & 0xFFFF)
        return half[0] << 16 | half[1]

    ratios = [ratio, *((number(2, 70) + more) / 2**32 for more in (0, 1))]
    for share in ratios:
        kept = kept_entries(seed, passes, (3, 5, 17), share).reshape(3, 85)
        for i in range(3):
            for j in range(85):
                assert kept[i, j] == (number(i, j) >= round(share * 2**32)), (i, j)


@given(st.floats(0, 0.99), st.integers(0, 2**64 - 1), st.booleans())
def test_what_stays_is_scaled_and_the_rest_is_zero(ratio: float, seed: int, book: bool) -> None:
    layer = zk.Dropout(ratio, scale_at_test=book, seed=seed)
    x = np.full((50, 80), 3.0)
    y = layer.forward(x, training=True)
    scale = 1 if book else 1 / (1 - ratio)
    assert np.all((y == 0) | np.isclose(y, 3 * scale, rtol=1e-15))
    # Six standard deviations of 4,000 draws.
    spread = 6 * np.sqrt(ratio * (1 - ratio) / x.size) + 1e-9
    assert abs(np.mean(y == 0) - ratio) <= spread
    np.testing.assert_array_equal(layer.backward(np.full(x.shape, 3.0)), y)
    calm = layer.forward(x)
    np.testing.assert_allclose(calm, x * (1 - ratio) if book else x, rtol=1e-15)
    np.testing.assert_allclose(layer.backward(x), calm, rtol=0)


@pytest.mark.parametrize("book", [False, True])
def test_the_gradient_under_one_noise_is_proven(book: bool, rng: np.random.Generator) -> None:
    class Frozen(zk.Dropout):
        """The same noise at each forward."""

        def forward(self, x: np.ndarray, *, training: bool = False) -> np.ndarray:
            self.state["noise"][1] = 4
            return super().forward(x, training=training)

    layer = Frozen(0.4, scale_at_test=book, seed=1)
    report = zk.gradcheck(layer, rng.standard_normal((5, 6)))
    assert report.ok, report
    assert 0 < np.mean(report.rows[0].analytic == 0) < 1


def test_each_training_forward_draws_anew_and_inference_draws_nothing() -> None:
    x = np.ones((4, 100))
    layer, twin = zk.Dropout(seed=5), zk.Dropout(seed=5)
    first, second = layer.forward(x, training=True), layer.forward(x, training=True)
    assert not np.array_equal(first, second)
    assert np.array_equal(twin.forward(x, training=True), first)
    twin.forward(x)
    assert np.array_equal(twin.forward(x, training=True), second)
    assert not np.array_equal(zk.Dropout(seed=6).forward(x, training=True), first)


def net(rng: int = 0) -> zk.Sequential:
    layers = [zk.Affine(30), zk.Dropout(), zk.Affine(30), zk.Dropout(), zk.Affine(3)]
    return zk.Sequential(layers, 4, loss=zk.SoftmaxWithLoss(), rng=rng)


def test_layers_of_one_network_have_noise_of_their_own() -> None:
    seeds = {int(layer.state["noise"][0]) for layer in net().layers.values() if layer.state}
    seeds |= {int(layer.state["noise"][0]) for layer in net(1).layers.values() if layer.state}
    assert len(seeds) == 4


def test_same_seed_same_bits_also_after_saving(tmp_path: Path, rng: np.random.Generator) -> None:
    x, t = rng.standard_normal((8, 4)), rng.integers(0, 3, 8)

    def train(model: zk.Network, steps: int) -> bytes:
        for _ in range(steps):
            model.compute_gradient(x, t)
            model.flat_params[...] -= np.float32(0.1) * model.flat_grads
        return model.flat_params.tobytes()

    whole, halves = net(), net()
    wanted = train(whole, 6)
    train(halves, 3)
    zk.save(halves, tmp_path / "half.safetensors")
    assert train(zk.load(tmp_path / "half.safetensors"), 3) == wanted
    assert train(halves.copy(), 3) == wanted
    assert train(net(), 6) == wanted


def test_floats_of_both_widths_get_the_same_noise() -> None:
    wide, narrow = (
        zk.Dropout(seed=3).forward(np.ones((9, 9), dtype), training=True)
        for dtype in (np.float64, np.float32)
    )
    assert narrow.dtype == np.float32
    assert np.array_equal(wide, narrow)


def test_what_cannot_be_is_refused() -> None:
    for ratio in (-0.1, 1.0, np.nan):
        with pytest.raises(ArgumentError, match=r"Dropout: ratio must be from 0 to below 1"):
            zk.Dropout(ratio)
    with pytest.raises(ArgumentError, match="seed must be from 0"):
        zk.Dropout(seed=-1)
    with pytest.raises(OrderError, match=r"Dropout\(seed=0\) stands alone"):
        zk.Dropout().forward(np.ones((2, 2)), training=True)
