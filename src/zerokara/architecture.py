"""A network's architecture as JSON can hold it, and a network made again from that.

Nothing that a description names is imported or run: it names classes by their bare names, which
are looked up in `layers.LAYERS`, `models.MODELS` and the layers that the caller hands over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from zerokara._types import Shape
from zerokara.errors import ModelFileError, ZerokaraError
from zerokara.layers import LAYERS, Constant, Input, Layer, Loss, Node
from zerokara.models import MODELS
from zerokara.network import Network
from zerokara.sequential import Sequential

LARGEST = 2**28
"""No size in a description, and no sample's count of numbers, may be greater."""

_Known: TypeAlias = Mapping[str, type[Layer]]
_DTYPES = ("float32", "float64")
# What a constructor raises when it is called with arguments that are not its own.
_REFUSALS = (ZerokaraError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


def describe(net: Network) -> dict[str, Any]:
    """A description that `rebuild` makes the same network from, parameters aside.

    Raises:
        ModelFileError: a layer whose `config()` JSON cannot hold, or a layer of another class
            under the name of one of zerokara's.
    """
    dtype = net.dtype.name
    if is_model(net):
        given: Any = net
        arguments = _plain(f"{type(net).__name__}.arguments", given.arguments)
        model = type(net).__name__
        return {"kind": "model", "model": model, "arguments": arguments, "dtype": dtype}
    loss = None if net.loss_layer is None else _describe_layer(net.loss_layer)
    if isinstance(net, Sequential):
        return {
            "kind": "sequential",
            "input_shape": list(net.input_shape),
            "layers": [_describe_layer(layer) for layer in net.layers.values()],
            "loss": loss,
            "dtype": dtype,
        }
    place = {node: index for index, node in enumerate(net.nodes)}
    nodes = [_describe_node(node, place) for node in net.nodes]
    return {"kind": "graph", "nodes": nodes, "loss": loss, "dtype": dtype}


def is_model(net: Network) -> bool:
    """Whether `net` is of a class in `models.MODELS`, which is described by its arguments."""
    return MODELS.get(type(net).__name__) is type(net)


def rebuild(
    description: Any,
    layers: Mapping[str, type[Layer]] | None = None,
    *,
    most_parameters: int = LARGEST,
) -> Network:
    """The network of a description, with initial parameters of 0.

    Args:
        description: what `describe` gave.
        layers: classes by name, for layers that are not zerokara's own.
        most_parameters: a description whose weights would be more is refused before they are
            made.

    Raises:
        ModelFileError: an unknown layer, or a description that is damaged; says where.
    """
    kind = _entry(description, "network", "kind", str)
    dtype = _entry(description, "network", "dtype", str)
    if dtype not in _DTYPES:
        raise ModelFileError(f"network.dtype is {dtype!r:.60}; expected {' or '.join(_DTYPES)}")
    if kind not in _REBUILDERS:
        raise ModelFileError(
            f"network.kind is {kind!r:.60}; expected one of {', '.join(_REBUILDERS)}"
        )
    blank = _Blank(most_parameters)
    try:
        return _REBUILDERS[kind](description, {**LAYERS, **(layers or {})}, blank, dtype)
    except ModelFileError:
        raise
    except MemoryError:
        raise ModelFileError("the network does not fit into memory") from None
    except _REFUSALS as error:
        raise ModelFileError(f"the network cannot be made ({error})") from None


class _Blank(np.random.Generator):
    """Draws zeros for weights that are overwritten anyway, and only as many as there may be."""

    def __init__(self, most: int) -> None:
        super().__init__(np.random.PCG64(0))
        self.left = most

    def standard_normal(self, size: Any = None, *_: Any, **__: Any) -> Any:
        count = math.prod(np.atleast_1d(1 if size is None else size).tolist())
        self.left -= count
        if self.left < 0:
            raise ModelFileError("the network has far more weights than the file holds")
        return np.zeros(() if size is None else size)

    def random(self, size: Any = None, *_: Any, **__: Any) -> Any:
        return self.standard_normal(size)


def _rebuild_model(
    description: dict[str, Any], known: _Known, blank: _Blank, dtype: str
) -> Network:
    name = _entry(description, "network", "model", str)
    arguments = _arguments(description, "network")
    if name not in MODELS:
        raise ModelFileError(
            f"network.model {name!r:.60} is unknown; known are {', '.join(MODELS)}"
        )
    return MODELS[name](**arguments, rng=blank, dtype=dtype)


def _rebuild_sequential(
    description: dict[str, Any], known: _Known, blank: _Blank, dtype: str
) -> Network:
    listed = _entry(description, "network", "layers", list)
    made = [_make(given, f"network.layers[{i}]", known) for i, given in enumerate(listed)]
    shape = _shape(description, "network", "input_shape")
    loss = _rebuild_loss(description, known)
    return Sequential(made, shape, loss=loss, rng=blank, dtype=dtype)


def _rebuild_graph(
    description: dict[str, Any], known: _Known, blank: _Blank, dtype: str
) -> Network:
    nodes: list[Node] = []
    for index, given in enumerate(_entry(description, "network", "nodes", list)):
        nodes.append(_rebuild_node(given, f"network.nodes[{index}]", nodes, known))
    if not nodes:
        raise ModelFileError("network.nodes is empty")
    net = Network(nodes[-1], loss=_rebuild_loss(description, known), rng=blank, dtype=dtype)
    if len(net.nodes) != len(nodes):
        raise ModelFileError(
            f"network.nodes has {len(nodes)} nodes, of which the last one needs {len(net.nodes)}"
        )
    return net


_REBUILDERS: dict[str, Callable[[dict[str, Any], _Known, _Blank, str], Network]] = {
    "model": _rebuild_model,
    "sequential": _rebuild_sequential,
    "graph": _rebuild_graph,
}


def _rebuild_loss(description: dict[str, Any], known: _Known) -> Loss | None:
    if description.get("loss") is None:
        return None
    loss = _make(description["loss"], "network.loss", known)
    if not isinstance(loss, Loss):
        raise ModelFileError(f"network.loss is {type(loss).__name__}, which is no loss")
    return loss


def _rebuild_node(given: Any, where: str, before: list[Node], known: _Known) -> Node:
    if not isinstance(given, dict):
        raise ModelFileError(f"{where} must be an object, got {given!r:.60}")
    if "input" in given:
        return Input(_entry(given, where, "input", str), _shape(given, where, "shape"))
    if "constant" in given:
        return Constant(_entry(given, where, "constant", float))
    sources = _entry(given, where, "inputs", list)
    for source in sources:
        if type(source) is not int or not 0 <= source < len(before):
            raise ModelFileError(
                f"{where}.inputs holds {source!r:.60}; expected numbers of nodes before it"
            )
    return _make(given, where, known)(*(before[source] for source in sources))


def _make(given: Any, where: str, known: _Known) -> Layer:
    name = _entry(given, where, "layer", str)
    arguments = _arguments(given, where)
    if name not in known:
        raise ModelFileError(
            f"{where}: layer {name!r:.80} is unknown; if it is yours, hand its class over: "
            f"layers={{{name!r:.80}: ...}}"
        )
    if arguments.get("init") == "custom":
        del arguments["init"]  # a function of the user's; what it drew stands in the file
    try:
        return known[name](**arguments)
    except _REFUSALS as error:
        raise ModelFileError(
            f"{where}: {name} cannot be made with {_few(arguments)} ({error}); "
            "its config() must give what its constructor takes"
        ) from None


def _describe_node(node: Node, place: Mapping[Node, int]) -> dict[str, Any]:
    if isinstance(node, Input):
        return {"input": node.name, "shape": list(node.shape)}
    if isinstance(node, Constant):
        return {"constant": node.value}
    if node.layer is None:
        raise ModelFileError(f"{node!r} is a node of a kind that no model file holds")
    return _describe_layer(node.layer) | {"inputs": [place[source] for source in node.inputs]}


def _describe_layer(layer: Layer) -> dict[str, Any]:
    name = type(layer).__name__
    if LAYERS.get(name, type(layer)) is not type(layer):
        raise ModelFileError(
            f"{layer!r} is another class than zerokara's {name}, as which it would be read back; "
            "give it a name of its own"
        )
    return {"layer": name, "arguments": _plain(f"{name}.config()", layer.config())}


def _plain(what: str, arguments: Any) -> Any:
    """The arguments after a way through JSON, so that what is written is what will be read."""
    try:
        plain = json.loads(json.dumps(arguments, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{what} cannot stand in a model file ({error})") from None
    return _arguments({"arguments": plain}, what)


def _entry(given: Any, where: str, key: str, kind: type) -> Any:
    if not isinstance(given, dict):
        raise ModelFileError(f"{where} must be an object, got {given!r:.60}")
    value: Any = given.get(key)
    if kind is float and type(value) is int and abs(value) <= LARGEST:
        return float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise ModelFileError(f"{where}.{key} must be a {kind.__name__}, got {value!r:.60}")
    return value


def _shape(given: Any, where: str, key: str) -> Shape:
    shape = _entry(given, where, key, list)
    if not all(type(size) is int and 1 <= size <= LARGEST for size in shape):
        raise ModelFileError(
            f"{where}.{key} must hold sizes from 1 to {LARGEST}, got {_few(shape)}"
        )
    if len(shape) > 8 or math.prod(shape) > LARGEST:
        raise ModelFileError(f"{where}.{key} {_few(shape)} is larger than any sample may be")
    return tuple(shape)


def _arguments(given: dict[str, Any], where: str) -> dict[str, Any]:
    """A constructor's arguments: any JSON, with numbers that cannot run away."""
    arguments = _entry(given, where, "arguments", dict)
    waiting: list[Any] = [arguments]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif type(value) is int and abs(value) > LARGEST:
            raise ModelFileError(f"{where}.arguments holds {value!r:.60}, which is above {LARGEST}")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ModelFileError(f"{where}.arguments holds {value}, which is not finite")
    return dict(arguments)


def _few(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
