"""Every planted defect is caught, and named by its right cause: the confusion table."""

from __future__ import annotations

import book_layers as right
import pytest
from checking import asked_of, look_at
from confusion import SEEN, Look, as_plain, is_whole, on_the_page, table
from planted import KINDS

CASES = [(kind, base) for kind in KINDS for base in kind.layers]

LAYERS = [value for value in vars(right).values() if isinstance(value, type)]


def test_the_table_is_wide_enough() -> None:
    assert len(KINDS) >= 25
    assert sum(len(kind.layers) > 1 for kind in KINDS) >= 25
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("base", LAYERS, ids=lambda base: base.__name__)
def test_what_is_right_passes(base, record_property) -> None:
    found = look_at(base, base.__name__)
    record_property(SEEN, as_plain(Look(None, base.__name__, found.verdict, found.causes)))
    assert found.verdict == "RIGHT", found


@pytest.mark.parametrize(
    ("kind", "base"), CASES, ids=[f"{kind.name}-{base.__name__}" for kind, base in CASES]
)
def test_what_is_planted_is_caught_and_named(kind, base, record_property) -> None:
    found = look_at(kind.plant(base), **asked_of(base, "transposed" in kind.causes))
    record_property(SEEN, as_plain(Look(kind.name, base.__name__, found.verdict, found.causes)))
    assert found.verdict == "WRONG", found
    assert set(found.causes) & set(kind.causes), found.defects


def test_a_table_counts_what_was_seen() -> None:
    sign = next(kind for kind in KINDS if kind.name == "sign of dx")
    looks = [
        Look("sign of dx", "A", "WRONG", [*sign.causes, "overflow"]),
        Look("sign of dx", "D", "WRONG", ["overflow", *sign.causes]),
        Look("sign of dx", "B", "WRONG", ["cause unknown"]),
        Look("sign of dx", "C", "RIGHT"),
        Look(None, "A", "RIGHT"),
        Look(None, "B", "WRONG", ["overflow"]),
    ]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(looks)]
    assert lines[2] == ["sign of dx", "4", "3", "1", "1", "1", "1"]
    assert lines[3][1:] == ["0"] * 6
    assert lines[-2][1:] == ["4", "3", "1", "1", "1", "1"]
    assert lines[-1][1:3] == ["2", "1"]
    assert not is_whole(looks)


def test_the_page_shows_the_kinds_that_are_planted() -> None:
    shown = [[cell.strip() for cell in line.split("|")][1:3] for line in on_the_page()[2:-2]]
    assert shown == [[kind.name, str(len(kind.layers))] for kind in KINDS]
