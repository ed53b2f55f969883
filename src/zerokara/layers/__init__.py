"""The maths of every layer, in plain NumPy: one concept a file, forward above backward."""

from __future__ import annotations

from zerokara.layers.activation import Identity, ReLU, Sigmoid, Softmax, Tanh
from zerokara.layers.affine import Affine
from zerokara.layers.arithmetic import Add, Mul
from zerokara.layers.base import Layer
from zerokara.layers.loss import IdentityWithLoss, Loss, SigmoidWithLoss, SoftmaxWithLoss
from zerokara.layers.node import Constant, Input, Node
from zerokara.layers.parameters import Parameters

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Add,
        Affine,
        Identity,
        IdentityWithLoss,
        Mul,
        ReLU,
        Sigmoid,
        SigmoidWithLoss,
        Softmax,
        SoftmaxWithLoss,
        Tanh,
    )
}
"""Every layer that a model file may name, by its class name."""

__all__ = [
    "LAYERS",
    "Add",
    "Affine",
    "Constant",
    "Identity",
    "IdentityWithLoss",
    "Input",
    "Layer",
    "Loss",
    "Mul",
    "Node",
    "Parameters",
    "ReLU",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "Tanh",
]
