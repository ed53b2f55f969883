"""Curves: what they show, what they are saved as, what they leave alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerokara import History
from zerokara.errors import ArgumentError, DataError, MissingExtraError

pytest.importorskip("matplotlib", reason="plots are an extra")

from zerokara.draw.plots import plot_history, smoothed


def some_history(epochs: int = 5) -> History:
    loss = np.geomspace(2.3, 0.1, epochs * 20) * (1 + 0.1 * np.sin(np.arange(epochs * 20)))
    train = np.linspace(0.3, 0.99, epochs).tolist()
    test = np.linspace(0.3, 0.95, epochs).tolist()
    return History(loss.tolist(), train, test, 1.0, epochs, 20, epochs, False)


def test_shows_the_numbers_of_the_history() -> None:
    history = some_history()
    figure = plot_history(history, title="A run")
    loss, accuracies = figure.axes
    assert figure.get_suptitle() == "A run"
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("step", "loss")
    assert (accuracies.get_xlabel(), accuracies.get_ylabel()) == ("epoch", "accuracy")
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), history.loss)
    assert len(loss.lines) == 2
    train, test = accuracies.lines
    np.testing.assert_array_equal(train.get_ydata(), history.train_accuracy)
    np.testing.assert_array_equal(test.get_ydata(), history.test_accuracy)
    np.testing.assert_array_equal(test.get_xdata(), [1, 2, 3, 4, 5])
    assert train.get_linestyle() != test.get_linestyle()
    assert train.get_marker() != test.get_marker()


def test_samples_kept_out_have_curves_of_their_own() -> None:
    history = some_history(4)
    history.validation_loss = [2.0, 4.0, 1.0, 0.5]
    history.validation_accuracy = [0.3, 0.5, 0.6, 0.7]
    del history.loss[70:]
    loss, accuracies = plot_history(history).axes
    kept_out = loss.lines[-1]
    assert kept_out.get_label() == "validation"
    assert kept_out.get_xdata().tolist() == [20, 40, 60, 70]
    assert kept_out.get_ydata().tolist() == history.validation_loss
    assert loss.get_ylim() == (0, pytest.approx(4.2))
    names = [line.get_label() for line in accuracies.lines]
    assert names == ["train (last 99.0%)", "validation (last 70.0%)", "test (last 95.0%)"]
    for differ in ("get_color", "get_marker", "_unscaled_dash_pattern"):
        found = [getattr(line, differ) for line in accuracies.lines]
        assert len({str(each() if callable(each) else each) for each in found}) == 3, differ


def test_a_validation_set_alone_is_drawn() -> None:
    history = History([3.0, 2.0], steps_per_epoch=1)
    history.validation_loss, history.validation_accuracy = [2.5, 2.2], [0.4, 0.5]
    loss, accuracies = plot_history(history).axes
    assert [line.get_label() for line in loss.lines] == ["each batch", "validation"]
    assert loss.get_legend() is not None
    assert accuracies.lines[0].get_ydata().tolist() == [0.4, 0.5]
    history.validation_accuracy = []  # of quantities, no right and wrong
    assert len(plot_history(history).axes) == 1


def test_a_partial_epoch_stands_where_its_steps_end() -> None:
    history = some_history(3)
    del history.loss[50:]
    assert plot_history(history).axes[1].lines[0].get_xdata().tolist() == [1, 2, 2.5]


def test_the_mean_ends_where_it_is_one_of_all_its_steps() -> None:
    history = History([*np.linspace(2.0, 1.0, 199), 9.0])
    pale, mean = plot_history(history).axes[0].lines
    assert mean.get_label() == "mean of 5 steps"
    assert pale.get_xdata()[-1] == 200
    assert mean.get_xdata()[-1] == 198
    np.testing.assert_allclose(mean.get_ydata()[-1], np.mean(history.loss[-5:]))


def test_without_accuracies_there_is_one_panel() -> None:
    assert len(plot_history(History([3.0, 2.0, 1.0])).axes) == 1
    assert len(plot_history(History([3.0])).axes) == 1


def test_a_wide_span_is_shown_in_powers() -> None:
    assert plot_history(History(np.geomspace(1e4, 1e-4, 60).tolist())).axes[0].get_yscale() == "log"
    assert plot_history(some_history()).axes[0].get_yscale() == "linear"
    assert plot_history(History([0.0, 0.0])).axes[0].get_yscale() == "linear"


@given(
    values=st.lists(st.floats(-100, 100), min_size=1, max_size=40),
    half=st.integers(0, 10),
)
def test_smoothing_is_the_mean_around_each_place(values: list[float], half: int) -> None:
    expected = []
    for i in range(len(values)):
        reach = min(half, i, len(values) - 1 - i)
        expected.append(np.mean(values[i - reach : i + reach + 1]))
    np.testing.assert_allclose(smoothed(np.array(values), 2 * half + 1), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "start"), [("c.png", b"\x89PNG"), ("c.PDF", b"%PDF"), ("c.svg", b"<?xml")]
)
def test_the_ending_says_the_format(name: str, start: bytes, tmp_path: Path) -> None:
    some_history().plot(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [name]


def test_other_endings_and_empty_histories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="picture format"):
        some_history().plot(tmp_path / "curve.xyz")
    with pytest.raises(ArgumentError, match="no steps"):
        History().plot(tmp_path / "curve.png")
    with pytest.raises(DataError, match="cannot be written"):
        some_history().plot(tmp_path / "none" / "curve.png")
    assert os.listdir(tmp_path) == []


def test_leaves_pyplot_alone() -> None:
    before = "matplotlib.pyplot" in sys.modules
    plot_history(some_history())
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_a_missing_matplotlib_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'zerokara\[plots\]'"):
        some_history().plot()
