"""The words of the figures: what each shows, where the book has it, and which module draws it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zerokara.draw.saving import new_figure
from zerokara.errors import ArgumentError
from zerokara.figures.material import Given, Material
from zerokara.figures.saving import check_place, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Entry:
    """One figure.

    Attributes:
        book: the section of *Deep Learning from Scratch* that has it.
        shows: one line.
        module: in this package; its `draw(given, ...)` makes the figure.
        data: whether handwritten digits are read for it.
    """

    book: str
    shows: str
    module: str
    data: bool = True


ENTRIES: dict[str, Entry] = {
    "activations": Entry("3.2", "activation functions and their slopes", "activations", False),
    "gradients": Entry("4.3, 4.4", "slopes in one dimension and in two", "gradients", False),
    "descent": Entry("4.4.1", "the path of gradient descent, by rate", "descent", False),
    "optimizers": Entry("6.1", "optimizers on x^2/20 + y^2", "optimizers", False),
    "optimizers-mnist": Entry("6.1.8", "optimizers on handwritten digits", "optimizers_mnist"),
    "histograms": Entry("6.2", "activations by initial weights, layer by layer", "histograms"),
    "initial-values": Entry("6.2.4", "initial weights compared in training", "initial_values"),
    "batch-norm": Entry("6.3.2", "with batch normalization and without, by scale", "batch_norm"),
    "overfitting": Entry("6.4", "overfitting, weight decay, dropout", "overfitting"),
    "search": Entry("6.5.3", "the best trials of a random search", "search"),
    "filters": Entry("7.6.1", "filters of a convolution, before and after", "filters"),
    "mistakes": Entry("8.1.1", "the digits that a network gets wrong", "mistakes"),
}
"""Every figure by its word, in the book's order."""


def draw_figure(
    word: str,
    path: str | os.PathLike[str] | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    material: Material | None = None,
    seed: int = 0,
    **settings: Any,
) -> Figure:
    """Draw one of the book's figures, training what has to be trained.

    Args:
        word: a name of `ENTRIES`.
        path: where to save it, written beside and renamed; the ending says the format.
        data_dir: the folder with MNIST's files. Without it, the places that `load_mnist` looks
            into, except that nothing is downloaded; where MNIST is not, the shipped digits.
        material: data already found, instead of data_dir.
        seed: of initial weights, batches and trials.
        settings: the figure's own, such as steps=100; see its module.

    Returns:
        A matplotlib figure that belongs to no window.

    Raises:
        ArgumentError: an unknown word, a path whose ending is no picture format.
        MissingExtraError: matplotlib is not installed.
        DataError: data_dir does not hold MNIST, or the file cannot be written. All of these
            before anything is trained.
    """
    [entry] = checked([word])
    new_figure(f"figures: {word}", 1, 1, path)
    if path is not None:
        check_place(path)
    found = material
    if entry.data and found is None:
        found = Material.find(data_dir)
    module = importlib.import_module(f"zerokara.figures.{entry.module}")
    figure: Figure = module.draw(Given(found, seed), **settings)
    save(figure, path)
    return figure


def checked(words: Iterable[str]) -> list[Entry]:
    """The entries of these words.

    Raises:
        ArgumentError: one is unknown.
    """
    words = list(words)
    unknown = [word for word in words if word not in ENTRIES]
    if unknown:
        raise ArgumentError(
            f"figure {unknown[0]!r} is unknown; expected all or some of {', '.join(ENTRIES)}"
        )
    return [ENTRIES[word] for word in words]
