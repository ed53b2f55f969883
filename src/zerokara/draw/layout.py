"""Where the boxes of a picture stand: in columns from left to right, wrapped into bands.

After Sugiyama, Tagawa and Toda 1981: a column for each longest way from the inputs, places held
free where a long arrow passes a column, an order within columns by the mean place of what an item
is tied to. docs/decisions/0011 says why it is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from zerokara.draw.boxes import SMALL, Picture
from zerokara.draw.text import width_of

WIDEST = 1080.0
MARGIN, GAP, APART, STEP = 22.0, 38.0, 26.0, 11.0
LABEL = 21.0  # what a value or a gradient takes above or below its line
SWEEPS = 6

Point = tuple[float, float]


@dataclass(eq=False)
class Item:
    """A box in its column, or the place where an arrow passes one (`box` is None)."""

    box: int | None
    rank: int
    column: int
    width: float = 0.0
    height: float = 0.0
    label: float = 0.0
    before: list[Item] = field(default_factory=list)
    after: list[Item] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0
    line_end: float = 0.0


@dataclass
class Layout:
    """Corners and lines, in pixels: `places` are left edge and middle of each box."""

    width: float
    height: float
    places: list[Point]
    labels: list[Point]
    lines: list[list[Point]]  # of an arrow: level, bend, level
    heads: list[Point]
    wraps: list[list[Point]]  # from the end of a band to the begin of the next, with corners


def lay_out(picture: Picture) -> Layout:
    """Places for all boxes and lines; the same picture always gives the same ones."""
    columns = _columns(picture)
    _order(columns)
    _rows(columns)
    return _bands(picture, columns)


def _columns(picture: Picture) -> list[list[Item]]:
    sources: dict[int, list[int]] = {}
    readers: dict[int, list[int]] = {}
    for source, target in dict.fromkeys(picture.arrows):
        sources.setdefault(target, []).append(source)
        readers.setdefault(source, []).append(target)
    column: dict[int, int] = {}
    for i in range(len(picture.boxes)):
        column[i] = max((column[s] + 1 for s in sources.get(i, [])), default=0)
    for i in range(len(picture.boxes)):
        if i not in sources and i in readers:  # an input stands beside what reads it first
            column[i] = min(column[r] for r in readers[i]) - 1
    items = []
    for i, box in enumerate(picture.boxes):
        words = max(width_of(box.above, SMALL, bold=True), width_of(box.below, SMALL, bold=True))
        high = max(box.height, 2 * LABEL if words else 8.0)
        items.append(Item(i, i, column[i], box.width, high, words + 16 if words else 14.0))
    columns: list[list[Item]] = [[] for _ in range(max(column.values()) + 1)]
    for item in items:
        columns[item.column].append(item)
    for i, targets in readers.items():
        passing = items[i]
        for target in sorted(targets, key=lambda t: (column[t], t)):
            # One line for all readers of a value: it goes on where the nearer one branched off.
            while passing.column < column[target] - 1:
                free = Item(None, i, passing.column + 1, height=12.0)
                _tie(passing, free)
                columns[free.column].append(free)
                passing = free
            _tie(passing, items[target])
    for target, given in sources.items():
        order = {s: place for place, s in enumerate(given)}
        items[target].before.sort(key=lambda item: order[item.rank])
    for each in columns:
        each.sort(key=lambda item: (item.box is None, item.rank))
    return columns


def _tie(source: Item, target: Item) -> None:
    source.after.append(target)
    target.before.append(source)


def _order(columns: list[list[Item]]) -> None:
    """Sweeps to and fro; the order of the fewest crossings stays, the first of equals."""
    best, fewest = [list(column) for column in columns], _crossings(columns)
    for sweep in range(SWEEPS if fewest else 0):
        forward = sweep % 2 == 0
        place = {item: i for column in columns for i, item in enumerate(column)}
        for column in columns if forward else reversed(columns):
            means = {}
            for i, item in enumerate(column):
                tied = item.before if forward else item.after
                means[item] = sum(place[t] for t in tied) / len(tied) if tied else float(i)
            column.sort(key=means.__getitem__)
            place.update((item, i) for i, item in enumerate(column))
        crossings = _crossings(columns)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    columns[:] = best


def _crossings(columns: list[list[Item]]) -> int:
    total = 0
    for left, right in pairwise(columns):
        place = {item: i for i, item in enumerate(right)}
        ends = [place[t] for item in left for t in sorted(item.after, key=place.__getitem__)]
        total += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return total


def _rows(columns: list[list[Item]]) -> None:
    """Heights: on the level of what comes first into an item, where that is free."""
    for column in columns:
        low, previous = float("-inf"), None
        for item in column:
            boxes = [tied for tied in item.before if tied.box is not None] or item.before
            least = low if previous is None else previous.y + _between(previous, item)
            wanted = boxes[0].y if boxes else (0.0 if previous is None else least)
            item.y = max(wanted, least)
            previous = item


def _between(upper: Item, lower: Item) -> float:
    return (upper.height + lower.height) / 2 + APART


def _bands(picture: Picture, columns: list[list[Item]]) -> Layout:
    boxes = [max(item.width for item in column) for column in columns]
    lines = [max(max(item.label for item in column), 14.0) for column in columns]
    ends = picture.boxes[-1].kind == "end"
    leaving = [len(_passing(columns, place)) for place in range(len(columns))]
    widths = [b + w + GAP for b, w in zip(boxes, lines, strict=True)]
    bands = _wrap(widths, leaving, ends)
    crossing = max((_passing(columns, band[-1]) for band in bands[:-1]), key=len, default=[])
    left = MARGIN + (STEP * (len(crossing) + 1) if crossing else 0.0)
    top, right = MARGIN, 0.0
    wraps: list[list[Point]] = []
    waiting: list[tuple[Item, Item, float, float]] = []
    for number, band in enumerate(bands):
        members = [item for place in band for item in columns[place]]
        up = min(item.y - item.height / 2 for item in members)
        down = max(item.y + item.height / 2 for item in members)
        x = left
        for place in band:
            for item in columns[place]:
                item.x = x if item.before else x + boxes[place] - item.width
                item.line_end = x + boxes[place] + lines[place]
                item.y += top - up
            x += boxes[place] + lines[place] + GAP
        edge = x - GAP
        for lane, (source, target, side, level) in enumerate(waiting):
            out = left - STEP * (lane + 1)
            start, end = (source.line_end, source.y), (target.x, target.y)
            wraps.append(
                [start, (side, source.y), (side, level), (out, level), (out, target.y), end]
            )
        bottom = top + down - up
        waiting = []
        passing = _passing(columns, band[-1]) if number < len(bands) - 1 else []
        for lane, (source, target) in enumerate(passing):
            turn = len(passing) - lane  # the topmost turns last, so that no line crosses another
            side, level = edge + STEP * turn, bottom + 4 + STEP * turn
            waiting.append((source, target, side, level))
        right = max(right, edge + STEP * len(passing))
        top = bottom + STEP * (len(passing) + 1) + APART
    return _collect(picture, columns, right + MARGIN, top - APART - STEP + MARGIN, wraps, bands)


def _wrap(widths: Sequence[float], passing: Sequence[int], ends: bool) -> list[list[int]]:
    """Columns in few and even bands, none wider than WIDEST where its columns allow it.

    Breaks where one line alone passes are the better ones.

    Args:
        widths: of the columns.
        passing: how many lines leave each of them.
        ends: the last column is an arrow's end, which stays with the one before it.
    """
    count = len(widths)
    cost, begin = [0.0] + [float("inf")] * count, [0] * (count + 1)
    for end in range(1, count + 1):
        width = 0.0
        for start in range(end - 1, -1, -1):
            width += widths[start]
            if width > WIDEST and end - start > (2 if ends and end == count else 1):
                break
            if ends and end == count and start == count - 1 and count > 1:
                continue
            total = cost[start] + 1 + (max(WIDEST - width, 0) / WIDEST) ** 2
            if end < count:
                total += 3 * (passing[end - 1] - 1)
            if total < cost[end]:
                cost[end], begin[end] = total, start
    bands = []
    end = count
    while end:
        bands.append(list(range(begin[end], end)))
        end = begin[end]
    return bands[::-1]


def _passing(columns: list[list[Item]], place: int) -> list[tuple[Item, Item]]:
    return [(item, target) for item in columns[place] for target in item.after]


def _collect(
    picture: Picture,
    columns: list[list[Item]],
    width: float,
    height: float,
    wraps: list[list[Point]],
    bands: list[list[int]],
) -> Layout:
    first = {band[0] for band in bands}
    items = [item for column in columns for item in column]
    places: list[Point] = [(0.0, 0.0)] * len(picture.boxes)
    labels = list(places)
    lines, heads = [], []
    for item in items:
        begin = item.x + item.width
        if item.box is not None:
            places[item.box] = (item.x, item.y)
            labels[item.box] = ((begin + item.line_end) / 2, item.y)
            if item.before:
                heads.append((item.x, item.y))
        for target in item.after:
            if target.column not in first:
                lines.append([(begin, item.y), (item.line_end, item.y), (target.x, target.y)])
            else:
                lines.append([(begin, item.y), (item.line_end, item.y)])
    return Layout(width, height, places, labels, lines, heads, wraps)
