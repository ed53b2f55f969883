"""Which kernels run together: each thread takes its samples through all of a segment's kernels.

Images go through one sample at a time; rows in chunks, since a product of one row is slow. A Python
call takes the whole batch. Batch normalization ends a segment, for its sums are those of all rows,
and begins the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from zerokara.engine.image_kernels import (
    Correlate,
    CorrelateBack,
    FilterGradient,
    FromImage,
    Pool,
    PoolBack,
    ToImage,
)
from zerokara.engine.norm_kernels import Normalize, NormalizeBack, Rescale
from zerokara.engine.program import Call, Entrywise, Gather, Kernel, Plan, Slot

ON_IMAGES = (Correlate, CorrelateBack, FilterGradient, FromImage, Pool, PoolBack, ToImage)


@dataclass(eq=False)
class Segment:
    """Neighbours in the list of kernels, of one kind: 'images', 'rows' or 'call'."""

    kind: str
    kernels: list[Kernel] = field(default_factory=list)


def segments(plan: Plan) -> list[Segment]:
    """The plan's kernels, cut where their kind changes; drawing the batch fits before both."""
    made: list[Segment] = []
    drawn: list[Kernel] = []
    for kernel in plan.kernels:
        if isinstance(kernel, Gather):
            drawn.append(kernel)
            continue
        kind = _kind(kernel)
        waits = isinstance(kernel, Normalize | NormalizeBack)
        if drawn or waits or not made or made[-1].kind != kind or kind == "call":
            if drawn and (waits or kind == "call"):
                made.append(Segment("rows", drawn))
                drawn = []
            made.append(Segment(kind, drawn))
            drawn = []
        made[-1].kernels.append(kernel)
    if drawn:
        made.append(Segment("rows", drawn))
    return made


def _kind(kernel: Kernel) -> str:
    if isinstance(kernel, Call):
        return "call"
    if isinstance(kernel, Normalize | NormalizeBack):
        return "rows" if kernel.normal.image is None else "images"
    on_image = isinstance(kernel, Entrywise | Rescale) and kernel.out.image is not None
    return "images" if on_image or isinstance(kernel, ON_IMAGES) else "rows"


def local_slots(plan: Plan) -> set[Slot]:
    """Images that are made and used up within one segment: a thread needs one row of them."""
    homes: dict[Slot, set[int]] = {}
    for place, segment in enumerate(segments(plan)):
        for kernel in segment.kernels:
            for slot in [*kernel.reads(), *kernel.writes()]:
                homes.setdefault(slot, set()).add(place)
    images = {place for place, segment in enumerate(segments(plan)) if segment.kind == "images"}
    return {
        slot
        for slot, where in homes.items()
        if slot.image is not None and len(where) == 1 and where <= images
    }
