"""Networks for the tests of model files, and the way into such a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

import zerokara as zk


class Scale(zk.Layer):
    """A user's own layer, with a parameter, a state and an argument."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.start = start

    def build(self, input_shape: Any, rng: Any, dtype: Any) -> Any:
        self.add_param("a", np.full((), self.start, dtype))
        self.state.bind("seen", np.zeros(2, np.int64))
        return input_shape

    def forward(self, x: np.ndarray, *, training: bool = False) -> np.ndarray:
        self._keep(x)
        self.state["seen"][0] += len(x)
        return x * self.params["a"]

    def backward(self, dout: np.ndarray) -> np.ndarray:
        self.grads["a"] = np.sum(dout * self._kept())
        return dout * self.params["a"]

    def config(self) -> dict[str, Any]:
        return {"start": self.start}


def straight(dtype: Any = np.float32) -> zk.Sequential:
    return zk.Sequential(
        [zk.Affine(5), zk.ReLU(), zk.Affine(4, init=0.1), zk.Tanh(), zk.Affine(3, init="he")],
        (2, 3),
        loss=zk.SoftmaxWithLoss(),
        rng=7,
        dtype=dtype,
    )


def residual(dtype: Any = np.float32) -> zk.Network:
    x, y = zk.Input("x", (4,)), zk.Input("y", (4,))
    hidden = zk.Sigmoid()(zk.Affine(4)(x)) + x
    return zk.Network(zk.Affine(2)(hidden * y + 0.5), loss=zk.IdentityWithLoss(), dtype=dtype)


def model(dtype: Any = np.float32) -> zk.models.TwoLayerNet:
    return zk.models.TwoLayerNet(6, 4, 3, 0.3, rng=3, activation="sigmoid", dtype=dtype)


def shop(dtype: Any = np.float32) -> zk.Network:
    apple, n, tax = zk.Input("apple"), zk.Input("n"), zk.Input("tax")
    return zk.Network(apple * n * tax, dtype=dtype)


def normalized(dtype: Any = np.float32) -> zk.Sequential:
    """A network with running values, and with every new activation and an option of the loss."""
    layers = [
        *(zk.Convolution(2, 3), zk.BatchNormalization(0.8, 1e-4), zk.LeakyReLU(0.2)),
        *(zk.Affine(6, init="orthogonal"), zk.LayerNormalization(), zk.GELU("tanh")),
        *(zk.Affine(5), zk.ELU(0.7), zk.Affine(4, init="lecun"), zk.SiLU(), zk.Affine(4)),
        *(zk.Softplus(), zk.Affine(3, init="glorot_uniform")),
    ]
    loss = zk.SoftmaxWithLoss(label_smoothing=0.1, class_weight=[1, 2, 0.5])
    return zk.Sequential(layers, (1, 4, 5), loss=loss, rng=4, dtype=dtype)


def parts(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Give the tensors and the header of a model file."""
    with safetensors.safe_open(path, "np") as file:
        header = json.loads(file.metadata()["zerokara"])
    return safetensors.numpy.load_file(path), header


def write(path: Path, tensors: dict[str, np.ndarray], header: Any) -> None:
    text = header if isinstance(header, str) else json.dumps(header)
    safetensors.numpy.save_file(tensors, path, {"zerokara": text})


NETWORKS = [straight, residual, model, shop, normalized]
