"""Weight decay as the book has it (6.4.2): a penalty on the weights as part of the loss.

The loss grows by 0.5 * decay * sum(W**2) over all W, and the gradient of each W by decay * W;
biases and normalizations are left alone. An optimizer's own `weight_decay` pulls at every
parameter and does not show in the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.initializers import Initializer
from zerokara.layers import Affine, SoftmaxWithLoss


class DecayedAffine(Affine):
    """Affine whose gradient of W has the penalty's part in it, decay * W.

    It belongs under a `DecayedSoftmaxWithLoss`, which says at each backward pass that the penalty
    counts; the gradient of the scores alone is that of an Affine. Being classes of their own,
    neither is taken for the plain one by the engine.
    """

    def __init__(
        self, outputs: int, init: str | float | Initializer | None = None, decay: float = 0.0
    ) -> None:
        super().__init__(outputs, init)
        self.decay = decay
        self.dpenalty: Array | float = 0.0  # the gradient that reached the penalty

    def forward(self, x: Array, *, training: bool = False) -> Array:
        self.dpenalty = 0.0
        return super().forward(x, training=training)

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        self.grads["W"] = self.grads["W"] + float(self.dpenalty) * self.decay * self.W
        return dx

    def config(self) -> dict[str, Any]:
        return {**super().config(), "decay": self.decay}


class DecayedSoftmaxWithLoss(SoftmaxWithLoss):
    """Softmax with cross-entropy, and the penalty of all these layers beside it."""

    def __init__(self, layers: Sequence[DecayedAffine]) -> None:
        super().__init__()
        self.decayed = tuple(layers)
        self.plain = False

    def forward(
        self, x: Array, t: Array, *, training: bool = False, sample_weight: Any = None
    ) -> Array:
        loss = super().forward(x, t, training=training, sample_weight=sample_weight)
        penalty = sum(0.5 * layer.decay * np.square(layer.W).sum() for layer in self.decayed)
        return np.asarray(loss + penalty, x.dtype)[()]

    def backward(self, dout: Array | float = 1.0) -> Array:
        for layer in self.decayed:
            layer.dpenalty = dout
        return super().backward(dout)

    def config(self) -> dict[str, Any]:
        return {"decay": self.decayed[0].decay}


def affine_and_loss(
    sizes: Sequence[int], init: str | float, decay: float
) -> tuple[list[Affine], SoftmaxWithLoss]:
    """Affine layers of these sizes, and the loss that goes with them."""
    if not decay:
        return [Affine(size, init) for size in sizes], SoftmaxWithLoss()
    decayed = [DecayedAffine(size, init, decay) for size in sizes]
    return list(decayed), DecayedSoftmaxWithLoss(decayed)
