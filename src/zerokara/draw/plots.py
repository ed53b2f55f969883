"""Curves of a training, as matplotlib figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zerokara._types import Array
from zerokara.draw.saving import new_figure, save_figure
from zerokara.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from zerokara.training.history import History

# Told apart by lightness and by line as well as by colour, for grey print and colour blindness.
_PALE, _LOSS = "#bccbdd", "#1f4e79"
_STROKES: dict[str, dict[str, Any]] = {
    "train": {
        "color": "#e08a3c",
        "linestyle": (0, (5, 2)),
        "marker": "o",
        "markerfacecolor": "white",
    },
    "validation": {"color": "#8a4f8f", "linestyle": (0, (1.2, 1.2)), "marker": "^"},
    "test": {"color": "#1f4e79", "linestyle": "-", "marker": "s"},
}


def plot_history(
    history: History, path: str | os.PathLike[str] | None = None, title: str | None = None
) -> Figure:
    """The loss by step and, beside it, the accuracies by epoch.

    Of samples that were kept out of the training, both have the curve too; the loss is then at
    the step that ended each epoch.

    Args:
        history: of at least one step.
        path: where to save it, written beside and renamed; the ending says the format (.png,
            .svg, .pdf, ...).
        title: above the whole figure.

    Returns:
        A figure that belongs to no window and to no global state of matplotlib.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ArgumentError: no steps, or a path whose ending is no picture format.
        DataError: the file cannot be written.
    """
    if not history.loss:
        raise ArgumentError("plot_history: the history has no steps to draw")
    accuracies = any((history.train_accuracy, history.test_accuracy, history.validation_accuracy))
    figure = new_figure("plot_history", 9.6 if accuracies else 5.6, 3.8, path)
    axes = figure.subplots(1, 2 if accuracies else 1, squeeze=False)[0]
    _draw_loss(axes[0], history)
    if accuracies:
        _draw_accuracies(axes[1], history)
    for place in axes:
        place.grid(color="#e6e6e6", linewidth=0.8)
        place.set_axisbelow(True)
        place.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title)
    save_figure(figure, path)
    return figure


def smoothed(values: Array, width: int) -> Array:
    """At each place the mean of about `width` values around it, of fewer at both ends."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    # The same number to both sides, also at the ends: else the line would lag behind there.
    place = np.arange(len(values))
    reach = np.minimum(np.minimum(place, len(values) - 1 - place), width // 2)
    mean: Array = (sums[place + reach + 1] - sums[place - reach]) / (2 * reach + 1)
    return mean


def full_means(values: Array, width: int) -> Array:
    """The same up to the last mean of `width` values: those of fewer would fray a curve's end."""
    return smoothed(values, width)[: len(values) - width // 2]


def _draw_loss(axes: Axes, history: History) -> None:
    loss = np.asarray(history.loss, np.float64)
    steps = np.arange(1, len(loss) + 1)
    width = max(len(loss) // 50, 1) // 2 * 2 + 1  # odd, to have a middle
    marker = "." if len(loss) == 1 else None
    mean = full_means(loss, width)
    if width > 1:
        axes.plot(steps, loss, color=_PALE, linewidth=0.8, label="each batch")
        label = f"mean of {width} steps"
        axes.plot(steps[: len(mean)], mean, color=_LOSS, linewidth=1.8, label=label)
    else:
        axes.plot(steps, loss, color=_LOSS, linewidth=1.4, marker=marker, label="each batch")
    kept_out = np.asarray(history.validation_loss, np.float64)
    if len(kept_out):
        _by_epoch(axes, history, kept_out, "validation", "validation", history.steps_per_epoch)
    if width > 1 or len(kept_out):
        axes.legend(frameon=False)
    # Losses of one sign start at 0; a span of a thousand and more can only be read as powers.
    main = np.concatenate([mean, kept_out])
    least = min(loss.min(), main.min())
    if least > 0 and main.max() > 1000 * main.min():
        axes.set_yscale("log")
    elif least >= 0:
        axes.set_ylim(0, float(max(loss.max(), main.max())) * 1.05 or 1.0)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_title("Loss")


def _by_epoch(
    axes: Axes,
    history: History,
    values: Sequence[float] | Array,
    kind: str,
    label: str,
    scale: int = 1,
) -> None:
    """One value an epoch, each at the end of its epoch; `scale` is how long an epoch is drawn."""
    # A last epoch that was cut short ends where its steps end.
    end = history.steps / history.steps_per_epoch
    axes.plot(
        np.minimum(np.arange(1, len(values) + 1), end) * scale,
        values,
        **_STROKES[kind],
        linewidth=1.6,
        markersize=5,
        markevery=max(len(values) // 12, 1),
        label=label,
    )


def _draw_accuracies(axes: Axes, history: History) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for name in _STROKES:
        values = getattr(history, f"{name}_accuracy")
        if values:
            _by_epoch(axes, history, values, name, f"{name} (last {values[-1]:.1%})")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy")
    axes.set_title("Accuracy")
    axes.legend(frameon=False, loc="lower right" if history.epochs > 1 else "best")
    if history.epochs <= 1:
        axes.set_xlim(0, 2)  # around one point, matplotlib would count in hundredths of an epoch
