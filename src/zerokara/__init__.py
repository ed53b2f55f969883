"""zerokara: neural networks from zero, every layer proven and fast on a CPU."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zerokara import functions, gradient, models, schedules
from zerokara._types import Array
from zerokara._version import __version__
from zerokara.errors import ZerokaraError
from zerokara.layers import (
    ELU,
    GELU,
    Add,
    Affine,
    AveragePool,
    BatchNormalization,
    BinaryCrossEntropyWithLogits,
    Constant,
    Convolution,
    ConvTranspose,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Huber,
    Identity,
    IdentityWithLoss,
    Input,
    Layer,
    LayerNormalization,
    LeakyReLU,
    Loss,
    MaxPool,
    MeanAbsoluteError,
    MeanSquaredError,
    Mul,
    Node,
    ReLU,
    Sigmoid,
    SigmoidWithLoss,
    SiLU,
    Softmax,
    SoftmaxWithLoss,
    Softplus,
    Tanh,
)
from zerokara.network import Network
from zerokara.optimizers import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSProp
from zerokara.sequential import Sequential

if TYPE_CHECKING:
    from zerokara import data, interop, search, training
    from zerokara.check.diagnose import diagnose
    from zerokara.check.gradcheck import gradcheck
    from zerokara.draw.explain import explain
    from zerokara.draw.graph import draw
    from zerokara.engine.compile import compile_step
    from zerokara.interop.safetensors import load, save
    from zerokara.training.find_lr import find_lr
    from zerokara.training.fit import fit
    from zerokara.training.history import History

# Loaded when first used, so that importing zerokara costs little more than importing NumPy.
_LAZY = {
    "History": "zerokara.training.history",
    "compile_step": "zerokara.engine.compile",
    "data": "zerokara.data",
    "diagnose": "zerokara.check.diagnose",
    "draw": "zerokara.draw",  # the package, which can be called
    "explain": "zerokara.draw.explain",
    "find_lr": "zerokara.training.find_lr",
    "fit": "zerokara.training.fit",
    "gradcheck": "zerokara.check.gradcheck",
    "interop": "zerokara.interop",
    "load": "zerokara.interop.safetensors",
    "save": "zerokara.interop.safetensors",
    "search": "zerokara.search",
    "training": "zerokara.training",
}

__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Add",
    "Affine",
    "AveragePool",
    "BatchNormalization",
    "BinaryCrossEntropyWithLogits",
    "Constant",
    "ConvTranspose",
    "Convolution",
    "Dropout",
    "Flatten",
    "GlobalAveragePool",
    "History",
    "Huber",
    "Identity",
    "IdentityWithLoss",
    "Input",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Loss",
    "MaxPool",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Momentum",
    "Mul",
    "Nesterov",
    "Network",
    "Node",
    "RMSProp",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "Softplus",
    "Tanh",
    "ZerokaraError",
    "__version__",
    "compile_step",
    "data",
    "diagnose",
    "draw",
    "explain",
    "find_lr",
    "fit",
    "functions",
    "gradcheck",
    "gradient",
    "interop",
    "load",
    "models",
    "save",
    "schedules",
    "search",
    "training",
]


def _compile_inference(network: Network) -> Callable[[Any], Array] | None:
    from zerokara.engine.inference import compile_inference

    return compile_inference(network)


def _picture(what: Network | Node) -> str:
    from zerokara.draw.graph import draw

    return draw(what).svg


Network.inference_compiler = staticmethod(_compile_inference)
Network.picture = staticmethod(_picture)
Node.picture = staticmethod(_picture)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'zerokara' has no attribute {name!r}")
    module = importlib.import_module(_LAZY[name])
    value = module if module.__name__ == f"zerokara.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
