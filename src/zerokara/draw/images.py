"""Pictures of what a convolutional network has learned and sees (the book's section 7.6)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.draw.saving import new_figure, save_figure
from zerokara.errors import ArgumentError, ShapeError
from zerokara.layers import Convolution
from zerokara.network import Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

Path = str | os.PathLike[str]

_INCH = 0.62  # of a small picture
_TITLE = 0.45  # the height of a line of title


def plot_filters(
    after: Array, before: Array | None = None, path: Path | None = None, title: str | None = None
) -> Figure:
    """Filters as pictures, and beside them what they were before training.

    Light is a positive weight, dark a negative one and middle grey is 0; both sides share one
    scale. Of several channels, the first is shown.

    Args:
        after: W of a `Convolution`, (filters, channels, height, width).
        before: the same before training.
        path: where to save it; the ending says the format (.png, .svg, .pdf, ...).
        title: above the whole figure.

    Raises:
        ShapeError: no filters, or other ones before than after.
        ArgumentError: a path whose ending is no picture format.
        MissingExtraError: matplotlib is not installed.
        DataError: the file cannot be written.
    """
    sides = [("after training" if before is not None else "", np.asarray(after))]
    if before is not None:
        sides.insert(0, ("before", np.asarray(before)))
    shape = sides[-1][1].shape
    if len(shape) != 4 or 0 in shape or any(side.shape != shape for _, side in sides):
        raise ShapeError(
            "plot_filters: expected filters (filters, channels, height, width), of one shape "
            f"before and after, got {', '.join(str(side.shape) for _, side in sides)}"
        )
    columns = math.ceil(math.sqrt(shape[0]))
    rows = math.ceil(shape[0] / columns)
    figure = new_figure(
        "plot_filters",
        max(columns * _INCH, 2.2) * len(sides) + 0.3,
        rows * _INCH + _TITLE * (2 if title else 1),
        path,
    )
    most = max(float(np.abs(side[:, 0]).max()) for _, side in sides) or 1.0
    parts: Any = figure.subfigures(1, len(sides), squeeze=False)[0]
    for part, (name, side) in zip(parts, sides, strict=True):
        _grid(part, side[:, 0], columns, -most, most)
        if name:
            part.suptitle(name, fontsize=10)
    if title:
        figure.suptitle(title)
    save_figure(figure, path)
    return figure


def plot_mistakes(
    net: Network,
    x: Any,
    t: npt.ArrayLike,
    path: Path | None = None,
    title: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    most: int = 40,
) -> Figure:
    """Images that a network takes for something else, with the true class and the predicted one.

    The most certain mistakes come first.

    Args:
        net: gives one score for each class.
        x: images, (N, 1, height, width), or rows (N, side * side).
        t: their labels, (N,).
        path, title: as for `plot_filters`.
        classes: names of the classes; by default their numbers.
        most: how many mistakes to show.

    Raises:
        ShapeError: other images.
        ArgumentError: no mistakes, labels that do not fit, a path whose ending is no picture
            format.
        MissingExtraError, DataError: as `plot_filters`.
    """
    pixels, labels = _as_pictures(np.asarray(x)), np.asarray(t)
    if labels.shape != (len(pixels),) or labels.dtype.kind not in "iu":
        raise ArgumentError(
            f"plot_mistakes: t must be labels of shape ({len(pixels)},), got {labels.dtype} of "
            f"shape {labels.shape}"
        )
    chances = net.probabilities(x)
    answers = chances.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    if not len(wrong) or most < 1:
        raise ArgumentError(f"plot_mistakes: none to show among {len(labels)} images")
    certain = chances[wrong, answers[wrong]]
    shown = wrong[np.argsort(-certain, kind="stable")][:most]
    names = list(map(str, range(chances.shape[1]))) if classes is None else list(classes)
    columns = min(max(math.ceil(math.sqrt(len(shown) * 1.6)), 4), 10)
    rows = math.ceil(len(shown) / columns)
    figure = new_figure("plot_mistakes", columns * 1.0 + 0.2, rows * 1.22 + 2 * _TITLE, path)
    axes = _grid(figure, pixels[shown], columns, float(pixels.min()), float(pixels.max()))
    for place, index in zip(axes, shown, strict=True):
        place.set_title(f"{names[labels[index]]} → {names[answers[index]]}", fontsize=8, pad=2)
    above = f"{title}: " if title else ""
    figure.suptitle(
        f"{above}{len(wrong)} of {len(labels):,} wrong, "
        f"{'all' if len(shown) == len(wrong) else 'the most certain'} shown (true → predicted)",
        fontsize=10,
    )
    save_figure(figure, path)
    return figure


def plot_feature_maps(
    net: Network,
    image: Array,
    path: Path | None = None,
    title: str | None = None,
    *,
    most: int = 32,
) -> Figure:
    """One image, and what each convolution of the network makes of it, after ReLU if one follows.

    Args:
        net: a network of one input with at least one `Convolution`.
        image: (channels, height, width); the first channel is shown.
        path, title: as for `plot_filters`.
        most: of each layer, so many maps are shown, each in its own scale.

    Raises:
        ShapeError: an image that does not fit.
        ArgumentError: no convolution, several inputs, a path whose ending is no picture format.
        MissingExtraError, DataError: as `plot_filters`.
    """
    maps = feature_maps(net, image)
    columns = min(16, max(min(len(values), most) for values in maps.values()))
    heights = [math.ceil(min(len(values), most) / columns) for values in maps.values()]
    figure = new_figure(
        "plot_feature_maps",
        max((columns + 3) * _INCH, 4.0),
        sum(rows * _INCH + _TITLE for rows in heights) + (_TITLE if title else 0),
        path,
    )
    halves: Any = figure.subfigures(1, 2, width_ratios=[2.2, columns])
    picture = np.asarray(image)[0]
    left, right = halves
    _grid(left, picture[np.newaxis], 1, float(picture.min()), float(picture.max()))
    ratios = [rows * _INCH + _TITLE for rows in heights]
    parts: Any = right.subfigures(len(maps), 1, squeeze=False, height_ratios=ratios)[:, 0]
    for part, (name, values) in zip(parts, maps.items(), strict=True):
        more = f", the first {most}" if len(values) > most else ""
        sizes = "x".join(map(str, values.shape[1:]))
        part.suptitle(f"{name}: {len(values)} maps of {sizes}{more}", fontsize=9)
        _grid(part, values[:most], columns, None, None)
    if title:
        figure.suptitle(title)
    save_figure(figure, path)
    return figure


def feature_maps(net: Network, image: Array) -> dict[str, Array]:
    """By the name of each convolution, what it makes of one image: (filters, height, width).

    Where an activation follows, its output. Raises as `plot_feature_maps`.
    """
    given = net.inputs[next(iter(net.inputs))].shape
    if len(net.inputs) != 1 or np.shape(image) != given or len(given) != 3:
        raise ShapeError(
            f"feature_maps: expected one image of the network's input shape {given}, got "
            f"{np.shape(image)}"
        )
    net = net.copy()  # what its layers remember of the last batch stays as it is
    names = {layer: name for name, layer in net.layers.items()}
    values: dict[Any, Array] = {
        net.inputs[next(iter(net.inputs))]: np.asarray(image, net.dtype)[np.newaxis]
    }
    maps: dict[str, Array] = {}
    for node in net.nodes:
        if node.layer is None:
            if node not in values:
                values[node] = np.asarray(getattr(node, "value", 0.0), net.dtype)
            continue
        values[node] = node.layer.forward(*(values[source] for source in node.inputs))
        source = node.inputs[0].layer
        if isinstance(node.layer, Convolution):
            maps[names[node.layer]] = values[node][0]
        elif isinstance(source, Convolution) and type(node.layer).__name__ in _ACTIVATIONS:
            maps[names[source]] = values[node][0]
    if not maps:
        raise ArgumentError(f"feature_maps: {net!r} has no Convolution")
    return maps


_ACTIVATIONS = ("ReLU", "Sigmoid", "Tanh")


def _grid(
    where: Figure | SubFigure, pictures: Array, columns: int, low: float | None, high: float | None
) -> list[Any]:
    """Small grey pictures in rows; the axes of those that are there."""
    rows = math.ceil(len(pictures) / columns)
    axes: Any = where.subplots(rows, columns, squeeze=False).ravel()
    for place in axes:
        place.axis("off")
    for place, picture in zip(axes, pictures, strict=False):
        place.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    return list(axes[: len(pictures)])


def _as_pictures(x: Array) -> Array:
    """Images as (N, height, width)."""
    if x.ndim == 4 and x.shape[1] == 1:
        return x[:, 0]
    if x.ndim == 2 and math.isqrt(x.shape[1]) ** 2 == x.shape[1]:
        side = math.isqrt(x.shape[1])
        return x.reshape(len(x), side, side)
    raise ShapeError(
        f"expected grey images (N, 1, height, width) or rows (N, side * side), got shape {x.shape}"
    )
