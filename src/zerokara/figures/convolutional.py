"""The convolutional networks of two figures, in sizes that fit the images."""

from __future__ import annotations

from zerokara.figures.material import Given
from zerokara.figures.training import trained
from zerokara.models import SimpleConvNet
from zerokara.optimizers import Adam

SMALL = 16  # images below this side get filters of 3x3


def simple_conv_net(given: Given) -> SimpleConvNet:
    """The book's SimpleConvNet (7.5); its filters are 5x5, and 3x3 for images of 8x8."""
    side = given.material.side
    size = 3 if side < SMALL else 5
    return SimpleConvNet(
        (1, side, side),
        {"filter_num": 30, "filter_size": size, "pad": 0, "stride": 1},
        rng=given.seed,
    )


def train_it(net: SimpleConvNet, given: Given, steps: int) -> None:
    """With Adam in batches of 100, as in the book."""
    trained(net, given.material.train, Adam(), steps=steps, seed=given.seed, evaluate=False)
