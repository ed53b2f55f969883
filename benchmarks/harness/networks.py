"""Networks by name, and their layers as any library can build them.

A name is '784-50-10' for Affine layers with ReLU between, '784-50-10 BN' with batch normalization
and '784-50-10 dropout' with dropout in each hidden layer too, or 'SimpleConvNet' or 'DeepConvNet'
for the book's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

import zerokara as zk

Array: TypeAlias = npt.NDArray[Any]
IMAGE = (1, 28, 28)
DENSE = re.compile(r"(\d+(?:-\d+)+)( BN)?( dropout)?")
HIDDEN_DROPOUT = 0.2
# From the book's initial weights of 0.01 the first losses of SimpleConvNet hardly move, so wrong
# gradients would pass the comparison; with He's they do. DeepConvNet has He's by itself.
CONV_NETS: dict[str, Callable[[], zk.Sequential]] = {
    "SimpleConvNet": lambda: zk.models.SimpleConvNet(IMAGE, weight_init_std="he", rng=1),
    "DeepConvNet": lambda: zk.models.DeepConvNet(IMAGE, rng=1),
}


@dataclass(frozen=True, eq=False)
class Affine:
    """x W + b, W of shape (inputs, outputs); an image is read channel by channel, row by row."""

    W: Array
    b: Array


@dataclass(frozen=True, eq=False)
class Conv:
    """Stride 1; W of shape (filters, channels, size, size), zeros around the image."""

    W: Array
    b: Array
    pad: int


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """Training only, of rows: gamma and beta of shape (features,), by the batch's own variance."""

    gamma: Array
    beta: Array
    momentum: float
    eps: float


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True)
class MaxPool:
    """The greatest of size x size numbers, windows side by side."""

    size: int


@dataclass(frozen=True)
class Dropout:
    """Training only: each number becomes 0 with this probability."""

    ratio: float


Layer: TypeAlias = Affine | Conv | BatchNorm | Relu | MaxPool | Dropout


def dense(*sizes: int, norm: bool = False, dropout: bool = False) -> str:
    """The name of a network of Affine and ReLU: inputs, hidden layers, classes."""
    return "-".join(map(str, sizes)) + " BN" * norm + " dropout" * dropout


def build(name: str, dtype: npt.DTypeLike = np.float32, *, dropout: bool = True) -> zk.Sequential:
    """Our network; every peer starts from its weights.

    Args:
        dropout: False sets the ratio of every Dropout to 0, which leaves the rest as it is.

    Raises:
        ValueError: no such name.
    """
    if name in CONV_NETS:
        net = CONV_NETS[name]()
    elif form := DENSE.fullmatch(name):
        sizes = [int(size) for size in form[1].split("-")]
        layers: list[zk.Layer] = []
        for size in sizes[1:-1]:
            layers += [zk.Affine(size), *([zk.BatchNormalization()] if form[2] else []), zk.ReLU()]
            layers += [zk.Dropout(HIDDEN_DROPOUT)] if form[3] else []
        layers.append(zk.Affine(sizes[-1]))
        net = zk.Sequential(layers, sizes[0], loss=zk.SoftmaxWithLoss(), rng=1)
    else:
        known = f"784-50-10, 784-50-10 BN, 784-50-10 dropout and the like, {list(CONV_NETS)}"
        raise ValueError(f"no network {name!r}; known: {known}")
    if not dropout:
        for layer in net.layers.values():
            if isinstance(layer, zk.Dropout):
                layer.ratio = 0.0
    return net if np.dtype(dtype) == net.dtype else net.astype(dtype)


def takes_images(name: str) -> bool:
    return name in CONV_NETS


def normalizes(name: str) -> bool:
    form = DENSE.fullmatch(name)
    return bool(form and form[2])


def input_shape(name: str) -> tuple[int, ...]:
    """Of one row."""
    return IMAGE if takes_images(name) else (int(name.partition("-")[0]),)


def layers_of(net: zk.Sequential) -> list[Layer]:
    """The layers in order, with copies of their weights.

    Raises:
        TypeError: a layer that the peers have no counterpart for.
    """
    found: list[Layer] = []
    for layer in net.layers.values():
        if isinstance(layer, zk.Affine):
            found.append(Affine(np.array(layer.W), np.array(layer.b)))
        elif isinstance(layer, zk.Convolution):
            config = layer.config()
            _refuse(layer, {"stride", "groups", "dilation"} & config.keys())
            found.append(Conv(np.array(layer.W), np.array(layer.b), config.get("pad", 0)))
        elif isinstance(layer, zk.BatchNormalization):
            given = np.array(layer.gamma), np.array(layer.beta)
            found.append(BatchNorm(*given, layer.momentum, layer.eps))
        elif isinstance(layer, zk.ReLU):
            found.append(Relu())
        elif isinstance(layer, zk.MaxPool):
            config = layer.config()
            _refuse(layer, {"stride", "pad"} & config.keys())
            found.append(MaxPool(config["size"]))
        elif isinstance(layer, zk.Dropout):
            found.append(Dropout(layer.ratio))
        else:
            raise TypeError(f"{layer!r}: the peers have no counterpart for it")
    return found


def _refuse(layer: zk.Layer, unusual: set[str]) -> None:
    if unusual:
        raise TypeError(f"{layer!r}: the peers build it without {', '.join(sorted(unusual))} only")


def output_shapes(layers: list[Layer], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """What comes out of each layer for one row of this shape."""
    found = []
    for layer in layers:
        match layer:
            case Affine(W, _):
                shape = (W.shape[1],)
            case Conv(W, _, pad):
                shape = (len(W), *(n + 2 * pad - W.shape[-1] + 1 for n in shape[1:]))
            case MaxPool(size):
                shape = (shape[0], *(n // size for n in shape[1:]))
        found.append(shape)
    return found


def multiply_adds(layers: list[Layer], shape: tuple[int, ...], *, trains: bool) -> int:
    """Multiplications with addition for one row, forward or a training step.

    A training step takes three products a layer, less the first layer's input gradient. An entry of
    a filter counts at each place of the output, on padding too.
    """
    products = []
    for layer, out in zip(layers, output_shapes(layers, shape), strict=True):
        match layer:
            case Affine(W, _):
                products.append(W.size)
            case Conv(W, _, _):
                products.append(W.size * int(np.prod(out[1:])))
    return 3 * sum(products) - products[0] if trains else sum(products)
