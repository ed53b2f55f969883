"""The libraries that are timed, ours among them. A module is imported where it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.tasks import Task

    from peers.base import Peer

# The C library then keeps what is freed instead of giving it back to the system, page by page, and
# having it faulted in again at the next step. glibc reads these.
KEEP = {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "4000000000"}


@dataclass(frozen=True)
class Entry:
    """Where a peer's class is, what it needs, and what it takes part in.

    Attributes:
        packages: that must be installed.
        vectors, images: whether it builds networks of Affine alone, and those with convolutions.
        norms: whether it has batch normalization.
        many_steps: whether one call does many training steps.
        environment: variables that its process is started with.
    """

    module: str
    cls: str
    packages: tuple[str, ...]
    trains: bool = True
    predicts: bool = True
    vectors: bool = True
    images: bool = True
    norms: bool = True
    many_steps: bool = False
    ours: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def takes(self, task: Task) -> bool:
        """Whether it has a part in a task."""
        does = self.trains if task.trains else self.predicts
        fits = self.images if task.takes_images else self.vectors
        return does and fits and (self.norms or not task.normalizes)


TORCH, JAX = ("torch",), ("jax",)
PEERS = {
    "zerokara": Entry("ours", "Zerokara", (), ours=True),
    "zerokara-run": Entry("ours", "ZerokaraRun", (), predicts=False, many_steps=True, ours=True),
    "torch-eager": Entry("pytorch", "TorchEager", TORCH),
    "torch-eager-keep": Entry("pytorch", "TorchEager", TORCH, environment=KEEP),
    "torch-cl": Entry("pytorch", "TorchChannelsLast", TORCH, vectors=False),
    "torch-cl-keep": Entry("pytorch", "TorchChannelsLast", TORCH, vectors=False, environment=KEEP),
    "torch-compile": Entry("pytorch", "TorchCompile", TORCH),
    "jax-jit": Entry("jax_jit", "JaxJit", JAX),
    "jax-patches": Entry("jax_jit", "JaxPatches", JAX, vectors=False),
    "jax-scan": Entry("jax_jit", "JaxScan", JAX, predicts=False, many_steps=True),
    "sklearn-mlp": Entry(
        "sklearn_mlp",
        "SklearnMLP",
        ("scikit-learn",),
        predicts=False,
        images=False,
        norms=False,
        many_steps=True,
    ),
    "tinygrad-jit": Entry(
        "tinygrad_jit", "TinygradJit", ("tinygrad",), predicts=False, norms=False
    ),
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
