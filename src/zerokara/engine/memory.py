"""The arena: one block of memory in which every slot has its place before anything runs.

A place is used again only by slots whose rows lie equally far apart. Threads work on different
rows at different kernels, and a row must then never lie on another row's bytes. An image with a
border has its place for itself: kernels write the image alone, and the zeros around it stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from zerokara.engine.image_kernels import Correlate, FilterGradient, ToImage
from zerokara.engine.program import Call, Plan, Slot
from zerokara.engine.segments import local_slots

PADDING = 32
"""A row has room for a whole multiple of so many numbers: two of the widest vectors of float32."""

LINE = 64
"""Bytes of a line of the cache; PADDING numbers are an even number of lines."""


@dataclass
class _Place:
    start: int
    row: int
    free_after: int  #: the place of the last kernel that needs what is there


def row_length(columns: int, itemsize: int) -> int:
    """Numbers from one row to the next: whole vectors, and an odd number of the cache's lines.

    A product goes down a column of such rows, line by line. An even number of lines apart, they
    would share half of the cache's sets or fewer.
    """
    return -(-columns // PADDING) * PADDING + LINE // itemsize


def lay_out(plan: Plan, max_rows: int, itemsize: int, lanes: int) -> None:
    """Give every slot of the plan its place, and the arena its size; a vector holds `lanes`."""
    plan.max_rows = max_rows
    last = _last_uses(plan)
    places: dict[bool, list[_Place]] = {True: [], False: []}
    end = {True: 0, False: 0}
    plan.places.clear()
    plan.local = local_slots(plan)
    _lay_images(plan, lanes)
    for now, kernel in enumerate(plan.kernels):
        for slot in [*kernel.reads(), *kernel.writes()]:
            if slot in plan.places:
                continue
            row = row_length(_numbers(plan, slot), itemsize)
            alone = slot.image is not None and slot.image.border != (0, 0)
            local = slot in plan.local
            free = [p for p in places[local] if p.row == row and p.free_after < now and not alone]
            if not free:
                free = [_Place(end[local], row, -1)]
                places[local] += free
                end[local] += row if local else row * max_rows
            free[0].free_after = len(plan.kernels) if alone else last[slot]
            plan.places[slot] = (free[0].start, row)
    plan.arena_size, plan.local_size = end[False], end[True]


def _lay_images(plan: Plan, lanes: int) -> None:
    """How each image lies in its row; a pixel is whole vectors, unless numbers are read singly."""
    writers = {slot: kernel for kernel in plan.kernels for slot in kernel.writes()}
    in_vectors = {
        slot
        for kernel in plan.kernels
        if not isinstance(kernel, Correlate)
        for slot in kernel.reads()[1 if isinstance(kernel, FilterGradient) else 0 :]
    }
    plan.lays.clear()
    for slot in plan.slots():
        if slot.image is None:
            continue
        channels, _, width = slot.shape
        singly = slot not in in_vectors and isinstance(writers[slot], ToImage)
        pixel = channels if singly else -(-channels // lanes) * lanes
        above, left = slot.image.border
        line = (width + 2 * left) * pixel
        plan.lays[slot] = (above * line + left * pixel, line, pixel)


def _numbers(plan: Plan, slot: Slot) -> int:
    """Numbers of one row, an image's border and the padding of its pixels among them."""
    if slot.image is None:
        return slot.columns
    return (slot.shape[1] + 2 * slot.image.border[0]) * plan.lays[slot][1]


def _last_uses(plan: Plan) -> dict[Slot, int]:
    last: dict[Slot, int] = {}
    for now, kernel in enumerate(plan.kernels):
        for slot in [*kernel.reads(), *kernel.writes()]:
            last[slot] = max(now, last.get(slot, now))
        if isinstance(kernel, Call) and plan.training:
            # A layer may keep what it was given until its backward, wherever that is.
            last.update(dict.fromkeys(kernel.reads(), len(plan.kernels)))
    # Gradients come after all kernels, and the result is fetched after that.
    for gradient in plan.gradients:
        last[gradient.x] = last[gradient.dout] = len(plan.kernels)
    if plan.result is not None:
        last[plan.result] = len(plan.kernels)
    return last
