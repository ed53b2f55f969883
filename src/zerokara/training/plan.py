"""Plan: the arguments of a training that must be the same for it to go on."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from zerokara.data.pixels import Pixels
from zerokara.engine.samples import Samples
from zerokara.errors import ArgumentError
from zerokara.network import Network
from zerokara.optimizers import Optimizer

LOOKED_AT = 2**20
"""So many bytes of each array, in rows spread over all of it, tell one data set from another."""


def words_of_network(net: Network) -> dict[str, Any]:
    """Layers, parameters and dtype."""
    return {
        "layers": [f"{name}: {layer!r}" for name, layer in net.layers.items()],
        "params": {name: list(array.shape) for name, array in net.params.items()},
        "loss": repr(net.loss_layer),
        "dtype": net.dtype.name,
    }


def words_of_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """Class and arguments."""
    return {"name": type(optimizer).__name__, **optimizer.config()}


def fingerprint(samples: Samples | None) -> str | None:
    """What tells these samples from others."""
    if samples is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    weight = [] if samples.weight is None else [(" weight", samples.weight)]
    for name, source in (*sorted(samples.inputs.items()), ("", samples.t), *weight):
        values = source.values if isinstance(source, Pixels) else source
        scale = source.scale if isinstance(source, Pixels) else 1.0
        digest.update(repr((name, values.shape, values.dtype.str, scale)).encode())
        most = max(LOOKED_AT // max(values[:1].nbytes, 1), 1)
        rows = np.linspace(0, len(values) - 1, min(most, len(values))).astype(np.int64)
        digest.update(np.ascontiguousarray(values[rows]).tobytes())
    return digest.hexdigest()


def check_same(given: dict[str, Any], begun: Any, where: str) -> None:
    """Refuse to go on with other arguments than a training was begun with.

    Raises:
        ArgumentError: naming the first that differs.
    """
    begun = begun if isinstance(begun, dict) else {}
    for name, value in given.items():
        if name not in begun or begun[name] != value:
            raise ArgumentError(
                f"fit: resume: {name} is {_short(value)}, but the training in {where} was begun "
                f"with {_short(begun.get(name))}; give the same, or another out"
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."
