"""How long `import zerokara` takes beside `import numpy`: the limit is 1.3 times.

    python benchmarks/import_time.py [--rounds 40] [--json FILE]

Each round starts a new Python for each of the two, in turn and in alternating order, so that a
slow moment of the machine falls on both. Only the import is timed, inside that process; the start
of Python is not. The figure is the median over the rounds, after one round that warms the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

import zerokara

LIMIT = 1.3
MODULES = ("numpy", "zerokara")
SOURCE = Path(zerokara.__file__).parents[1]


def seconds(module: str) -> float:
    """How long one import takes in a process of its own."""
    code = (
        "from time import perf_counter as now; began = now(); "
        f"import {module}; print(now() - began)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
    )
    return float(done.stdout)


def measure(rounds: int) -> dict[str, list[float]]:
    """The seconds of every round, by module."""
    taken: dict[str, list[float]] = {module: [] for module in MODULES}
    for number in range(rounds + 1):
        for module in MODULES if number % 2 else reversed(MODULES):
            took = seconds(module)
            if number:  # the first round only fills the caches
                taken[module].append(took)
    return taken


def main() -> None:
    """Measure, print, and write JSON where that is wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40, help="at least 20 for a firm median")
    parser.add_argument("--json", type=Path, help="a file to write the figures to")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    taken = measure(options.rounds)
    median = {module: statistics.median(times) for module, times in taken.items()}
    ratio = median["zerokara"] / median["numpy"]
    for module, times in taken.items():
        low, _, high = statistics.quantiles(times, n=4) if len(times) > 1 else times * 3
        print(
            f"import {module:<9} median {1000 * median[module]:6.1f} ms   "
            f"(middle half {1000 * low:.1f} to {1000 * high:.1f})"
        )
    print(f"ratio {ratio:.3f}, limit {LIMIT}, over {options.rounds} rounds")
    if options.json:
        facts = {
            "ratio": ratio,
            "limit": LIMIT,
            "rounds": options.rounds,
            "median_seconds": median,
            "seconds": taken,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "zerokara": zerokara.__version__,
            "platform": platform.platform(),
        }
        options.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
