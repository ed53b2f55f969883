"""Fusion: neighbours in the list of kernels that one kernel does in one pass.

A pattern is a function of two kernels that gives the one that replaces them, or None. What the
first writes must be read by the second alone; it is then never written to memory at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from typing import TypeAlias

from zerokara.engine.image_kernels import (
    Correlate,
    CorrelateBack,
    Dropout,
    FilterGradient,
    Pool,
    PoolBack,
)
from zerokara.engine.norm_kernels import Normalize, Rescale
from zerokara.engine.program import Affine, AffineBack, Entrywise, Kernel, Plan, Slot

Pattern: TypeAlias = Callable[[Kernel, Kernel], Kernel | None]


def affine_then_activation(first: Kernel, second: Kernel) -> Kernel | None:
    """The activation is applied to a tile of the product while it is in registers."""
    if (
        isinstance(first, Affine)
        and first.activation == "none"
        and isinstance(second, Entrywise)
        and second.kind == "activate"
    ):
        return Affine(first.layer, first.x, second.out, second.activation, first.norm)
    return None


def back_then_noise(first: Kernel, second: Kernel) -> Kernel | None:
    """Dropout's noise is applied to a tile of dout W^T while it is near."""
    if (
        isinstance(first, AffineBack)
        and first.y is None
        and first.noise is None
        and isinstance(second, Entrywise)
        and second.kind == "multiply"
        and second.a is first.dx
        and second.b is not first.dx
    ):
        return AffineBack(first.layer, first.dout, second.out, noise=second.b)
    return None


def back_then_activation(first: Kernel, second: Kernel) -> Kernel | None:
    """The activation's gradient is applied to a tile of dout W^T while it is in registers."""
    if (
        isinstance(first, AffineBack)
        and first.y is None
        and isinstance(second, Entrywise)
        and second.kind == "activate_back"
        and second.a is first.dx
    ):
        by = (second.b, second.activation, first.noise)
        return AffineBack(first.layer, first.dout, second.out, *by)
    return None


def correlate_then_activation(first: Kernel, second: Kernel) -> Kernel | None:
    """The activation is applied to a tile of the convolution while it is in registers."""
    if (
        isinstance(first, Correlate)
        and first.activation == "none"
        and first.pooled is None
        and isinstance(second, Entrywise)
        and second.kind == "activate"
    ):
        return Correlate(first.use, first.x, second.out, second.activation, first.norm)
    return None


def correlate_then_greatest(first: Kernel, second: Kernel) -> Kernel | None:
    """Four results are compared as they are computed, or while their lines are near."""
    if (
        isinstance(first, Correlate)
        and first.pooled is None
        and isinstance(second, Pool)
        and in_fours(second)
    ):
        return Correlate(first.use, first.x, first.out, first.activation, first.norm, second)
    return None


def in_fours(pool: Pool) -> bool:
    """Whether it takes the greatest of each 2x2."""
    window = pool.window
    return (
        pool.greatest and window.size == (2, 2) and window.stride == (2, 2) and window.pad == (0, 0)
    )


def product_then_rescale(first: Kernel, second: Kernel) -> Kernel | None:
    """A batch normalization in inference scales the product's columns, and shifts its bias."""
    if not isinstance(second, Rescale):
        return None
    if isinstance(first, Affine) and first.activation == "none" and first.norm is None:
        return Affine(first.layer, first.x, second.out, norm=second)
    if (
        isinstance(first, Correlate)
        and first.activation == "none"
        and first.norm is None
        and first.pooled is None
    ):
        return Correlate(first.use, first.x, second.out, norm=second)
    return None


def normalize_then_activation(first: Kernel, second: Kernel) -> Kernel | None:
    """The activation is applied as a normalized column is written."""
    if (
        isinstance(first, Normalize | Rescale)
        and first.activation == "none"
        and isinstance(second, Entrywise)
        and second.kind == "activate"
        and second.a is first.out
    ):
        if isinstance(first, Rescale):
            return Rescale(first.use, first.x, second.out, second.activation)
        return Normalize(first.use, first.x, first.normal, second.out, second.activation)
    return None


def image_back_then_activation(first: Kernel, second: Kernel) -> Kernel | None:
    """The activation's gradient is applied as the gradient of its output is written."""
    if (
        not isinstance(first, CorrelateBack | PoolBack)
        or first.y is not None
        or not isinstance(second, Entrywise)
        or second.kind != "activate_back"
        or second.a is not first.dx
    ):
        return None
    if isinstance(first, CorrelateBack):
        return CorrelateBack(first.use, first.dout, second.out, second.b, second.activation)
    y, pool = second.b, first.pool
    if pool.greatest and y is not pool.x:
        return None
    # A gradient only goes to the greatest of a window, and the pooled number is what that was: the
    # activation's own output, four times as large, need not be kept.
    return PoolBack(
        pool, first.dout, second.out, pool.out if pool.greatest else y, second.activation
    )


PATTERNS: list[Pattern] = [
    affine_then_activation,
    back_then_noise,
    back_then_activation,
    product_then_rescale,
    normalize_then_activation,
    correlate_then_activation,
    correlate_then_greatest,
    image_back_then_activation,
]
"""A new fused pattern is one function above and its name here."""


def fuse(plan: Plan) -> None:
    """Apply every pattern wherever it fits, until none does."""
    while _fuse_once(plan):
        pass
    for kernel in plan.kernels:
        if isinstance(kernel, Dropout) and kernel.noise is not None:
            _drop_in_place(plan, kernel)
    for kernel in list(plan.kernels):
        if isinstance(kernel, FilterGradient):
            _gradient_of_pooled(plan, kernel)


def _drop_in_place(plan: Plan, dropout: Dropout) -> None:
    """Behind ReLU, what was dropped is told by its output, 0, as what ReLU stopped is.

    Neither lets a gradient through; so the noise need not be kept, nor ReLU's own output.
    """
    users = [k for k in plan.kernels if dropout.noise in k.reads()]
    readers = [k for k in plan.kernels if dropout.x in k.reads()]
    if len(users) != 1 or not isinstance(users[0], AffineBack) or _uses(plan)[dropout.x] != 2:
        return
    back, x, out = users[0], dropout.x, dropout.out
    if back.activation != "relu" or back.y is not x or readers != [dropout, back]:
        return
    for kernel in plan.kernels:
        for each in fields(kernel):
            if getattr(kernel, each.name) is x:
                setattr(kernel, each.name, out)
    dropout.noise = back.noise = None
    back.factor = dropout.factor
    plan.fused.append(f"{dropout.name} in place; its noise and {back.activation}'")


def _gradient_of_pooled(plan: Plan, gradient: FilterGradient) -> None:
    """Of 2x2 results only the greatest has a gradient: the other three are never multiplied."""
    writers = [kernel for kernel in plan.kernels if gradient.dout in kernel.writes()]
    back = writers[0]
    if len(writers) > 1 or not isinstance(back, PoolBack) or not in_fours(back.pool):
        return
    shape, pooled = back.dx.shape, back.dout.shape
    if shape[1:] != (2 * pooled[1], 2 * pooled[2]):
        return
    gradient.pooled = back
    plan.fused.append(f"{back.words()}; {gradient.use.name}: d{gradient.use.filters}")
    if _uses(plan)[gradient.dout] == 0:
        plan.kernels.remove(back)


def _fuse_once(plan: Plan) -> bool:
    uses = _uses(plan)
    for place, first in enumerate(plan.kernels[:-1]):
        second = plan.kernels[place + 1]
        between = [slot for slot in first.writes() if slot in second.reads()]
        if len(between) != 1 or uses[between[0]] != 1:
            continue
        for pattern in PATTERNS:
            one = pattern(first, second)
            if one is not None:
                plan.kernels[place : place + 2] = [one]
                plan.fused.append(f"{first.words()}; {second.words()}")
                return True
    return False


def _uses(plan: Plan) -> Counter[Slot]:
    """How often each slot is read, by kernels, by gradients and as the result."""
    uses = Counter(slot for kernel in plan.kernels for slot in kernel.reads())
    uses.update(slot for gradient in plan.gradients for slot in (gradient.x, gradient.dout))
    if plan.result is not None:
        uses[plan.result] += 1
    return uses
