"""A layer, a loss or a network as one thing: arrays that may move, an output, and its gradients.

Every subject works on a float64 copy of its own, so what the user gave is left untouched.
"""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.check.findings import BrokenError, Finding
from zerokara.errors import ArgumentError, DtypeError, ShapeError
from zerokara.layers import Layer, Loss
from zerokara.network import Network


class Subject(ABC):
    """What `gradcheck` measures.

    Attributes:
        label: how the report calls it.
        arrays: name to float64 array; `output` sees what is written into them.
        fixed: arrays that are given along and have no gradient, such as targets.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.arrays: dict[str, Array] = {}
        self.fixed: dict[str, Array] = {}

    @abstractmethod
    def output(self) -> Array:
        """One forward pass; a new float64 array."""

    @abstractmethod
    def gradients(self, dout: Array) -> dict[str, Any]:
        """One backward pass: copies of the gradients by the names of `arrays`."""

    def broken_rules(self) -> list[Finding]:
        """Rules broken that no gradient shows; asked after the first backward."""
        return []


class LayerSubject(Subject):
    """A layer by itself, or a loss with its targets."""

    def __init__(
        self, layer: Layer, inputs: tuple[Any, ...], training: bool, seed: int, dtype: npt.DTypeLike
    ) -> None:
        super().__init__(repr(layer))
        self.training = training
        self.is_loss = isinstance(layer, Loss)
        _check_layer(layer)
        names = _input_names(layer, len(inputs))
        if self.is_loss:
            if len(inputs) != 2:
                raise ArgumentError(f"gradcheck: {layer!r} takes scores and targets: give x and t")
            t = np.array(inputs[1])
            self.fixed["t"] = t.astype(dtype) if t.dtype.kind == "f" else t
            inputs = inputs[:1]
        moving = {
            name: as_numbers(name, value, dtype) for name, value in zip(names, inputs, strict=False)
        }
        self.inputs = list(moving)
        self.layer = copy.deepcopy(layer)
        if not self.is_loss and not self.layer.params:
            shapes = tuple(array.shape[1:] for array in moving.values())
            self.layer.build_many(shapes, np.random.default_rng(seed), np.dtype(dtype))
        self.private = _bind_copies(self.layer, np.dtype(dtype))
        self.bound = dict(self.layer.grads)
        self.keys = {key: f"params.{key}" if key in moving else key for key in self.layer.params}
        self.arrays = moving | {name: self.layer.params[key] for key, name in self.keys.items()}

    def output(self) -> Array:
        given = [self.arrays[name] for name in self.inputs]
        out = self.layer.forward(*given, *self.fixed.values(), training=self.training)
        return as_output(out)

    def gradients(self, dout: Array) -> dict[str, Any]:
        answer = self.layer.backward(dout[()] if self.is_loss else dout)
        parts = answer if isinstance(answer, tuple) else (answer,)
        if len(parts) != len(self.inputs):
            raise ShapeError(
                f"{self.label} returned {len(parts)} gradients for {len(self.inputs)} inputs"
            )
        found = dict(zip(self.inputs, parts, strict=True))
        for key, name in self.keys.items():
            found[name] = self.layer.grads.get(key)
        return as_gradients(found)

    def broken_rules(self) -> list[Finding]:
        rules = [
            Finding(
                f"the layer keeps its own reference to parameter {key!r} in self.{attribute}; a "
                f"network moves parameters into one buffer, so read self.params[{key!r}] each time",
                "own reference to a parameter",
                key,
            )
            for attribute, key in self.private
        ]
        for key, array in self.bound.items():
            if self.layer.grads.get(key) is not array:
                said = (
                    f"backward swapped grads[{key!r}] for another array; assign by "
                    f"self.grads[{key!r}] = ..., which writes into the one that is there"
                )
                rules.append(Finding(said, "grads swapped", key))
        return rules


class NetworkSubject(Subject):
    """A network, ending in its loss when there are targets."""

    def __init__(self, network: Network, feeds: Mapping[str, Any], t: Any, training: bool) -> None:
        super().__init__(repr(network))
        self.training = training
        self.net = network.astype(np.float64)
        self.loss: Loss | None = None
        if set(feeds) != set(network.inputs):
            raise ArgumentError(
                f"gradcheck: {network!r} takes the inputs {', '.join(network.inputs)}, got "
                f"{', '.join(map(str, feeds)) or 'none'}"
            )
        moving = {name: as_numbers(name, feeds[name], np.float64) for name in network.inputs}
        if t is not None:
            if network.loss_layer is None:
                raise ArgumentError(
                    f"gradcheck: {network!r} has no loss for the targets t; leave t out, or give "
                    "the network a loss"
                )
            self.loss = self.net.loss_layer
            t = np.array(t)
            if all(moving[name].ndim == len(node.shape) for name, node in self.net.inputs.items()):
                # A loss averages over the batch, so one sample is a batch of one.
                moving = {name: array[np.newaxis].copy() for name, array in moving.items()}
                t = t[np.newaxis]
            self.fixed["t"] = t
        self.inputs = list(moving)
        self.arrays = moving | dict(self.net.params)

    def output(self) -> Array:
        feeds = {name: self.arrays[name] for name in self.inputs}
        out = self.net.forward(feeds, training=self.training)
        if self.loss is not None:
            out = self.loss.forward(out, self.fixed["t"], training=self.training)
        return np.array(out)

    def gradients(self, dout: Array) -> dict[str, Any]:
        answer = self.net.backward(dout if self.loss is None else self.loss.backward(dout[()]))
        parts = answer if isinstance(answer, dict) else {self.inputs[0]: answer}
        return as_gradients(parts | self.net.grads)


def as_numbers(name: str, value: Any, dtype: npt.DTypeLike) -> Array:
    """A contiguous copy of an input in a float dtype.

    Raises:
        DtypeError: no real numbers.
        ArgumentError: an empty array, NaN or infinity, about which differences say nothing.
    """
    given = np.asarray(value)
    if given.dtype.kind not in "fiub":
        raise DtypeError(f"gradcheck: {name} must hold real numbers, got dtype {given.dtype}")
    if not given.size:
        raise ArgumentError(f"gradcheck: {name} is empty, shape {given.shape}: nothing to measure")
    if not np.all(np.isfinite(given)):
        raise ArgumentError(f"gradcheck: {name} holds NaN or infinity: no slope can be measured")
    return np.array(given, dtype, order="C")


def as_output(out: Any) -> Array:
    """A copy of what forward returned.

    Raises:
        BrokenError: it is no array of real numbers.
    """
    if out is None:
        said = "forward returns None; it has no return"
        raise BrokenError(Finding(said, "nothing returned", "forward"))
    if isinstance(out, (tuple, list, dict)) or np.asarray(out).dtype.kind not in "fiub":
        said = f"forward returned a {_what(out)}, expected one array of numbers"
        raise BrokenError(Finding(said, "wrong type", "forward"))
    return np.array(out)


def as_gradients(found: Mapping[str, Any]) -> dict[str, Any]:
    """Copies of the gradients; None and plain numbers as they are.

    Raises:
        BrokenError: one is anything else.
    """
    copies: dict[str, Any] = {}
    for name, given in found.items():
        numbers = isinstance(given, (np.ndarray, np.generic)) and given.dtype.kind in "fiub"
        if not numbers and not (given is None or isinstance(given, (int, float))):
            said = f"the gradient of {name} is a {_what(given)}, expected an array of numbers"
            raise BrokenError(Finding(said, "wrong type", name))
        copies[name] = np.array(given)[()] if numbers else given
    return copies


def _what(value: Any) -> str:
    kind = type(value).__name__
    return f"{kind} of {value.dtype}" if isinstance(value, (np.ndarray, np.generic)) else kind


def _check_layer(layer: Layer) -> None:
    if not all(hasattr(layer, name) for name in ("params", "grads", "state")):
        raise ArgumentError(
            f"gradcheck: {type(layer).__name__} has no params, grads and state; its __init__ "
            "must call super().__init__()"
        )
    accepted = inspect.signature(layer.forward).parameters
    kinds = {parameter.kind for parameter in accepted.values()}
    if "training" not in accepted and inspect.Parameter.VAR_KEYWORD not in kinds:
        raise ArgumentError(
            f"gradcheck: {type(layer).__name__}.forward must take the keyword training, as in "
            "def forward(self, x, *, training=False)"
        )


def _input_names(layer: Layer, count: int) -> list[str]:
    """The names that forward gives its inputs, or x1, x2, ... where it has none."""
    usual = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [
        name
        for name, parameter in inspect.signature(layer.forward).parameters.items()
        if parameter.kind in usual and name != "training"
    ]
    return names[:count] if len(names) >= count else [f"x{i + 1}" for i in range(count)]


def _bind_copies(layer: Layer, dtype: np.dtype[Any]) -> list[tuple[str, str]]:
    """Put arrays of that dtype in the layer's place, as a network does.

    Returns:
        (attribute, key) where the layer holds on to a parameter by another way than `params`.
    """
    private = [
        (attribute, key)
        for attribute, value in vars(layer).items()
        for key, array in layer.params.items()
        if value is array
    ]
    for key, array in list(layer.params.items()):
        layer.params.bind(key, np.array(array, dtype, order="C"))
        layer.grads.bind(key, np.zeros(array.shape, dtype))
    for key, array in list(layer.state.items()):
        if array.dtype.kind == "f":
            layer.state.bind(key, np.array(array, dtype, order="C"))
    return private
