"""A plan in words: what `print(step.program)` shows."""

from __future__ import annotations

from zerokara.engine.image_kernels import FilterGradient
from zerokara.engine.program import Call, Gradient, Plan, Range
from zerokara.network import Network


class ProgramText(str):
    """A text that shows itself in a console without `print`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def describe(
    net: Network,
    plan: Plan,
    isa: str,
    packed: int,
    zeros: tuple[bool, bool],
    optimizer: str | None,
) -> ProgramText:
    """Kernels in the order in which they run, slots with their shapes, and the memory they take.

    `zeros`: whether zeros of the data are left out of forward products, and of weight gradients.
    """
    size = net.dtype.itemsize
    goal = "one training step" if optimizer else "inference"
    lines = [
        f"program: {goal} of {net!r}, {net.dtype}, up to {plan.max_rows} rows, kernels for {isa}"
    ]
    lines += [f"  {i:2d}  {kernel.words()}" for i, kernel in enumerate(plan.kernels, 1)]
    after: list[Gradient | Range] = [*plan.gradients, *plan.ranges]
    filters = [kernel.use for kernel in plan.kernels if isinstance(kernel, FilterGradient)]
    words = [f"{use.name}: update of {use.filters} and b from their parts' sums" for use in filters]
    words += [each.words() for each in after]
    if words:
        lines.append(f"then, block by block while it is in the cache ({optimizer}):")
        lines += [f"  {i:2d}  {text}" for i, text in enumerate(words, len(plan.kernels) + 1)]
    lines.append("slots (one row a sample):")
    for slot, (start, row) in plan.places.items():
        where = ", one a thread" if slot in plan.local else ""
        lines.append(f"  {slot.name} {slot.shape}: rows of {row} from byte {start * size:,}{where}")
    lines.append(f"fused: {len(plan.fused)}")
    lines += [f"  {text}" for text in plan.fused]
    calls = sum(isinstance(kernel, Call) for kernel in plan.kernels)
    lines.append(f"Python calls: {calls}")
    left_out = [words for words, is_so in zip(("x W", "dW"), zeros, strict=True) if is_so]
    if left_out:
        lines.append(f"zeros of the data, as last looked at: left out of {' and '.join(left_out)}")
    memory = f"memory: arena {plan.arena_size * size:,} bytes"
    if plan.local_size:
        memory += f", each thread {plan.local_size * size:,} bytes"
    lines.append(f"{memory}, packed weights {packed * size:,} bytes")
    return ProgramText("\n".join(lines))
