"""Every planted defect is caught, and named by its right cause: the confusion table."""

from __future__ import annotations

import book_layers as right
import pytest
from checking import asked_of, look_at
from planted import KINDS

CASES = [(kind, base) for kind in KINDS for base in kind.layers]

LAYERS = [value for value in vars(right).values() if isinstance(value, type)]

# One that raises in another way in some layer, and is caught and not named there.
TOLD_OTHERWISE: set[tuple[str, str]] = set()


def test_the_table_is_wide_enough() -> None:
    assert len(KINDS) >= 25
    assert sum(len(kind.layers) > 1 for kind in KINDS) >= 25


@pytest.mark.parametrize("base", LAYERS, ids=lambda base: base.__name__)
def test_what_is_right_passes(base) -> None:
    found = look_at(base, base.__name__)
    assert found.verdict == "RIGHT", found


@pytest.mark.parametrize(
    ("kind", "base"), CASES, ids=[f"{kind.name}-{base.__name__}" for kind, base in CASES]
)
def test_what_is_planted_is_caught_and_named(kind, base) -> None:
    found = look_at(kind.plant(base), **asked_of(base, "transposed" in kind.causes))
    assert found.verdict == "WRONG", found
    if kind.causes and (kind.name, base.__name__) not in TOLD_OTHERWISE:
        assert set(found.causes) & set(kind.causes), found.defects
