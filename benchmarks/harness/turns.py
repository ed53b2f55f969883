"""One library on several kinds of the same work, whose blocks take turns."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from harness.crew import Crew, Worker
from harness.report import median
from harness.tasks import Task

TURNS = 9


def measure(
    kinds: Mapping[str, tuple[Task, Path]], peer: str, threads: int, rounds: int, seconds: float
) -> dict[str, list[list[float]]]:
    """Seconds a step in each block, round by round, by kind. A round is a set of new processes.

    Args:
        kinds: what is done, and the folder where its data lies, by name.

    Raises:
        SystemExit: a process that cannot be timed; why is printed by then.
    """
    times: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        with ExitStack() as stack:
            crews = {kind: stack.enter_context(Crew()) for kind in kinds}
            for kind, (task, folder) in kinds.items():
                if not crews[kind].add(Worker(peer, threads, folder), task):
                    sys.exit(f"{task.name}, {kind}: {peer} could not be timed")
            for _ in range(TURNS):
                for kind, crew in crews.items():
                    took[kind] += crew.round(1, seconds).values()
        for kind, blocks in took.items():
            if len(blocks) != TURNS:
                sys.exit(f"{kinds[kind][0].name}, {kind}: {peer} stopped halfway")
            times[kind].append(blocks)
    return times


def ratio(times: dict[str, list[list[float]]], kind: str, base: str) -> float:
    """A kind's step over the base's: of blocks that were neighbours, the median of rounds."""
    return median(
        [
            median([one / other for one, other in zip(*blocks, strict=True)])
            for blocks in zip(times[kind], times[base], strict=True)
        ]
    )


def read_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options that such a script has, beside those that it added itself."""
    parser.add_argument("--quick", action="store_true", help="see that it works: short, few rounds")
    parser.add_argument("--rounds", type=int, help="5, or 1 with --quick")
    parser.add_argument("--data-dir", help="the folder with the data (or set ZEROKARA_DATA)")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds: must be 1 or more, got {options.rounds}")
    return options
