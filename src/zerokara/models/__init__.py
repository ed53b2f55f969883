"""The book's models, ready made: one a file."""

from __future__ import annotations

from zerokara.models.perceptron import AND, NAND, OR, XOR, Perceptron
from zerokara.models.two_layer_net import TwoLayerNet

MODELS = {"TwoLayerNet": TwoLayerNet}
"""Every model that a model file may name, by its class name."""

__all__ = ["AND", "MODELS", "NAND", "OR", "XOR", "Perceptron", "TwoLayerNet"]
