"""The confusion table: which planted defects are caught, and whether their right cause is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from pathlib import Path

from planted import KINDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"
BEGIN, END = "<!-- confusion table: made by `make doctor` -->", "<!-- end of the table -->"
HEAD = ("planted", "layers", "caught", "missed", "right cause first", "right, not first", "other")
SEEN, RANDOM = "looked at", "random right cases"
"""Under these names tests leave what they saw in their reports."""

RIGHT = "(nothing: right layers)"


@dataclass(frozen=True)
class Look:
    """One class that the doctor looked at.

    Attributes:
        kind: of the planted defect; None for a right layer.
        layer: the layer's name.
        verdict: RIGHT, WRONG or NOT PROVEN.
        causes: what was named.
    """

    kind: str | None
    layer: str
    verdict: str
    causes: list[str] = field(default_factory=list)


def table(looks: Iterable[Look]) -> list[str]:
    """The table in Markdown: a line a kind, in the order of `KINDS`, and their sums."""
    by_kind: dict[str | None, list[Look]] = defaultdict(list)
    for look in looks:
        by_kind[look.kind].append(look)
    lines = []
    for kind in KINDS:
        seen = by_kind[kind.name]
        caught = [look for look in seen if look.verdict == "WRONG"]
        first = sum(look.causes[:1] != [] and look.causes[0] in kind.causes for look in caught)
        named = sum(bool(set(look.causes) & set(kind.causes)) for look in caught)
        counts = (len(seen), len(caught), len(seen) - len(caught))
        lines.append((kind.name, *counts, first, named - first, len(caught) - named))
    sums = [sum(int(line[column]) for line in lines) for column in range(1, len(HEAD))]
    right = by_kind[None]
    alarms = sum(look.verdict == "WRONG" for look in right)
    rows = [
        HEAD,
        *lines,
        (f"all {len(KINDS)} kinds", *sums),
        (RIGHT, len(right), alarms, *"----"),
    ]
    texts = [tuple(str(cell) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    shown = [_line(row, widths) for row in texts]
    return [shown[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *shown[1:]]


def is_whole(looks: list[Look]) -> bool:
    """Whether every kind was planted in each of its layers."""
    planted = {(look.kind, look.layer) for look in looks if look.kind is not None}
    return planted == {(kind.name, base.__name__) for kind in KINDS for base in kind.layers}


def on_the_page() -> list[str]:
    """The table that docs/doctor.md shows."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].split("\n")[1:-1]


def write_on_the_page(lines: list[str]) -> None:
    """Put the table in the place of the one that the page shows."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text("\n".join([before + BEGIN, *lines, END + after]), encoding="utf-8")


def as_plain(look: Look) -> list[object]:
    """What a test report can carry."""
    return list(astuple(look))


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first, *numbers = cells
    return f"| {first:<{widths[0]}} | " + " | ".join(map(str.rjust, numbers, widths[1:])) + " |"
