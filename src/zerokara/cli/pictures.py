"""What ``train`` draws of a convolutional network: its filters, its mistakes, its feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zerokara._types import Array

if TYPE_CHECKING:
    from zerokara.network import Network

FILTERS, MISTAKES, MAPS = "filters.png", "mistakes.png", "maps.png"
LOOKED_AT = 2000  # test images among which mistakes are looked for


def filters(net: Network) -> Array | None:
    """A copy of the first convolution's filters; None for a network without one."""
    from zerokara.layers import Convolution

    found = (layer for layer in net.layers.values() if isinstance(layer, Convolution))
    first = next(found, None)
    return None if first is None else first.W.copy()


def draw(
    net: Network, before: Array | None, test: tuple[Any, Array], classes: Sequence[str], out: Path
) -> None:
    """Leave the three pictures in a run directory; none for a network without a convolution.

    Args:
        net: after training.
        before: what `filters` gave before it.
        test: images and labels.
        classes: their names.
        out: the folder.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: a file cannot be written.
    """
    after = filters(net)
    if after is None:
        return
    from zerokara.draw.images import plot_feature_maps, plot_filters, plot_mistakes

    plot_filters(after, before, out / FILTERS, "Filters of the first layer")
    x, t = np.asarray(test[0][:LOOKED_AT]), test[1][:LOOKED_AT]
    if np.any(net.predict(x).argmax(axis=1) != t):
        plot_mistakes(net, x, t, out / MISTAKES, classes=classes)
    plot_feature_maps(net, x[0], out / MAPS, f"{classes[t[0]]}, and what each layer makes of it")
