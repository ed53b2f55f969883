"""JAX: one jitted step that is given the indices, or a jitted scan over many steps."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from harness.tasks import Arrays, Task

from peers.base import Array, Peer, as_floats

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
MANY = 10**9  # FLOPs of a step so long that no one cares how many go into one call


def forward(params: list[Any], x: Any) -> Any:
    for W, b in zip(params[:-2:2], params[1:-2:2], strict=True):
        x = jax.nn.relu(x @ W + b)
    return x @ params[-2] + params[-1]


def batch_loss(params: list[Any], x: Any, t: Any) -> Any:
    chosen = jax.nn.log_softmax(forward(params, x))
    return -jnp.take_along_axis(chosen, t[:, None], axis=1).mean()


def one_step(adam: bool, lr: float, state: Any, x: Any, t: Any, indices: Any) -> Any:
    """(params, m, v, count) after one step, and the loss."""
    params, m, v, count = state
    rows = x.at[indices].get(mode="promise_in_bounds")
    labels = t.at[indices].get(mode="promise_in_bounds")
    loss, slopes = jax.value_and_grad(batch_loss)(params, rows, labels)
    if not adam:
        return ([p - lr * g for p, g in zip(params, slopes, strict=True)], m, v, count), loss
    count = count + 1
    m = [BETA1 * a + (1 - BETA1) * g for a, g in zip(m, slopes, strict=True)]
    v = [BETA2 * a + (1 - BETA2) * g * g for a, g in zip(v, slopes, strict=True)]
    rate, spread = lr / (1 - BETA1**count), jax.lax.rsqrt(1 - BETA2**count)
    params = [
        p - rate * a / (jnp.sqrt(b) * spread + EPS) for p, a, b in zip(params, m, v, strict=True)
    ]
    return (params, m, v, count), loss


class JaxJit(Peer):
    def __init__(self, task: Task, weights: Arrays, x: Array, t: Array, threads: int) -> None:
        params = [jnp.array(w) for w in weights]
        self.params = params
        self.forward = jax.jit(forward)
        if not task.trains:
            return
        self.x, self.t = jnp.array(as_floats(x)), jnp.array(t, jnp.int32)
        slots = [jnp.zeros_like(p) for p in params] if task.optimizer == "adam" else []
        twins = [jnp.zeros_like(p) for p in slots]
        self.state = (params, slots, twins, jnp.zeros((), jnp.float32))
        self.step = partial(one_step, task.optimizer == "adam", task.lr)
        self.jitted = jax.jit(self.step, donate_argnums=0)

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        jitted, x, t, state, loss = self.jitted, self.x, self.t, self.state, None
        for indices in batches.astype(np.int32):
            state, loss = jitted(state, x, t, indices)
        self.state = jax.block_until_ready(state)
        return float(loss)  # type: ignore[arg-type]

    def scores(self, rows: Array) -> Array:
        return np.asarray(self.forward(self.params, jnp.array(rows)))

    def set_rows(self, rows: list[Array]) -> None:
        self.rows = [jnp.array(r) for r in rows]

    def predict(self, calls: int) -> None:
        run, params, rows = self.forward, self.params, self.rows
        for call in range(calls):
            run(params, rows[call % len(rows)]).block_until_ready()


class JaxScan(JaxJit):
    """A chunk of steps in one jitted call; a block holds a whole number of chunks."""

    def __init__(self, task: Task, weights: Arrays, x: Array, t: Array, threads: int) -> None:
        super().__init__(task, weights, x, t, threads)
        self.chunk = 25 if task.flops < MANY else 5

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
