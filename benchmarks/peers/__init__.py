"""The libraries that are timed, ours among them. A module is imported where it is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from peers.base import Peer


class Entry(NamedTuple):
    """Where a peer's class is, which packages it needs, and what it takes part in."""

    module: str
    cls: str
    packages: tuple[str, ...]
    trains: bool = True
    predicts: bool = True
    ours: bool = False


PEERS = {
    "zerokara": Entry("ours", "Zerokara", (), ours=True),
    "zerokara-run": Entry("ours", "ZerokaraRun", (), predicts=False, ours=True),
    "torch-eager": Entry("pytorch", "TorchEager", ("torch",)),
    "torch-compile": Entry("pytorch", "TorchCompile", ("torch",)),
    "jax-jit": Entry("jax_jit", "JaxJit", ("jax",)),
    "jax-scan": Entry("jax_jit", "JaxScan", ("jax",), predicts=False),
    "sklearn-mlp": Entry("sklearn_mlp", "SklearnMLP", ("scikit-learn",), predicts=False),
    "tinygrad-jit": Entry("tinygrad_jit", "TinygradJit", ("tinygrad",), predicts=False),
    "book-numpy": Entry("book_numpy", "BookNumpy", ("numpy",)),
    "ort": Entry("ort", "OnnxRuntime", ("onnxruntime", "onnx"), trains=False),
}


def peer_class(name: str) -> type[Peer]:
    """The class of a peer.

    Raises:
        ImportError: its library is not installed.
    """
    entry = PEERS[name]
    found: type[Peer] = getattr(importlib.import_module(f"peers.{entry.module}"), entry.cls)
    return found
