"""The maths of every layer, in plain NumPy: one concept a file, forward above backward."""

from __future__ import annotations

from zerokara.layers.activation import Identity, ReLU, Sigmoid, Softmax, Tanh
from zerokara.layers.affine import Affine
from zerokara.layers.arithmetic import Add, Mul
from zerokara.layers.base import Layer
from zerokara.layers.convolution import Convolution, ConvTranspose
from zerokara.layers.dropout import Dropout
from zerokara.layers.loss import IdentityWithLoss, Loss, SigmoidWithLoss, SoftmaxWithLoss
from zerokara.layers.node import Constant, Input, Node
from zerokara.layers.parameters import Parameters
from zerokara.layers.pooling import AveragePool, GlobalAveragePool, MaxPool
from zerokara.layers.shape import Flatten

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Add,
        Affine,
        AveragePool,
        ConvTranspose,
        Convolution,
        Dropout,
        Flatten,
        GlobalAveragePool,
        Identity,
        IdentityWithLoss,
        MaxPool,
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
    "AveragePool",
    "Constant",
    "ConvTranspose",
    "Convolution",
    "Dropout",
    "Flatten",
    "GlobalAveragePool",
    "Identity",
    "IdentityWithLoss",
    "Input",
    "Layer",
    "Loss",
    "MaxPool",
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
