"""What dropout adds to a training step: the same networks with it and without.

python benchmarks/dropout.py [--quick] [--rounds N] [--strict] [--data-dir DIR]

A round is a pair of new processes, whose blocks take turns, so that neither the hour nor where a
process happened to get its memory meets one of them alone. A round's figure is the median ratio of
neighbouring blocks, the figure given the median of rounds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from harness.crew import all_cores, work_folder
from harness.machine import describe_machine, machine_line
from harness.networks import HIDDEN_DROPOUT, dense
from harness.report import PAGE, replace_marked, save_section, table
from harness.tasks import Task, find_data, write_data
from harness.turns import measure, ratio, read_options

LIMIT = 1.05
PEER = "zerokara-run"
SIZES = ((784, *[100] * 5, 10), (784, 512, 512, 10))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time what dropout adds to a training step.")
    parser.add_argument("--strict", action="store_true", help="exit code 1 above the limit")
    options = read_options(parser)
    rounds = options.rounds or (1 if options.quick else 5)
    seconds = 0.02 if options.quick else 0.1
    machine = describe_machine()
    print(machine_line(machine))
    with work_folder() as name:
        folder = Path(name)
        write_data(folder, find_data(options.data_dir))
        figures: dict[str, Any] = {"limit": LIMIT, "rounds": rounds, "block_seconds": seconds}
        figures["seconds"] = {
            dense(*sizes): {
                str(threads): measure(
                    {kind: (task_of(sizes, kind), folder) for kind in ("without", "with")},
                    PEER,
                    threads,
                    rounds,
                    seconds,
                )
                for threads in range(1, min(2, len(all_cores())) + 1)
            }
            for sizes in SIZES
        }
    text = dropout_table(figures)
    print(
        f"\n{text}\n\nwritten: {save_section('dropout', figures, machine, keep=not options.quick)}"
    )
    if not options.quick:
        replace_marked(PAGE, "dropout", f"{text}\n\nMeasured on: {machine_line(machine)}")
    most = max(over for *_, over in ratios(figures))
    print(f"dropout: {most:.3f} times the step without, at most {LIMIT}")
    sys.exit(1 if most > LIMIT and options.strict else 0)


def task_of(sizes: tuple[int, ...], kind: str) -> Task:
    return Task("dropout", dense(*sizes, dropout=kind == "with"), 128, "adam", 0.001)


def ratios(figures: dict[str, Any]) -> list[tuple[str, str, float]]:
    """(network, threads, the step with dropout over the one without)."""
    return [
        (network, threads, ratio(times, "with", "without"))
        for network, by_threads in figures["seconds"].items()
        for threads, times in by_threads.items()
    ]


def dropout_table(figures: dict[str, Any]) -> str:
    head = [f"dropout of {HIDDEN_DROPOUT} in each hidden layer, batch 128, Adam", "threads"]
    head.append("of the step without")
    return table(head, [[n, threads, f"**{over:.2f}**"] for n, threads, over in ratios(figures)])


if __name__ == "__main__":
    main()
