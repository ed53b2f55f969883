"""Model files: safetensors with the architecture in the metadata; nothing in them is ever run.

The metadata entry "zerokara" is a JSON text {"format": 1, "version": ..., "network": ...}, see
`zerokara.architecture`. Tensors are the parameters by their names in `net.params`, and layers'
state as "state:<layer>.<key>". Format: https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zerokara._types import Array, Shape
from zerokara._version import __version__
from zerokara.architecture import describe, is_model, rebuild
from zerokara.errors import ArgumentError, ModelFileError
from zerokara.files import replace_file
from zerokara.layers import LAYERS, Layer
from zerokara.network import Network

FORMAT = 1
"""What this version writes; greater numbers are refused."""

SLACK = 2**20
"""A header may promise so many weights more than twice what the file holds, and no more, before
the network is made: enough to say which tensor is missing, too little to fill a memory."""

_KEY = "zerokara"
# The format's names for what networks hold.
_CODES = {
    "bool": "BOOL",
    "int8": "I8",
    "uint8": "U8",
    "int16": "I16",
    "uint16": "U16",
    "int32": "I32",
    "uint32": "U32",
    "int64": "I64",
    "uint64": "U64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network, architecture and parameters, to a safetensors file.

    The file is written beside and renamed: a failure leaves an older one as it was. A network of
    a class of one's own comes back as the plain `Sequential` or `Network` that it is.

    Raises:
        ModelFileError: the file cannot be written, or the network cannot stand in one.
    """
    import safetensors
    import safetensors.numpy

    if not isinstance(net, Network):
        raise ArgumentError(f"save: expected a Network, got {type(net).__name__}")
    header = {"format": FORMAT, "version": __version__, "network": describe(net)}
    # safetensors writes memory as it lies, so an array in Fortran order would come back
    # scrambled, and without an error. A scalar comes out of ascontiguousarray as (1,).
    tensors = {
        name: np.ascontiguousarray(array).reshape(array.shape)
        for name, array in _tensors(net).items()
    }
    try:
        content = safetensors.numpy.save(tensors, {_KEY: json.dumps(header, allow_nan=False)})
        replace_file(path, content)
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path}: cannot be written ({error})") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written ({error.strerror or error})") from None


def load(path: str | os.PathLike[str], layers: Mapping[str, type[Layer]] | None = None) -> Network:
    """Read a network that `save` wrote, in the dtype in which it was saved.

    Args:
        path: the file.
        layers: classes by name, for layers that are not zerokara's own:
            ``layers={"MyLayer": MyLayer}``.

    Raises:
        ModelFileError: no such file, not a model of zerokara, damaged, of a newer format, with
            layers that are unknown, or with tensors that do not fit the architecture.
        ArgumentError: `layers` holds something else, or a name of zerokara's own.
    """
    import safetensors

    _check_layers(layers)
    if not Path(path).is_file():
        what = "is a folder" if Path(path).is_dir() else "there is no such file"
        raise ModelFileError(f"{path}: {what}")
    try:
        with safetensors.safe_open(os.fspath(path), framework="np") as file:
            held = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {n: (s.get_dtype(), tuple(s.get_shape())) for n, s in held.items()}
            network = _read_header(file.metadata())
            most = SLACK + 2 * sum(math.prod(shape) for _, shape in found.values())
            net = rebuild(network, layers, most_parameters=most)
            targets = _tensors(net)
            _check_tensors(found, targets)
            for name, target in targets.items():
                target[...] = file.get_tensor(name)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except safetensors.SafetensorError as error:
        raise ModelFileError(
            f"{path}: is no safetensors file, or a damaged one ({error})"
        ) from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    return net


def _tensors(net: Network) -> dict[str, Array]:
    """Every array of a model file by its name there."""
    # A class that is not read back as itself must not bring names of its own.
    name_of = type(net).parameter_name if is_model(net) else Network.parameter_name
    tensors: dict[str, Array] = {}
    for layer_name, layer in net.layers.items():
        for key, array in layer.params.items():
            tensors[name_of(net, layer_name, key)] = array
        for key, array in layer.state.items():
            tensors[f"state:{layer_name}.{key}"] = array
    return tensors


def _read_header(metadata: Mapping[str, str] | None) -> Any:
    """The network's description from the file's metadata."""
    if not metadata or _KEY not in metadata:
        raise ModelFileError("is a safetensors file, but no model of zerokara")
    try:
        header = json.loads(metadata[_KEY])
    except (ValueError, RecursionError):
        raise ModelFileError("its zerokara metadata is damaged (not JSON)") from None
    version = header.get("format") if isinstance(header, dict) else None
    if type(version) is not int or version < 1:
        raise ModelFileError("its zerokara metadata is damaged (no format number)")
    if version > FORMAT:
        raise ModelFileError(
            f"is of format {version}, written by zerokara {header.get('version')!s:.40}; this is "
            f"zerokara {__version__}, which reads formats up to {FORMAT}: install a newer zerokara"
        )
    return header.get("network")


def _check_tensors(found: Mapping[str, tuple[str, Shape]], targets: Mapping[str, Array]) -> None:
    wanted = {name: (_CODES.get(a.dtype.name, "?"), a.shape) for name, a in targets.items()}
    for problem, names in (
        ("lacks", [name for name in wanted if name not in found]),
        ("holds unknown", [name for name in found if name not in wanted]),
    ):
        if names:
            listed = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
            raise ModelFileError(f"{problem} tensors: {listed:.400}")
    for name, (code, shape) in wanted.items():
        if found[name] != (code, shape):
            raise ModelFileError(
                f"tensor {name!r} is {found[name][0]} of shape {found[name][1]}; the architecture "
                f"says {code} of shape {shape}"
            )


def _check_layers(layers: Mapping[str, type[Layer]] | None) -> None:
    for name, given in (layers or {}).items():
        if not (isinstance(given, type) and issubclass(given, Layer)):
            raise ArgumentError(f"load: layers[{name!r}] must be a class of layers, got {given!r}")
        if name in LAYERS:
            raise ArgumentError(f"load: layers[{name!r}] has the name of one of zerokara's own")
