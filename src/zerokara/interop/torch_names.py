"""Weights by PyTorch's names and in its layouts, as safetensors: both ways, without PyTorch.

``torch.nn.Sequential`` calls the parameters of its i-th module "i.weight" and "i.bias". What
differs between the two is the name of each, and that a Linear's weight is (outputs, inputs) where
`Affine.W` is (inputs, outputs). In PyTorch: ``safetensors.torch.save_file(module.state_dict(),
path)`` and ``module.load_state_dict(safetensors.torch.load_file(path))``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zerokara import layers
from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, ModelFileError
from zerokara.files import replace_file
from zerokara.layers import Layer
from zerokara.layers.weighted import WeightedLayer
from zerokara.network import Network

WEIGHTS = {"weight": "W", "bias": "b"}
SCALES = {"weight": "gamma", "bias": "beta"}
RUNNING = {"running_mean": "running_mean", "running_var": "running_var"}
COUNT = "num_batches_tracked"
"""A counter that PyTorch's batch normalization keeps and zerokara's does not."""

_NAMES: dict[type[Layer], dict[str, str]] = {
    layers.Affine: WEIGHTS,
    layers.Convolution: WEIGHTS,
    layers.ConvTranspose: WEIGHTS,
    layers.BatchNormalization: SCALES | RUNNING,
    layers.LayerNormalization: SCALES,
}


def state_dict(net: Network, names: Mapping[str, str] | None = None) -> dict[str, Array]:
    """The parameters and running values of a network as PyTorch's `state_dict` has them.

    Args:
        net: a network of zerokara's own layers.
        names: what the PyTorch module calls a layer, by the layer's name in `net.layers`, such as
            ``{"affine1": "fc"}``. By default the layer's place, counted from 0: the names of a
            ``torch.nn.Sequential`` of the same layers.

    Raises:
        ArgumentError: a layer of one's own with parameters, names that do not fit.
    """
    arrays: dict[str, Array] = {}
    for prefix, layer in _prefixes(net, names).items():
        for theirs, ours in _NAMES[type(layer)].items():
            arrays[f"{prefix}.{theirs}"] = _turned(layer, ours, _held(layer, ours)).copy()
        if isinstance(layer, layers.BatchNormalization):
            arrays[f"{prefix}.{COUNT}"] = np.array(0)
    return arrays


def save(
    net: Network, path: str | os.PathLike[str], names: Mapping[str, str] | None = None
) -> None:
    """Write `state_dict(net, names)` to a safetensors file, beside and renamed.

    Raises:
        ArgumentError: as `state_dict`.
        ModelFileError: the file cannot be written.
    """
    import safetensors.numpy

    whole = {n: np.ascontiguousarray(a).reshape(a.shape) for n, a in state_dict(net, names).items()}
    try:
        replace_file(path, safetensors.numpy.save(whole, {"format": "pt"}))
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written ({error.strerror or error})") from None


def load(
    net: Network,
    weights: str | os.PathLike[str] | Mapping[str, Any],
    names: Mapping[str, str] | None = None,
    *,
    by_order: bool = False,
) -> None:
    """Copy PyTorch's weights into a network; all of them or, with an error, none.

    Args:
        net: takes the weights; its layers say which there must be and in what shapes.
        weights: a safetensors file, or arrays by name. (Of tensors: ``{k: v.numpy() for k, v in
            module.state_dict().items()}``.)
        names: as for `state_dict`.
        by_order: take the modules whatever they are called, the first one for the first layer
            with weights, and so on: in the mapping's order; in a file, which keeps none, in that
            of the names, with "conv10" after "conv9". Only shapes tell a wrong order.

    Raises:
        ModelFileError: no such file, weights that are missing, left over, of another shape, or not
            finite.
        ArgumentError: a layer of one's own with parameters, names that do not fit.
    """
    where, given = ("load", dict(weights)) if isinstance(weights, Mapping) else _read(weights)
    wanted = _prefixes(net, names)
    if by_order:
        if names is not None:
            raise ArgumentError("torch_names.load: either names or by_order, not both")
        wanted = _in_order(where, list(wanted.values()), given)
    arrays = {name: np.asarray(array) for name, array in given.items()}
    places = _places(wanted)
    # A module made with bias=False has none; zerokara's then is 0.
    free = {n for n, (layer, _) in places.items() if isinstance(layer, WeightedLayer)}
    free = {name for name in free if name.endswith(".bias")}
    lacking = [name for name in places if name not in arrays and name not in free]
    extra = [name for name in arrays if name not in places and not name.endswith(f".{COUNT}")]
    for problem, found in (("lacks", lacking), ("holds unknown", extra)):
        if found:
            listed = ", ".join(found[:8]) + (", ..." if len(found) > 8 else "")
            raise ModelFileError(
                f"{where}: {problem} weights: {listed:.400}; expected {', '.join(places)!s:.400}"
            )
    for name, (layer, ours) in places.items():
        if name in arrays:
            _check(where, name, arrays[name], _turned(layer, ours, _held(layer, ours)).shape)
    for name, (layer, ours) in places.items():
        _held(layer, ours)[...] = _turned(layer, ours, arrays[name]) if name in arrays else 0


def _places(wanted: Mapping[str, Layer]) -> dict[str, tuple[Layer, str]]:
    return {
        f"{prefix}.{theirs}": (layer, ours)
        for prefix, layer in wanted.items()
        for theirs, ours in _NAMES[type(layer)].items()
    }


def _check(where: str, name: str, given: Array, shape: Shape) -> None:
    if given.shape != shape:
        raise ModelFileError(
            f"{where}: {name!r} has shape {given.shape}; the network's layer takes {shape}"
        )
    if given.dtype.kind != "f" or not np.all(np.isfinite(given)):
        raise ModelFileError(
            f"{where}: {name!r} must hold finite floats, got {given.dtype}"
            + (" with NaN or infinity" if given.dtype.kind == "f" else "")
        )
    if name.endswith(".running_var") and not np.all(given >= 0):
        raise ModelFileError(f"{where}: {name!r} holds a variance below 0")


def _prefixes(net: Network, names: Mapping[str, str] | None) -> dict[str, Layer]:
    """The layers with weights, by what PyTorch calls them."""
    if not isinstance(net, Network):
        raise ArgumentError(f"torch_names: expected a Network, got {type(net).__name__}")
    unknown = [name for name in names or {} if name not in net.layers]
    if unknown:
        raise ArgumentError(
            f"torch_names: names holds {', '.join(unknown)!s:.200}; the network's layers are "
            f"{', '.join(net.layers)}"
        )
    found: dict[str, Layer] = {}
    for place, (name, layer) in enumerate(net.layers.items()):
        if not layer.params:
            continue
        if type(layer) not in _NAMES:
            raise ArgumentError(f"torch_names: {name} is {layer!r}, which PyTorch has no names for")
        prefix = str(place) if names is None else names.get(name)
        if prefix is None or prefix in found:
            raise ArgumentError(
                f"torch_names: names must give a name of its own for {name}, got {names}"
            )
        found[prefix] = layer
    return found


def _in_order(where: str, wanted: Sequence[Layer], given: Mapping[str, Any]) -> dict[str, Layer]:
    """The layers by the prefixes of the weights, in the order in which these come."""
    prefixes = list(dict.fromkeys(name.rpartition(".")[0] for name in given))
    if len(prefixes) != len(wanted):
        raise ModelFileError(
            f"{where}: holds weights of {len(prefixes)} modules ({', '.join(prefixes)!s:.200}); "
            f"the network has {len(wanted)} layers with weights"
        )
    return dict(zip(prefixes, wanted, strict=True))


def _held(layer: Layer, name: str) -> Array:
    return layer.params[name] if name in layer.params else layer.state[name]


def _turned(layer: Layer, name: str, array: Array) -> Array:
    """PyTorch's layout of ours, and ours of PyTorch's: the same step."""
    return array.T if isinstance(layer, layers.Affine) and name == "W" else array


def _natural(name: str) -> list[tuple[int, str]]:
    """A key for sorting in which numbers inside names count as numbers."""
    parts = re.split(r"(\d+)", name, flags=re.ASCII)
    return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)]


def _read(path: str | os.PathLike[str]) -> tuple[str, dict[str, Array]]:
    import safetensors

    where = os.fspath(path)
    if not Path(path).is_file():
        what = "is a folder" if Path(path).is_dir() else "there is no such file"
        raise ModelFileError(f"{where}: {what}")
    try:
        with safetensors.safe_open(where, framework="np") as file:
            names = sorted(file.keys(), key=_natural)
            return where, {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        raise ModelFileError(
            f"{where}: is no safetensors file, or a damaged one ({error})"
        ) from None
    except (OSError, TypeError) as error:
        raise ModelFileError(f"{where}: cannot be read ({error})") from None
