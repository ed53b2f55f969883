"""The book's figures: what each shows, how it can be read, and what it is drawn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figure_cases import nothing_is_cut, write_mnist

from zerokara import data
from zerokara.errors import DataError, OrderError

pytest.importorskip("matplotlib", reason="plots are an extra")

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from zerokara.figures import ENTRIES, draw_figure, histograms, mistakes, optimizers, search, style
from zerokara.figures.material import Given, Material
from zerokara.figures.training import trained
from zerokara.layers import ReLU, Sigmoid
from zerokara.models import TwoLayerNet
from zerokara.optimizers import SGD, Adam, Momentum

# As small as each can be drawn.
TINY: dict[str, dict[str, Any]] = {
    "activations": {"points": 41},
    "gradients": {"arrows": 4},
    "descent": {"steps": 4},
    "optimizers": {"steps": 4},
    "optimizers-mnist": {"steps": 6},
    "histograms": {"images": 30},
    "initial-values": {"steps": 6},
    "batch-norm": {"scales": 2, "images": 100, "epochs": 2, "layers": 2},
    "overfitting": {"images": 100, "epochs": 4, "every": 2},
    "search": {"images": 50, "trials": 3, "epochs": 2, "shown": 2},
    "filters": {"steps": 3},
    "mistakes": {"steps": 3, "most": 8},
}
PICTURES = {"filters", "mistakes"}  # images instead of axes


@pytest.fixture(scope="module")
def digits() -> Material:
    """The digits that zerokara carries."""
    train, test = data.load_digits(normalize="lazy", flatten=False)
    return Material("digits", train, test)


def test_every_word_has_a_tiny_setting() -> None:
    assert TINY.keys() == ENTRIES.keys()


@pytest.mark.parametrize("word", ENTRIES)
def test_has_titles_and_labels_and_can_be_read_in_grey(
    word: str, digits: Material, tmp_path: Path
) -> None:
    path = tmp_path / f"{word}.png"
    figure = draw_figure(word, path, material=digits, **TINY[word])
    assert figure.get_suptitle()
    if ENTRIES[word].data:
        assert "digits" in figure.get_suptitle()
    drawn = [place for place in figure.axes if place.has_data()]
    assert drawn
    if word not in PICTURES:
        assert any(place.get_xlabel() for place in drawn)
        assert any(place.get_ylabel() for place in drawn)
    for place in drawn:
        told = [
            (str(line._unscaled_dash_pattern), line.get_marker())
            for line in place.lines
            if not line.get_label().startswith("_")
        ]
        assert len(set(told)) == len(told), "two curves that differ in colour alone"
    assert nothing_is_cut(figure) == []
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 80_000


def test_a_cut_title_is_seen() -> None:
    figure = Figure(figsize=(2, 2), layout="constrained")
    figure.suptitle("much longer than two inches, " * 3)
    assert nothing_is_cut(figure)


def test_strokes_differ_in_lightness_line_and_marker() -> None:
    grey = [np.dot(to_rgb(stroke["color"]), (0.299, 0.587, 0.114)) for stroke in style.STROKES]
    assert np.diff(np.sort(grey)).min() > 0.05
    assert len({str(stroke["linestyle"]) for stroke in style.STROKES}) == len(style.STROKES)
    assert len({stroke["marker"] for stroke in style.STROKES}) == len(style.STROKES)


def test_the_slopes_are_those_of_the_functions() -> None:
    panels = draw_figure("activations").axes
    assert len(panels) == 9
    for place in panels[1:]:
        y, slope = (line.get_ydata() for line in place.lines[:2])
        x = place.lines[0].get_xdata()
        measured = (y[2:] - y[:-2]) / (x[2:] - x[:-2])
        smooth = np.abs(x[1:-1]) > 0.05
        np.testing.assert_allclose(slope[1:-1][smooth], measured[smooth], atol=1e-3)


def test_the_arrows_point_downhill() -> None:
    left, right = draw_figure("gradients", arrows=5).axes
    [arrows] = [each for each in right.collections if hasattr(each, "U")]
    np.testing.assert_allclose(arrows.U, -2 * arrows.X, atol=1e-6)
    np.testing.assert_allclose(arrows.V, -2 * arrows.Y, atol=1e-6)
    tangents = [line.get_label() for line in left.lines if "tangent" in str(line.get_label())]
    assert tangents == ["tangent at x = 5: slope 0.2", "tangent at x = 10: slope 0.3"]


def test_descent_shrinks_by_the_factor_of_its_rate() -> None:
    right = draw_figure("descent", steps=5, rates=(0.1, 1.05)).axes[1]
    for line, rate in zip(right.lines, (0.1, 1.05), strict=True):
        expected = 25 * (1 - 2 * rate) ** (2 * np.arange(6))
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-5)


def test_the_paths_follow_their_rules() -> None:
    path = optimizers.followed(SGD(0.5), 3)
    np.testing.assert_allclose(path, [(-7 * 0.95**i, 2 * 0.0**i) for i in range(4)], atol=1e-15)
    speed, point, expected = np.zeros(2), np.array([-7.0, 2.0]), []
    for _ in range(3):
        speed = 0.9 * speed - 0.1 * point * (0.1, 2)
        point = point + speed
        expected.append(point)
    np.testing.assert_allclose(optimizers.followed(Momentum(0.1), 3)[1:], expected)
    # Adam's first step is the learning rate in each direction, whatever the slope.
    np.testing.assert_allclose(optimizers.followed(Adam(0.3), 1)[1], (-6.7, 1.7), rtol=1e-6)


def test_he_keeps_the_spread_and_a_small_start_loses_it(rng: np.random.Generator) -> None:
    x = rng.standard_normal((200, 100))
    kept = histograms.activations(x, ReLU, "he", 0)
    lost = histograms.activations(x, ReLU, 0.01, 0)
    assert len(kept) == 5
    assert kept[-1].std() > 0.5 * kept[0].std()
    assert lost[-1].std() < 1e-3 * lost[0].std()
    saturated = histograms.activations(x, Sigmoid, 1.0, 0)[-1]
    assert np.mean((saturated < 0.05) | (saturated > 0.95)) > 0.4


def test_a_histogram_shows_shares(digits: Material) -> None:
    figure = draw_figure("histograms", material=digits, images=50)
    for place in figure.axes:
        [bars] = place.patches
        assert bars.get_data().values.sum() == pytest.approx(1.0)


def test_a_loss_that_overflows_is_said(digits: Material) -> None:
    figure = draw_figure(
        "batch-norm", material=digits, scales=1, images=100, epochs=12, layers=8, seed=3
    )
    [place] = [place for place in figure.axes if place.has_data()]
    assert any("without: loss\noverflowed in step" in text.get_text() for text in place.texts)
    normalized = place.lines[0].get_ydata()
    assert len(normalized) == 12


def test_the_search_shows_its_best_first(digits: Material) -> None:
    found = search.searched(Given(digits, 1), 60, 5, 2)
    assert all(1e-6 <= trial.lr <= 1e-2 and 1e-8 <= trial.decay <= 1e-4 for trial in found)
    figure = draw_figure("search", material=digits, seed=1, images=60, trials=5, epochs=2, shown=3)
    best = sorted((trial.accuracy for trial in found), reverse=True)[:3]
    last = [place.lines[1].get_ydata()[-1] for place in figure.axes if place.lines]
    assert last == best


def test_the_training_is_that_of_the_seed(digits: Material) -> None:
    def losses(seed: int) -> list[float]:
        figure = draw_figure("initial-values", material=digits, steps=5, seed=seed)
        return [value for line in figure.axes[0].lines for value in line.get_ydata()]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_mistakes_are_counted_on_the_test_images(digits: Material) -> None:
    title = mistakes.draw(Given(digits), steps=2).get_suptitle()
    assert title.startswith("Mistakes of SimpleConvNet after 2 steps")
    assert f"of {len(digits.test[1])} wrong" in title


def test_ctrl_c_ends_the_figure_and_not_only_a_training(
    digits: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zerokara.training import History

    monkeypatch.setattr("zerokara.figures.training.fit", lambda *_, **__: History(interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        trained(TwoLayerNet(64, 5, 10), digits.train_rows(), SGD())


def test_mnist_is_taken_where_it_is_and_else_the_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZEROKARA_DATA", raising=False)
    monkeypatch.setattr("zerokara.data.mnist._cache", lambda source: tmp_path / "none")
    found = Material.find()
    assert found.about(100) == "100 training images of 8x8 digits (MNIST was not found)"
    assert found.side == 8
    write_mnist(tmp_path / "mnist")
    for root in (tmp_path, tmp_path / "mnist"):
        real = Material.find(root)
        assert real.about() == "40 training images of MNIST"
        assert real.train_rows(7)[0].shape == (7, 784)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="none of train-images"):
        Material.find(empty)


def test_a_figure_that_announces_no_data_gets_none() -> None:
    with pytest.raises(OrderError, match="must say that it reads data"):
        _ = Given(None).material
