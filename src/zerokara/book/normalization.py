"""The book's batch normalization (6.3; Ioffe and Szegedy 2015)."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerokara._types import Array, Shape
from zerokara.book.traps import teach
from zerokara.errors import OrderError

EPS = 10e-7
"""What the book's code adds to a variance: 10e-7, which is 1e-6."""


class BatchNormalization:
    """(x - mean) / sqrt(variance + 1e-6) * gamma + beta, by columns of (N, D).

    Images (N, C, H, W) are taken as rows, so gamma and beta are (C * H * W,) or one number: each
    pixel has a mean of its own, as in the book. Running values start at 0, those of the book.
    """

    def __init__(
        self,
        gamma: Any,
        beta: Any,
        momentum: float = 0.9,
        running_mean: Array | None = None,
        running_var: Array | None = None,
    ) -> None:
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.input_shape: Shape | None = None
        self.running_mean, self.running_var = running_mean, running_var
        self.batch_size: int | None = None
        self.xn: Any = None
        self.std: Any = None
        self.dgamma: Any = None
        self.dbeta: Any = None

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        self.input_shape = x.shape
        rows = x.reshape(len(x), -1)
        if self.running_mean is None or self.running_var is None:
            self.running_mean, self.running_var = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
        if not train_flg:
            xn = (rows - self.running_mean) / np.sqrt(self.running_var + EPS)
            return np.asarray(self.gamma * xn + self.beta).reshape(x.shape)
        if len(rows) == 1:
            teach(
                "batch of one",
                "batch normalization of a single sample: it is its own mean, so every output is "
                "beta and the gradients below are 0 whatever the code says; check gradients with "
                "2 samples or more",
            )
        mean = rows.mean(axis=0)
        xc = rows - mean
        var = np.square(xc).mean(axis=0)
        self.batch_size = len(rows)
        self.std = np.sqrt(var + EPS)
        self.xn = xc / self.std
        keep, take = self.momentum, 1 - self.momentum
        self.running_mean = keep * self.running_mean + take * mean
        self.running_var = keep * self.running_var + take * var
        return np.asarray(self.gamma * self.xn + self.beta).reshape(x.shape)

    def backward(self, dout: Array) -> Array:
        """dx; with the mean and the variance as functions of x, all of it in one line.

        dx = (dxn - mean(dxn) - xn mean(xn dxn)) / std, the means over the batch.
        """
        if self.xn is None or self.input_shape is None:
            raise OrderError("BatchNormalization: backward before a forward in training")
        rows = dout.reshape(len(dout), -1)
        self.dbeta = rows.sum(axis=0)
        self.dgamma = (self.xn * rows).sum(axis=0)
        dxn = self.gamma * rows
        dx = dxn - dxn.mean(axis=0) - self.xn * (self.xn * dxn).mean(axis=0)
        return np.asarray(dx / self.std).reshape(self.input_shape)
