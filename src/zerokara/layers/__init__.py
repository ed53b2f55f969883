"""The maths of every layer, in plain NumPy: one concept a file, forward above backward."""

from __future__ import annotations

from zerokara.layers.activation import Identity, ReLU, Sigmoid, Softmax, Tanh
from zerokara.layers.affine import Affine
from zerokara.layers.arithmetic import Add, Mul
from zerokara.layers.base import Layer
from zerokara.layers.convolution import Convolution, ConvTranspose
from zerokara.layers.dropout import Dropout
from zerokara.layers.loss import (
    BinaryCrossEntropyWithLogits,
    IdentityWithLoss,
    Loss,
    SigmoidWithLoss,
    SoftmaxWithLoss,
)
from zerokara.layers.node import Constant, Input, Node
from zerokara.layers.normalization import BatchNormalization, LayerNormalization
from zerokara.layers.parameters import Parameters
from zerokara.layers.pooling import AveragePool, GlobalAveragePool, MaxPool
from zerokara.layers.rectifier import ELU, GELU, LeakyReLU, SiLU, Softplus
from zerokara.layers.regression import Huber, MeanAbsoluteError, MeanSquaredError
from zerokara.layers.shape import Flatten

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Add,
        Affine,
        AveragePool,
        BatchNormalization,
        ConvTranspose,
        Convolution,
        Dropout,
        ELU,
        Flatten,
        GELU,
        GlobalAveragePool,
        Huber,
        Identity,
        IdentityWithLoss,
        LayerNormalization,
        LeakyReLU,
        MaxPool,
        MeanAbsoluteError,
        MeanSquaredError,
        Mul,
        ReLU,
        SiLU,
        Sigmoid,
        SigmoidWithLoss,
        Softmax,
        SoftmaxWithLoss,
        Softplus,
        Tanh,
    )
}
"""Every layer that a model file may name, by its class name."""

__all__ = [
    "ELU",
    "GELU",
    "LAYERS",
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
    "Mul",
    "Node",
    "Parameters",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "Softplus",
    "Tanh",
]
