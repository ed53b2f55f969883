"""Pictures of filters, mistakes and feature maps: what they show, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError, DataError, ShapeError

pytest.importorskip("matplotlib", reason="plots are an extra")

from zerokara.draw.images import feature_maps, plot_feature_maps, plot_filters, plot_mistakes


def net() -> zk.Network:
    layers = [
        *(zk.Convolution(5, 3), zk.ReLU(), zk.Convolution(2, 3, pad=1), zk.MaxPool(2)),
        zk.Affine(3),
    ]
    return zk.Sequential(layers, (1, 8, 8), loss=zk.SoftmaxWithLoss())


def pictures(figure: object) -> list[np.ndarray]:
    """Every small picture of a figure, in order."""
    axes = figure.axes  # type: ignore[attr-defined]
    return [np.asarray(image.get_array()) for place in axes for image in place.images]


def test_filters_before_and_after_share_a_scale(tmp_path: Path, rng: np.random.Generator) -> None:
    before, after = rng.standard_normal((2, 5, 2, 3, 4))
    path = tmp_path / "filters.png"
    figure = plot_filters(after, before, path, "Title")
    shown = pictures(figure)
    assert len(shown) == 10
    for picture, wanted in zip(shown, [*before[:, 0], *after[:, 0]], strict=True):
        assert np.array_equal(picture, wanted)
    limits = {image.get_clim() for place in figure.axes for image in place.images}
    most = max(np.abs(before[:, 0]).max(), np.abs(after[:, 0]).max())
    assert limits == {(-most, most)}
    assert path.read_bytes().startswith(b"\x89PNG")
    assert len(pictures(plot_filters(after))) == 5


def test_mistakes_are_the_wrong_ones_most_certain_first(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    model, x = net(), rng.random((30, 1, 8, 8)).astype(np.float32)
    chances = model.probabilities(x)
    answers = chances.argmax(axis=1)
    t = answers.copy()
    t[[4, 7, 21]] = (t[[4, 7, 21]] + 1) % 3
    order = sorted([4, 7, 21], key=lambda i: -chances[i].max())
    path = tmp_path / "mistakes.svg"
    figure = plot_mistakes(model, x, t, path, "Test", classes=["a", "b", "c"])
    for picture, index in zip(pictures(figure), order, strict=True):
        assert np.array_equal(picture, x[index, 0])
    titles = [place.get_title() for place in figure.axes if place.get_title()]
    assert titles == [f"{'abc'[t[i]]} → {'abc'[answers[i]]}" for i in order]
    assert figure.get_suptitle().startswith("Test: 3 of 30 wrong, all shown")
    assert path.stat().st_size
    assert len(pictures(plot_mistakes(model, x, t, most=2))) == 2
    rows = zk.Sequential([zk.Affine(3)], 64, loss=zk.SoftmaxWithLoss())
    flat = x.reshape(30, 64)
    assert plot_mistakes(rows, flat, (rows.predict(flat).argmax(axis=1) + 1) % 3)


def test_feature_maps_are_what_the_layers_give(tmp_path: Path, rng: np.random.Generator) -> None:
    model, image = net(), rng.standard_normal((1, 8, 8)).astype(np.float32)
    first, relu, second, *_ = (layer for layer in net().layers.values())
    hidden = relu.forward(first.forward(image[np.newaxis]))
    maps = feature_maps(model, image)
    assert list(maps) == ["convolution1", "convolution2"]
    assert np.array_equal(maps["convolution1"], hidden[0])
    assert np.array_equal(maps["convolution2"], second.forward(hidden)[0])
    figure = plot_feature_maps(model, image, tmp_path / "maps.png", "Title", most=4)
    shown = pictures(figure)
    assert len(shown) == 1 + 4 + 2
    assert np.array_equal(shown[0], image[0])
    assert np.array_equal(shown[1], maps["convolution1"][0])


def test_feature_maps_leave_the_network_as_it_was(rng: np.random.Generator) -> None:
    model, x = net(), rng.standard_normal((4, 1, 8, 8)).astype(np.float32)
    dout = np.ones((4, 3), np.float32)
    model.forward(x)
    wanted = model.backward(dout)
    feature_maps(model, x[0])
    assert np.array_equal(model.backward(dout), wanted)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    W, model, x = np.ones((2, 1, 3, 3)), net(), rng.random((4, 1, 8, 8))
    t = model.predict(x).argmax(axis=1)
    with pytest.raises(ShapeError, match="expected filters"):
        plot_filters(W[0])
    with pytest.raises(ShapeError, match="of one shape"):
        plot_filters(W, W[:1])
    with pytest.raises(ArgumentError, match=r"plot_filters: .*\.txt must end in a picture format"):
        plot_filters(W, path=tmp_path / "filters.txt")
    with pytest.raises(DataError, match="cannot be written"):
        plot_filters(W, path=tmp_path / "no" / "folder.png")
    with pytest.raises(ArgumentError, match="none to show among 4 images"):
        plot_mistakes(model, x, t)
    with pytest.raises(ArgumentError, match=r"t must be labels of shape \(4,\)"):
        plot_mistakes(model, x, np.eye(3)[t])
    with pytest.raises(ShapeError, match="expected grey images"):
        plot_mistakes(model, np.ones((4, 3, 8, 8)), t)
    with pytest.raises(ShapeError, match=r"input shape \(1, 8, 8\), got \(4, 1, 8, 8\)"):
        plot_feature_maps(model, x)
    plain = zk.Sequential([zk.ReLU()], (1, 8, 8))
    with pytest.raises(ArgumentError, match="has no Convolution"):
        plot_feature_maps(plain, x[0])
