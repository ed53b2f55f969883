"""JAX: one jitted step that is given the indices, or a jitted scan over many steps.

Images are kept with the channels last, which XLA prefers on a CPU: filters are turned once, and
the first Affine's rows are put into that order, which changes no score.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from harness.networks import Affine, BatchNorm, Conv, Dropout, Layer, MaxPool, Relu, output_shapes
from harness.tasks import Task

from peers.base import Array, Peer, as_floats

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
MANY = 10**9  # FLOPs of a step so long that no one cares how many go into one call


def conv(x: Any, W: Any, pad: int) -> Any:
    """XLA's own convolution."""
    order = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, W, (1, 1), [(pad, pad)] * 2, dimension_numbers=order)


def conv_by_patches(x: Any, W: Any, pad: int) -> Any:
    """One matrix product with all patches of the images."""
    size, _, channels, filters = W.shape
    if pad:
        x = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    height, width = x.shape[1] - size + 1, x.shape[2] - size + 1
    places = [(i, j) for i in range(size) for j in range(size)]
    cols = jnp.concatenate([x[:, i : i + height, j : j + width] for i, j in places], axis=-1)
    return cols @ W.reshape(size * size * channels, filters)


def max_pool(x: Any, size: int) -> Any:
    """XLA's own pooling."""
    window = (1, size, size, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


def max_pool_by_shape(x: Any, size: int) -> Any:
    """The greatest over two axes more, where the windows fit."""
    rows, height, width, channels = x.shape
    if height % size or width % size:
        return max_pool(x, size)
    cut = (rows, height // size, size, width // size, size, channels)
    return x.reshape(cut).max(axis=(2, 4))


class Net:
    """The network as a function of its parameters W, b, W, b, ... and running means, variances."""

    def __init__(self, task: Task, layers: list[Layer], *, patches: bool) -> None:
        self.layers, self.trains = layers, task.trains
        self.conv, self.pool = (conv_by_patches, max_pool_by_shape) if patches else (conv, max_pool)
        self.params: list[Any] = []
        self.running: list[Any] = []
        shape = task.input_shape
        for layer, out in zip(layers, output_shapes(layers, shape), strict=True):
            match layer:
                case Affine(W, b):
                    if len(shape) > 1:
                        order = np.arange(len(W)).reshape(shape).transpose(1, 2, 0).ravel()
                        W = W[order]
                    self.params += [jnp.array(W), jnp.array(b)]
                case Conv(W, b, _):
                    self.params += [jnp.array(W.transpose(2, 3, 1, 0)), jnp.array(b)]
                case BatchNorm(gamma, beta):
                    self.params += [jnp.array(gamma), jnp.array(beta)]
                    self.running += [jnp.zeros_like(gamma), jnp.ones_like(gamma)]
            shape = out

    def forward(self, params: list[Any], x: Any) -> Any:
        return self.train_forward(params, [], x, None)[0]

    def train_forward(
        self, params: list[Any], running: list[Any], x: Any, key: Any
    ) -> tuple[Any, list[Any]]:
        """The scores, and the running values after them."""
        given, old, new = iter(params), iter(running), []
        for place, layer in enumerate(self.layers):
            match layer:
                case Affine():
                    x = x.reshape(len(x), -1) @ next(given) + next(given)
                case Conv(_, _, pad):
                    x = self.conv(x, next(given), pad) + next(given)
                case BatchNorm(_, _, momentum, eps):
                    mean, var = x.mean(axis=0), x.var(axis=0)
                    x = (x - mean) * (next(given) * jax.lax.rsqrt(var + eps)) + next(given)
                    for now in (mean, var):
                        new.append(momentum * next(old) + (1 - momentum) * now)
                case Relu():
                    x = jax.nn.relu(x)
                case MaxPool(size):
                    x = self.pool(x, size)
                case Dropout(ratio) if self.trains:
                    keep = jax.random.bernoulli(jax.random.fold_in(key, place), 1 - ratio, x.shape)
                    x = jnp.where(keep, x / (1 - ratio), 0)
        return x, new

    def loss(self, params: list[Any], running: list[Any], x: Any, t: Any, key: Any) -> Any:
        scores, running = self.train_forward(params, running, x, key)
        chosen = jax.nn.log_softmax(scores)
        return -jnp.take_along_axis(chosen, t[:, None], axis=1).mean(), running


def one_step(net: Net, adam: bool, lr: float, state: Any, x: Any, t: Any, indices: Any) -> Any:
    """(params, running, m, v, count) after one step, and the loss."""
    params, running, m, v, count = state
    rows = x.at[indices].get(mode="promise_in_bounds")
    labels = t.at[indices].get(mode="promise_in_bounds")
    # The key is of the noise; without Dropout XLA leaves it away.
    key = jax.random.fold_in(jax.random.key(0, impl="rbg"), count.astype(jnp.int32))
    slopes_of = jax.value_and_grad(net.loss, has_aux=True)
    (loss, running), slopes = slopes_of(params, running, rows, labels, key)
    if not adam:
        params = [p - lr * g for p, g in zip(params, slopes, strict=True)]
        return (params, running, m, v, count), loss
    count = count + 1
    m = [BETA1 * a + (1 - BETA1) * g for a, g in zip(m, slopes, strict=True)]
    v = [BETA2 * a + (1 - BETA2) * g * g for a, g in zip(v, slopes, strict=True)]
    rate, spread = lr / (1 - BETA1**count), jax.lax.rsqrt(1 - BETA2**count)
    params = [
        p - rate * a / (jnp.sqrt(b) * spread + EPS) for p, a, b in zip(params, m, v, strict=True)
    ]
    return (params, running, m, v, count), loss


class JaxJit(Peer):
    patches = False

    def __init__(self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int) -> None:
        net = Net(task, layers, patches=self.patches)
        self.params = net.params
        self.forward = jax.jit(net.forward)
        if not task.trains:
            return
        self.x, self.t = jnp.array(_channels_last(as_floats(x))), jnp.array(t, jnp.int32)
        slots = [jnp.zeros_like(p) for p in self.params] if task.optimizer == "adam" else []
        twins = [jnp.zeros_like(p) for p in slots]
        self.state = (self.params, net.running, slots, twins, jnp.zeros((), jnp.float32))
        self.step = partial(one_step, net, task.optimizer == "adam", task.lr)
        self.jitted = jax.jit(self.step, donate_argnums=0)

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        jitted, x, t, state, loss = self.jitted, self.x, self.t, self.state, None
        for indices in batches.astype(np.int32):
            state, loss = jitted(state, x, t, indices)
        self.state = jax.block_until_ready(state)
        return float(loss)  # type: ignore[arg-type]

    def scores(self, rows: Array) -> Array:
        return np.asarray(self.forward(self.params, jnp.array(_channels_last(rows))))

    def set_rows(self, rows: list[Array]) -> None:
        self.rows = [jnp.array(_channels_last(r)) for r in rows]

    def predict(self, calls: int) -> None:
        run, params, rows = self.forward, self.params, self.rows
        for call in range(calls):
            run(params, rows[call % len(rows)]).block_until_ready()


class JaxPatches(JaxJit):
    """Convolution as a product with patches, pooling as a maximum over axes: XLA's own are slow."""

    patches = True


class JaxScan(JaxPatches):
    """A chunk of steps in one jitted call; a block holds a whole number of chunks."""

    def __init__(self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int) -> None:
        super().__init__(task, layers, x, t, threads)
        self.chunk = 25 if task.flops() < MANY else 5

        def steps(state: Any, x: Any, t: Any, batches: Any) -> Any:
            return jax.lax.scan(lambda s, indices: self.step(s, x, t, indices), state, batches)

        self.scanned = jax.jit(steps, donate_argnums=0)

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        # Compiled once for each length; timed blocks hold whole chunks.
        state, losses = self.state, None
        for start in range(0, len(batches), self.chunk):
            part = batches[start : start + self.chunk].astype(np.int32)
            state, losses = self.scanned(state, self.x, self.t, part)
        self.state = jax.block_until_ready(state)
        return float(losses[-1])  # type: ignore[index]


def _channels_last(x: Array) -> Array:
    return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x
