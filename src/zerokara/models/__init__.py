"""The book's models, ready made: one a file."""

from __future__ import annotations

from zerokara.models.deep_conv_net import DeepConvNet
from zerokara.models.multi_layer_net import MultiLayerNet
from zerokara.models.multi_layer_net_extend import MultiLayerNetExtend
from zerokara.models.naming import BookModel
from zerokara.models.perceptron import AND, NAND, OR, XOR, Perceptron
from zerokara.models.simple_conv_net import SimpleConvNet
from zerokara.models.two_layer_net import TwoLayerNet

MODELS: dict[str, type[BookModel]] = {
    model.__name__: model
    for model in (DeepConvNet, MultiLayerNet, MultiLayerNetExtend, SimpleConvNet, TwoLayerNet)
}
"""Every model that a model file may name, by its class name."""

__all__ = [
    "AND",
    "MODELS",
    "NAND",
    "OR",
    "XOR",
    "BookModel",
    "DeepConvNet",
    "MultiLayerNet",
    "MultiLayerNetExtend",
    "Perceptron",
    "SimpleConvNet",
    "TwoLayerNet",
]
