"""No false alarm: random right layers, shapes, values and dtypes are never called wrong."""

from __future__ import annotations

import pytest
from confusion import RANDOM
from random_cases import false_alarms

CASES = 10_000
PARTS = 50
SAMPLE = 150


def test_a_sample_of_random_right_cases_raises_no_alarm() -> None:
    assert false_alarms(range(SAMPLE)) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_random_right_cases_raise_no_alarm(part: int, record_property) -> None:
    size = CASES // PARTS
    alarms = false_alarms(range(part * size, (part + 1) * size))
    record_property(RANDOM, [size, len(alarms)])
    assert alarms == []
