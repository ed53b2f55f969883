"""Right layers in the styles that readers of the book write; defects are planted in them."""

import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.x = self.dW = self.db = None

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(len(x), -1)
        return self.x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return (dout @ self.W.T).reshape(self.shape)


class DictAffine:
    """Dictionaries instead of attributes."""

    def __init__(self, W, b):
        self.params = {"W": W, "b": b}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.params["W"] + self.params["b"])

    def backward(self, dout):
        d = dout * (1 - np.tanh(self.x @ self.params["W"] + self.params["b"]) ** 2)
        self.grads["W"] = self.x.T @ d
        self.grads["b"] = d.sum(axis=0)
        return d @ self.params["W"].T


class ListAffine:
    """The lists of the book's second volume."""

    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        self.x = x
        W, b = self.params
        return x @ W + b

    def backward(self, dout):
        W, _ = self.params
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ W.T


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * self.out * (1 - self.out)


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * (1 - self.out**2)


class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.out = e / e.sum(axis=-1, keepdims=True)
        return self.out

    def backward(self, dout):
        dx = self.out * dout
        return dx - self.out * dx.sum(axis=-1, keepdims=True)


class BatchNorm:
    def __init__(self, gamma, beta, momentum=0.9):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean = self.running_var = None
        self.dgamma = self.dbeta = None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean = np.zeros(x.shape[1], x.dtype)
            self.running_var = np.ones(x.shape[1], x.dtype)
        if train_flg:
            mu = x.mean(axis=0)
            self.xc = x - mu
            var = (self.xc**2).mean(axis=0)
            self.std = np.sqrt(var + 1e-5)
            self.xn = self.xc / self.std
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            self.xn = (x - self.running_mean) / np.sqrt(self.running_var + 1e-5)
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (self.xn * dout).sum(axis=0)
        dxn = self.gamma * dout
        mean = dxn.mean(axis=0) + self.xn * (dxn * self.xn).mean(axis=0)
        return (dxn - mean) / self.std


class Scale:
    """gamma * x + beta: the smallest layer of two parameters."""

    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta

    def forward(self, x):
        self.x = x
        return self.gamma * x + self.beta

    def backward(self, dout):
        self.dgamma = (self.x * dout).sum(axis=0)
        self.dbeta = dout.sum(axis=0)
        return self.gamma * dout


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def windows(self, x):
        FH, FW = self.W.shape[2:]
        found = np.lib.stride_tricks.sliding_window_view(x, (FH, FW), axis=(2, 3))
        return found[:, :, :: self.stride, :: self.stride]

    def forward(self, x):
        p = self.pad
        self.x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        out = np.einsum("nchwij,fcij->nfhw", self.windows(self.x), self.W)
        return out + self.b[:, None, None]

    def backward(self, dout):
        FH, FW = self.W.shape[2:]
        self.dW = np.einsum("nchwij,nfhw->fcij", self.windows(self.x), dout)
        self.db = dout.sum(axis=(0, 2, 3))
        dx = np.zeros_like(self.x)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                a, b = i * self.stride, j * self.stride
                spread = np.einsum("nf,fchw->nchw", dout[:, :, i, j], self.W)
                dx[:, :, a : a + FH, b : b + FW] += spread
        p = self.pad
        return dx[:, :, p : dx.shape[2] - p, p : dx.shape[3] - p]


class Mul:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y

    def backward(self, dout):
        return dout * self.y, dout * self.x


class Dropout:
    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio

    def forward(self, x, train_flg=True):
        if train_flg:
            self.mask = np.random.rand(*x.shape) > self.dropout_ratio
            return x * self.mask
        return x * (1.0 - self.dropout_ratio)

    def backward(self, dout):
        return dout * self.mask


class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        self.t = t if t.ndim == 2 else np.eye(x.shape[1], dtype=x.dtype)[t]
        return -np.sum(self.t * np.log(self.y + 1e-300)) / max(len(x), 1)

    def backward(self, dout=1):
        return dout * (self.y - self.t) / len(self.y)


class SquaredError:
    def forward(self, x, t):
        self.difference = x - t
        return 0.5 * np.sum(self.difference**2) / len(x)

    def backward(self, dout=1):
        return dout * self.difference / len(self.difference)
