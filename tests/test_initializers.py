"""Initial values: the deviation, the bounds and the angles that their papers ask for."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError
from zerokara.initializers import BY_NAME, initializer

IN, OUT = 300, 500
DEVIATIONS = {
    "xavier": IN**-0.5,
    "he": (2 / IN) ** 0.5,
    "lecun": IN**-0.5,
    "glorot_normal": (2 / (IN + OUT)) ** 0.5,
    "glorot_uniform": (2 / (IN + OUT)) ** 0.5,
    "he_normal": (2 / IN) ** 0.5,
    "he_uniform": (2 / IN) ** 0.5,
    "lecun_normal": IN**-0.5,
    "lecun_uniform": IN**-0.5,
}
UNIFORM = [name for name in BY_NAME if name.endswith("uniform")]


def draw(name: str | float, shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    return initializer(name)(IN, OUT, shape, np.random.default_rng(5), dtype)


def test_every_name_is_here() -> None:
    assert set(DEVIATIONS) | {"orthogonal"} == set(BY_NAME)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_mean_and_deviation(name: str) -> None:
    W, wanted = draw(name, (IN, OUT)), DEVIATIONS[name]
    # 150,000 numbers: four standard errors of their mean and of their deviation.
    assert abs(W.mean()) < 4 * wanted / W.size**0.5
    assert W.std() == pytest.approx(wanted, rel=4 / (2 * W.size) ** 0.5)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_form(name: str) -> None:
    W, wanted = draw(name, (IN, OUT)), DEVIATIONS[name]
    if name in UNIFORM:
        bound = 3**0.5 * wanted
        assert 0.999 * bound < np.abs(W).max() <= bound
        counts = np.histogram(W, 10, (-bound, bound))[0]
        assert np.all(np.abs(counts - W.size / 10) < 5 * (W.size / 10) ** 0.5)
    else:
        # Of a Gaussian 4.55 % lie further out than two deviations, of a uniform none.
        assert np.mean(np.abs(W) > 2 * wanted) == pytest.approx(0.0455, abs=0.003)


@pytest.mark.parametrize(
    "shape", [(40, 25), (25, 40), (30, 30), (8, 3, 5, 5), (50, 2, 3, 3), (1, 1)]
)
def test_orthogonal(shape: tuple[int, ...]) -> None:
    W = draw("orthogonal", shape)
    assert W.shape == shape
    matrix = W.reshape(shape[0], -1)
    fewer = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(fewer @ fewer.T, np.eye(len(fewer)), atol=1e-13)


def test_orthogonal_matrices_are_drawn_evenly() -> None:
    """Without the signs of R's diagonal the first entry would lean to one side."""
    rng = np.random.default_rng(0)
    first = [BY_NAME["orthogonal"](3, 3, (3, 3), rng, np.float64)[0, 0] for _ in range(2000)]
    assert abs(np.mean(first)) < 5 * (1 / 3 / 2000) ** 0.5
    assert np.mean(np.square(first)) == pytest.approx(1 / 3, abs=0.04)


@pytest.mark.parametrize("name", BY_NAME)
def test_float32_is_float64_rounded_and_a_seed_gives_it_again(name: str) -> None:
    wide, narrow = draw(name, (30, 20)), draw(name, (30, 20), np.float32)
    assert narrow.dtype == np.float32
    assert np.array_equal(narrow, wide.astype(np.float32))
    assert np.array_equal(wide, draw(name, (30, 20)))


@pytest.mark.parametrize("name", BY_NAME)
def test_layers_take_every_name_and_a_file_keeps_it(name: str, tmp_path: Path) -> None:
    layers = [zk.Convolution(3, 3, init=name), zk.Affine(20, init=name), zk.Affine(2, init=name)]
    net = zk.Sequential(layers, (2, 6, 6), rng=1)
    assert all(net.params[key].any() for key in net.params if key.endswith("W"))
    assert net.summary().count(f"init='{name}'") == 3
    zk.save(net, tmp_path / "net.safetensors")
    again = zk.load(tmp_path / "net.safetensors")
    assert again.summary() == net.summary()
    assert np.array_equal(again.flat_params, net.flat_params)


def test_the_fans_of_layers_are_used() -> None:
    net = zk.Sequential([zk.Affine(700, init="glorot_normal")], 100)
    assert net.params["affine1.W"].std() == pytest.approx((2 / 800) ** 0.5, rel=0.02)
    net = zk.Sequential([zk.Convolution(64, 3, init="glorot_uniform")], (32, 5, 5))
    assert net.params["convolution1.W"].std() == pytest.approx((2 / 864) ** 0.5, rel=0.02)


@pytest.mark.parametrize(
    ("activation", "wanted"),
    [
        (zk.ReLU, "he"),
        (zk.LeakyReLU, "he"),
        (zk.ELU, "he"),
        (zk.GELU, "he"),
        (zk.SiLU, "he"),
        (zk.Softplus, "he"),
        (zk.Sigmoid, "xavier"),
        (zk.Tanh, "xavier"),
    ],
)
def test_the_default_suits_what_follows_and_the_summary_says_so(
    activation: type[zk.Layer], wanted: str
) -> None:
    net = zk.Sequential([zk.Affine(400), activation(), zk.Affine(2)], 200)
    assert f"Affine(outputs=400, init={wanted!r})" in net.summary()
    assert net.params["affine1.W"].std() == pytest.approx(DEVIATIONS[wanted] * 1.5**0.5, rel=0.02)


@pytest.mark.parametrize(
    ("followers", "wanted"),
    [
        ([zk.Dropout(), zk.ReLU()], "he"),
        ([zk.Flatten(), zk.Dropout(), zk.ReLU()], "he"),
        ([zk.BatchNormalization(), zk.ReLU()], "he"),
        ([zk.BatchNormalization(), zk.Dropout(), zk.ReLU()], "he"),
        ([zk.Dropout(), zk.BatchNormalization(), zk.ReLU()], "he"),
        ([zk.Dropout(), zk.Sigmoid()], "xavier"),
        ([zk.Dropout()], "xavier"),
        ([], "xavier"),
        ([zk.BatchNormalization()], "he"),
        ([zk.BatchNormalization(), zk.Sigmoid()], "he"),
    ],
)
@pytest.mark.parametrize("more", [0, 1])
def test_the_default_looks_through_what_says_nothing(
    followers: list[zk.Layer], wanted: str, more: int
) -> None:
    followers = copy.deepcopy(followers)
    net = zk.Sequential([zk.Affine(400), *followers, *[zk.Affine(2)] * more], 200)
    assert f"Affine(outputs=400, init={wanted!r})" in net.summary()
    assert net.params["affine1.W"].std() == pytest.approx(DEVIATIONS[wanted] * 1.5**0.5, rel=0.02)


def test_of_two_that_use_an_output_the_first_is_asked() -> None:
    for first, wanted in ((zk.ReLU, "he"), (zk.Tanh, "xavier")):
        second = zk.Tanh if first is zk.ReLU else zk.ReLU
        node = zk.Affine(4)(zk.Input("x", (3,)))
        net = zk.Network(first()(zk.Dropout()(node)) + second()(node))
        assert f"Affine(outputs=4, init={wanted!r})" in net.summary()


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ArgumentError) as caught:
        initializer("xavir")
    assert all(name in str(caught.value) for name in BY_NAME)
    assert initializer("Glorot_Uniform") is BY_NAME["glorot_uniform"]
