"""The pictures of a search's report."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zerokara.draw.saving import new_figure, save_figure
from zerokara.errors import ArgumentError
from zerokara.search.result import Result, Tried

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Path = str | os.PathLike[str]

BEST = 20
"""So many learning curves, as in the book's figures 6-24 and 6-25."""

# Told apart by lightness and form as well as by colour, for grey print and colour blindness.
_DARK, _ORANGE, _GREY = "#1f4e79", "#e08a3c", "#8a8a8a"
_STATES = (
    # State, marker, fill, edge; a cross has no fill.
    ("complete", "o", _DARK, _DARK),
    ("pruned", "s", "white", _ORANGE),
    ("diverged", "x", _GREY, None),
)


def plot_history(result: Result, path: Path | None = None) -> Figure:
    """The accuracy of each trial in the order of their numbers, and the best one so far.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ArgumentError: a path whose ending is no picture format.
        DataError: the file cannot be written.
    """
    figure = new_figure("plot_history", 7.6, 3.8, path)
    axes = figure.subplots()
    _points(axes, result, {trial.number: trial.number for trial in result.trials}, 26)
    best, line = -math.inf, []
    for trial in result.trials:
        if trial.state == "complete" and trial.value is not None:
            best = max(best, trial.value)
        line.append(best if best > -math.inf else math.nan)
    numbers = [trial.number for trial in result.trials]
    axes.step(numbers, line, where="post", color=_DARK, linewidth=1.6, label="best so far")
    _whole_numbers(axes)
    axes.set_xlabel("trial")
    axes.set_title("Best validation accuracy of each trial")
    axes.legend(frameon=False, loc="lower right")
    _finished(axes)
    save_figure(figure, path)
    return figure


def plot_parameters(result: Result, path: Path | None = None) -> Figure:
    """The accuracy over each hyperparameter.

    Raises:
        ArgumentError: no trials, or as `plot_history` does.
        MissingExtraError, DataError: as `plot_history` does.
    """
    names = _names(result)
    columns = min(len(names), 3)
    rows = math.ceil(len(names) / columns)
    figure = new_figure("plot_parameters", 3.4 * columns + 0.6, 3.0 * rows + 0.3, path)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, name in zip(grid.flat, names, strict=False):
        places = {t.number: t.params[name] for t in result.trials if name in t.params}
        if _numbers(list(places.values())):
            _scale(axes, list(places.values()))
        else:
            words = sorted({str(value) for value in places.values()})
            axes.set_xticks(range(len(words)), words, rotation=30, ha="right")
            places = {number: words.index(str(value)) for number, value in places.items()}
        _points(axes, result, places, 20)
        axes.set_xlabel(name)
        _finished(axes)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    for row in grid[:, 1:].flat:
        row.set_ylabel("")
    grid[0, 0].legend(frameon=False, fontsize="small")
    figure.suptitle("Validation accuracy by hyperparameter")
    save_figure(figure, path)
    return figure


def plot_pair(result: Result, first: str, second: str, path: Path | None = None) -> Figure:
    """The trials in the plane of two hyperparameters that are numbers, by their accuracy.

    Raises:
        ArgumentError: no trial has both, or as `plot_history` does.
        MissingExtraError, DataError: as `plot_history` does.
    """
    found = [t for t in result.trials if t.value is not None and {first, second} <= t.params.keys()]
    if not found:
        raise ArgumentError(f"plot_pair: no trial with a value has {first} and {second}")
    figure = new_figure("plot_pair", 5.8, 4.4, path)
    axes = figure.subplots()
    # The best ones last, so that no other lies on them.
    found.sort(key=lambda trial: trial.value or 0.0)
    points = axes.scatter(
        [trial.params[first] for trial in found],
        [trial.params[second] for trial in found],
        c=[trial.value or 0.0 for trial in found],
        s=46,
        cmap="viridis",
        edgecolor="#404040",
        linewidth=0.6,
    )
    best = result.best
    if best is not None:
        axes.scatter(
            best.params[first],
            best.params[second],
            s=190,
            facecolor="none",
            edgecolor="black",
            linewidth=1.4,
            label="the best",
        )
        axes.legend(frameon=False)
    for axis, name in ((axes.xaxis, first), (axes.yaxis, second)):
        values = [trial.params[name] for trial in found]
        if _spread(values):
            _powers(axis, values)
    figure.colorbar(points, ax=axes, label="validation accuracy", format=_percent())
    axes.set_xlabel(first)
    axes.set_ylabel(second)
    axes.set_title(f"{first} and {second}")
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    save_figure(figure, path)
    return figure


def plot_importances(result: Result, path: Path | None = None) -> Figure:
    """How much each hyperparameter decides, as bars.

    Raises:
        ArgumentError: there are no importances, or as `plot_history` does.
        MissingExtraError, DataError: as `plot_history` does.
    """
    if not result.importances:
        raise ArgumentError("plot_importances: the result has none")
    figure = new_figure("plot_importances", 5.8, 0.9 + 0.42 * len(result.importances), path)
    axes = figure.subplots()
    names = sorted(result.importances, key=lambda name: result.importances[name])
    values = [result.importances[name] for name in names]
    bars = axes.barh(names, values, color=_DARK, height=0.6)
    axes.bar_label(bars, [f"{value:.0%}" for value in values], padding=4)
    axes.set_xlim(0, max(values) * 1.15 or 1.0)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_title("How much each one decides (PED-ANOVA)")
    save_figure(figure, path)
    return figure


def plot_curves(result: Result, path: Path | None = None) -> Figure:
    """The learning curves of the best trials: validation solid, train dashed (book 6.5.3).

    Raises:
        ArgumentError: no trial is complete, or as `plot_history` does.
        MissingExtraError, DataError: as `plot_history` does.
    """
    shown = result.ranked[:BEST]
    if not shown:
        raise ArgumentError("plot_curves: no trial is complete")
    columns = min(len(shown), 5)
    rows = math.ceil(len(shown) / columns)
    figure = new_figure("plot_curves", 1.9 * columns + 0.6, 1.6 * rows + 0.7, path)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for place, (axes, trial) in enumerate(zip(grid.flat, shown, strict=False)):
        for values, color, style, name in (
            (trial.train_accuracy, _ORANGE, (0, (4, 2)), "train"),
            (trial.validation_accuracy, _DARK, "-", "validation"),
        ):
            marker = "." if len(values) == 1 else None
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, color=color, linestyle=style, marker=marker, label=name)
        axes.set_title(f"{place + 1}: trial {trial.number}, {trial.value:.1%}", fontsize=8)
        axes.yaxis.set_major_formatter(_percent())
        _whole_numbers(axes)
        axes.tick_params(labelsize=7)
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for axes in grid.flat[max(len(shown) - columns, 0) : len(shown)]:
        axes.tick_params(labelbottom=True)  # the lowest of its column
    grid[0, 0].legend(frameon=False, fontsize=7, loc="lower right")
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("accuracy", fontsize=9)
    figure.suptitle(f"Learning curves of the best {len(shown)}" if len(shown) > 1 else "The best")
    save_figure(figure, path)
    return figure


def _points(axes: Axes, result: Result, places: Mapping[int, float], size: float) -> None:
    """The trials by their state, each at the place of its number."""
    for state, marker, fill, edge in _STATES:
        found = {
            trial.number: trial.value
            for trial in result.trials
            if trial.state == state and trial.value is not None and trial.number in places
        }
        if found:
            x = [places[number] for number in found]
            axes.scatter(
                x,
                list(found.values()),
                s=size,
                label=state,
                zorder=3,
                marker=marker,
                facecolor=fill,
                edgecolor=edge,
            )
    axes.yaxis.set_major_formatter(_percent())
    axes.set_ylabel("validation accuracy")


def _finished(axes: Axes) -> None:
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _whole_numbers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _scale(axes: Axes, values: Sequence[Any]) -> None:
    whole = all(isinstance(value, int) for value in values)
    if whole and min(values) > 0 and max(values) > 4 * min(values):
        from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

        axes.set_xscale("log", base=2)
        # 32, 48, 64, 96, ...: powers of two alone may be a single tick.
        axes.xaxis.set_major_locator(LogLocator(base=2, subs=(1.0, 1.5), numticks=7))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif whole:
        _whole_numbers(axes)
    elif _spread(values):
        _powers(axes.xaxis, values)


def _powers(axis: Any, values: Sequence[Any]) -> None:
    """A logarithmic scale; where few powers of ten would be on it, plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    if max(values) < 30 * min(values):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0)


def numbers_varied(trials: Sequence[Tried]) -> list[str]:
    """The hyperparameters that are numbers in every trial that has them."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    return [n for n in names if _numbers([t.params[n] for t in trials if n in t.params])]


def _names(result: Result) -> list[str]:
    names = list(dict.fromkeys(name for trial in result.trials for name in trial.params))
    if not names:
        raise ArgumentError("plot_parameters: no trial has hyperparameters")
    return names


def _numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _spread(values: Sequence[Any]) -> bool:
    """Whether they can only be told apart on a logarithmic scale."""
    return bool(min(values) > 0 and max(values) > 15 * min(values))
