"""From a plan to the native program: the only place where the two meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from zerokara import native
from zerokara._types import Array
from zerokara.engine.image_kernels import (
    ConvolutionUse,
    Correlate,
    CorrelateBack,
    Dropout,
    FilterGradient,
    FromImage,
    Pool,
    PoolBack,
    ToImage,
)
from zerokara.engine.norm_kernels import Normalize, NormalizeBack, NormUse, Rescale
from zerokara.engine.program import (
    Affine,
    AffineBack,
    AffineUse,
    Call,
    Entrywise,
    Gather,
    Kernel,
    Loss,
    Plan,
    Slot,
)
from zerokara.engine.segments import segments
from zerokara.errors import ArgumentError
from zerokara.network import Network

ACTIVATIONS = {"none": 0, "relu": 1, "sigmoid": 2, "tanh": 3}
LOSSES = {"softmax": 0, "sigmoid": 1, "identity": 2}
KINDS = {"rows": 0, "call": 0, "images": 1}
ENTRYWISE = {
    "activate": 0,
    "activate_back": 1,
    "softmax": 2,
    "softmax_back": 3,
    "add": 4,
    "multiply": 5,
    "curve": 6,
    "curve_back": 7,
}
CURVES = {"leaky_relu": 0, "elu": 1, "gelu": 2, "gelu_tanh": 3, "silu": 4, "softplus": 5}
Targets: TypeAlias = tuple[Array, Array | None]
"""The targets of a batch, and how much each of its samples counts (None: all alike)."""

MOST_BYTES = 2**46
"""More than any machine has; sizes beyond it would not fit the numbers that carry them."""


def assemble(net: Network, plan: Plan, state: list[Array]) -> Any:
    """The native program of a laid-out plan, on the network's own buffers."""
    kind = native.program_type(net.dtype)
    size = plan.arena_size * net.dtype.itemsize
    try:
        if size > MOST_BYTES:
            raise MemoryError
        program = kind(plan.max_rows, plan.arena_size, net.flat_params, net.flat_grads, state)
    except MemoryError:
        raise ArgumentError(
            f"compile_step: a program for batches of {plan.max_rows} rows needs {size:,} bytes, "
            "which this machine does not give; use a smaller batch size"
        ) from None
    program.locals(plan.local_size)
    numbers = {slot: _slot(program, plan, slot) for slot in plan.places}
    convolutions: dict[ConvolutionUse, int] = {}
    norms: dict[NormUse, int] = {}
    layers = _layers(program, plan, numbers)
    begins = {segment.kernels[0]: segment.kind for segment in segments(plan)}
    for place, kernel in enumerate(plan.kernels):
        if isinstance(kernel, Normalize | NormalizeBack):
            _sum_columns(program, kernel, numbers, norms)
        if kernel in begins:
            program.segment(KINDS[begins[kernel]])
        if isinstance(kernel, Gather):
            program.gather(kernel.source, numbers[kernel.out], _only_products_read(plan, kernel))
        elif isinstance(kernel, Affine):
            act = ACTIVATIONS[kernel.activation]
            norm = _norm(program, kernel.norm, norms)
            program.affine(layers[kernel.layer], numbers[kernel.x], numbers[kernel.out], act, norm)
        elif isinstance(kernel, AffineBack):
            y = -1 if kernel.y is None else numbers[kernel.y]
            act = ACTIVATIONS[kernel.activation]
            dout, dx = numbers[kernel.dout], numbers[kernel.dx]
            noise = -1 if kernel.noise is None else numbers[kernel.noise]
            program.affine_back(layers[kernel.layer], dout, dx, y, noise, act, kernel.factor)
        elif isinstance(kernel, Entrywise):
            b = -1 if kernel.b is None else numbers[kernel.b]
            act = ACTIVATIONS.get(kernel.activation, 0)
            curve = (CURVES.get(kernel.activation, 0), kernel.parameter)
            slots = (numbers[kernel.a], b, numbers[kernel.out])
            program.elementwise(ENTRYWISE[kernel.kind], *slots, act, *curve)
        elif isinstance(kernel, Loss):
            scores, gradient = numbers[kernel.scores], numbers[kernel.gradient]
            program.loss(LOSSES[kernel.kind], scores, gradient)
        elif isinstance(kernel, Call):
            program.call(place)
        elif isinstance(kernel, Normalize | NormalizeBack | Rescale):
            _on_columns(program, kernel, numbers, norms)
        elif isinstance(kernel, Correlate):
            norm = _norm(program, kernel.norm, norms)
            convolutions[kernel.use] = _correlate(program, kernel, numbers, norm)
        else:
            _on_images(program, kernel, numbers, convolutions)
    for each in plan.gradients:
        program.gradient(layers[each.layer], numbers[each.dout])
    for part in plan.ranges:
        program.update_range(part.offset, part.count)
    if not plan.training:
        assert plan.result is not None
        program.result(numbers[plan.result])
    return program


def _slot(program: Any, plan: Plan, slot: Slot) -> int:
    if slot.image is None:
        number = program.slot(*plan.places[slot], slot.columns)
    else:
        local = slot in plan.local
        number = program.image(*plan.places[slot], slot.shape, *plan.lays[slot], local)
    return int(number)


def _norm(program: Any, kernel: Kernel | None, norms: dict[NormUse, int]) -> int:
    """The number of a batch normalization, which is made at its first kernel; -1 for none."""
    if kernel is None:
        return -1
    assert isinstance(kernel, Normalize | NormalizeBack | Rescale)
    use = kernel.use
    if use not in norms:
        numbers = (use.momentum, 1 - use.momentum, use.eps)
        norms[use] = program.normalization(use.gamma, use.beta, use.mean, use.variance, *numbers)
    return norms[use]


def _sum_columns(
    program: Any,
    kernel: Normalize | NormalizeBack,
    numbers: dict[Slot, int],
    norms: dict[NormUse, int],
) -> None:
    """What the segment in front of a batch normalization ends with."""
    norm = _norm(program, kernel, norms)
    if isinstance(kernel, NormalizeBack):
        program.column_sums(norm, numbers[kernel.dout], numbers[kernel.normal])
    else:
        program.column_sums(norm, numbers[kernel.x], -1)


def _on_columns(
    program: Any,
    kernel: Normalize | NormalizeBack | Rescale,
    numbers: dict[Slot, int],
    norms: dict[NormUse, int],
) -> None:
    norm = _norm(program, kernel, norms)
    if isinstance(kernel, NormalizeBack):
        dx = -1 if kernel.dx is None else numbers[kernel.dx]
        program.normalize_back(norm, numbers[kernel.dout], numbers[kernel.normal], dx)
        return
    act = ACTIVATIONS[kernel.activation]
    if isinstance(kernel, Rescale):
        program.rescale(norm, numbers[kernel.x], numbers[kernel.out], act)
    else:
        slots = (numbers[kernel.x], numbers[kernel.normal], numbers[kernel.out])
        program.normalize(norm, *slots, act)


def _correlate(program: Any, kernel: Correlate, numbers: dict[Slot, int], norm: int) -> int:
    """Make a convolution and its forward call; its number."""
    use, w = kernel.use, kernel.use.window
    shapes = (use.given, use.out, w.size, w.stride, w.pad, w.dilation)
    conv = program.convolution(use.weights, use.bias, numbers[kernel.x], *shapes)
    call = (conv, numbers[kernel.out], ACTIVATIONS[kernel.activation], norm)
    if (pool := kernel.pooled) is None:
        program.correlate(*call)
    else:
        winner = -1 if pool.winner is None else numbers[pool.winner]
        program.correlate_pooled(*call, pool.x.shape, pool.out.shape[1:], numbers[pool.out], winner)
    return int(conv)


def _on_images(
    program: Any, kernel: Kernel, numbers: dict[Slot, int], convolutions: dict[ConvolutionUse, int]
) -> None:
    """One kernel of image_kernels.py."""

    def number(slot: Slot | None) -> int:
        return -1 if slot is None else numbers[slot]

    if isinstance(kernel, ToImage):
        program.to_image(number(kernel.x), number(kernel.out))
    elif isinstance(kernel, FromImage):
        program.from_image(number(kernel.x), number(kernel.out))
    elif isinstance(kernel, CorrelateBack):
        slots = (number(kernel.dout), number(kernel.dx), number(kernel.y))
        program.correlate_back(convolutions[kernel.use], *slots, ACTIVATIONS[kernel.activation])
    elif isinstance(kernel, FilterGradient):
        back = kernel.pooled
        dout, name = (kernel.dout, "none") if back is None else (back.dout, back.activation)
        pooled = (None, None) if back is None else (back.pool.winner, back.y)
        conv = convolutions[kernel.use]
        program.filter_gradient(conv, number(dout), *map(number, pooled), ACTIVATIONS[name])
    elif isinstance(kernel, Pool):
        slots = (number(kernel.x), number(kernel.out), number(kernel.winner))
        program.pool(*_window(kernel), *slots)
    elif isinstance(kernel, PoolBack):
        pool = kernel.pool
        places = (kernel.dout, kernel.dx, pool.winner, kernel.y)
        act = ACTIVATIONS[kernel.activation]
        program.pool_back(*_window(pool), *map(number, places), act)
    elif isinstance(kernel, Dropout):
        slots = (number(kernel.x), number(kernel.out), number(kernel.noise))
        program.dropout(*slots, kernel.ratio, kernel.factor, kernel.state)
    else:
        raise AssertionError(f"no way to assemble {kernel}")


def _window(pool: Pool) -> tuple[Any, ...]:
    w = pool.window
    return (pool.greatest, pool.x.shape, pool.out.shape[1:], w.size, w.stride, w.pad)


def python_calls(
    net: Network, plan: Plan, program: Any, targets: Callable[[], Targets] | None
) -> Callable[[int, int], None] | None:
    """What the program calls for layers without kernels: f(place of the kernel, rows)."""
    if not any(isinstance(kernel, Call) for kernel in plan.kernels):
        return None
    arena, losses = program.arena(), program.losses()
    training = targets is not None

    def view(slot: Slot, rows: int) -> Array:
        start, row = plan.places[slot]
        block: Array = arena[start : start + rows * row].reshape(rows, row)[:, : slot.columns]
        return block.reshape(rows, *slot.shape)

    def given(value: Slot | float, rows: int) -> Array:
        if not isinstance(value, Slot):
            return np.asarray(value, net.dtype)
        array = view(value, rows)
        array.flags.writeable = False  # a layer must not write into what it is given
        return array

    def put(slot: Slot | None, value: Array, rows: int) -> None:
        if slot is not None:
            start, row = plan.places[slot]
            block = arena[start : start + rows * row].reshape(rows, row)
            block[:, : slot.columns] = np.reshape(value, (rows, slot.columns))

    def call(place: int, rows: int) -> None:
        kernel = plan.kernels[place]
        assert isinstance(kernel, Call)
        inputs = [given(value, rows) for value in kernel.inputs]
        if kernel.direction == "forward":
            put(kernel.outputs[0], kernel.layer.forward(*inputs, training=training), rows)
        elif kernel.direction == "backward":
            gradients = kernel.layer.backward(*inputs)
            if not isinstance(gradients, tuple):
                gradients = (gradients,)
            for slot, gradient in zip(kernel.outputs, gradients, strict=True):
                put(slot, gradient, rows)
        else:
            assert targets is not None
            t, weight = targets()
            options = {} if weight is None else {"sample_weight": weight}
            losses[:rows] = kernel.layer.forward(*inputs, t, training=True, **options)
            put(kernel.outputs[0], kernel.layer.backward(1.0), rows)

    return call


def _layers(program: Any, plan: Plan, numbers: dict[Slot, int]) -> dict[AffineUse, int]:
    back = {kernel.layer for kernel in plan.kernels if isinstance(kernel, AffineBack)}
    return {
        kernel.layer: program.layer(
            kernel.layer.weights,
            kernel.layer.bias,
            kernel.layer.inputs,
            kernel.layer.outputs,
            numbers[kernel.x],
            kernel.layer in back,
        )
        for kernel in plan.kernels
        if isinstance(kernel, Affine)
    }


def _only_products_read(plan: Plan, gather: Gather) -> bool:
    """Whether rows may be read where the user keeps them: other kernels read past their end."""
    readers = [kernel for kernel in plan.kernels if gather.out in kernel.reads()]
    return plan.result is not gather.out and all(
        isinstance(reader, Affine | ToImage) for reader in readers
    )
