"""A network in a pickle: its layers' arguments and one array of parameters, without the rest.

A network's parameters are views into one buffer, which a plain pickle would tear apart, and it
remembers the last batch besides. What is kept here makes the same network again.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np

from zerokara._arrays import aligned_zeros
from zerokara._types import Array, Shape
from zerokara.layers import Layer, Loss, Parameters
from zerokara.optimizers import Optimizer
from zerokara.sequential import Sequential
from zerokara.training.best import fill, layer_state


class Stored(NamedTuple):
    """A straight network to be made again."""

    layers: list[Layer]
    input_shape: Shape
    loss: Loss | None
    dtype: str
    params: Array
    state: dict[tuple[str, str], Array]


def store(net: Sequential) -> Stored:
    """What of the network a pickle keeps; shares nothing with it that is written to."""
    loss = copy.copy(net.loss_layer)
    if loss is not None:
        loss.clear()
    return Stored(
        [_bare(layer) for layer in net.layers.values()],
        net.input_shape,
        loss,
        net.dtype.name,
        np.array(net.flat_params),
        {key: array.copy() for key, array in layer_state(net).items()},
    )


def make_again(stored: Stored) -> Sequential:
    """The network that was stored."""
    layers = [_bare(layer) for layer in stored.layers]
    net = Sequential(layers, stored.input_shape, loss=stored.loss, rng=0, dtype=stored.dtype)
    fill(net, stored.params, stored.state)
    return net


def _bare(layer: Layer) -> Layer:
    """The layer without arrays, as if it had just been made."""
    twin = copy.copy(layer)
    twin.params, twin.grads, twin.state = Parameters(), Parameters(), Parameters()
    twin.adopted = False
    twin.clear()
    return twin


def own_arrays(optimizer: Optimizer) -> Optimizer:
    """The same optimizer with arrays of its own, which may be written to, as kernels like them."""
    twin = copy.copy(optimizer)
    twin.state = {}
    for name, slots in optimizer.state.items():
        twin.state[name] = {}
        for slot, array in slots.items():
            twin.state[name][slot] = aligned_zeros(array.shape, array.dtype)
            twin.state[name][slot][...] = array
    return twin


def restored(state: dict[str, Any]) -> dict[str, Any]:
    """An unpickled estimator's attributes, its network and optimizer made whole."""
    whole = dict(state)
    if isinstance(whole.get("network_"), Stored):
        whole["network_"] = make_again(whole["network_"])
    if "optimizer_" in whole:
        whole["optimizer_"] = own_arrays(whole["optimizer_"])
    return whole
