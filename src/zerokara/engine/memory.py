"""The arena: one block of memory in which every slot has its place before anything runs.

A place is used again only by slots whose rows lie equally far apart. Threads work on different
rows at different kernels, and a row must then never lie on another row's bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from zerokara.engine.program import Call, Plan, Slot

PADDING = 32
"""Rows are whole multiples of so many numbers: two of the widest vectors of float32."""

CACHE_STRIDE = 1024
"""Rows that are a multiple of so many bytes apart would share a few sets of the cache."""

LINE = 64


@dataclass
class _Place:
    start: int
    row: int
    free_after: int  #: the place of the last kernel that needs what is there


def row_length(columns: int, itemsize: int) -> int:
    """Numbers from one row to the next: whole vectors, and not a multiple of CACHE_STRIDE bytes."""
    row = -(-columns // PADDING) * PADDING
    return row + LINE // itemsize if row * itemsize % CACHE_STRIDE == 0 else row


def lay_out(plan: Plan, max_rows: int, itemsize: int) -> None:
    """Give every slot of the plan its place, and the arena its size."""
    plan.max_rows = max_rows
    last = _last_uses(plan)
    places: list[_Place] = []
    plan.places.clear()
    end = 0
    for now, kernel in enumerate(plan.kernels):
        for slot in [*kernel.reads(), *kernel.writes()]:
            if slot in plan.places:
                continue
            row = row_length(slot.columns, itemsize)
            free = [p for p in places if p.row == row and p.free_after < now]
            if not free:
                free = [_Place(end, row, -1)]
                places += free
                end += row * max_rows
            free[0].free_after = last[slot]
            plan.places[slot] = (free[0].start, row)
    plan.arena_size = end


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
