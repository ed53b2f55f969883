"""An optimizer's numbers as the native core takes them."""

from __future__ import annotations

from typing import Any

from zerokara import native
from zerokara.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    Optimizer,
    RMSProp,
)

KINDS: dict[type[Optimizer], int] = {
    SGD: 0,
    Momentum: 1,
    Nesterov: 2,
    AdaGrad: 3,
    RMSProp: 4,
    Adam: 5,
    AdamW: 5,
}
"""By exact type: a subclass may have another formula."""


def has_kernel(optimizer: Optimizer) -> bool:
    """Whether the native core knows this optimizer's formula."""
    return type(optimizer) in KINDS


def settings(optimizer: Optimizer) -> Any:
    """The optimizer as it stands now; `steps` counts the updates made before."""
    first = {Momentum: "momentum", Nesterov: "momentum", RMSProp: "decay"}
    kind = type(optimizer)
    return native.optimizer_settings(
        KINDS[kind],
        optimizer.lr,
        optimizer.weight_decay,
        optimizer.clip_norm or 0.0,
        optimizer.decoupled,
        float(getattr(optimizer, first.get(kind, "beta1"), 0.0)),
        float(getattr(optimizer, "beta2", 0.0)),
        float(getattr(optimizer, "eps", 0.0)),
        optimizer.steps,
    )
