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

from harness.crew import Crew, Worker, all_cores, work_folder
from harness.machine import describe_machine, machine_line
from harness.networks import HIDDEN_DROPOUT, dense
from harness.report import PAGE, median, replace_marked, save_section, table
from harness.tasks import Task, find_data, write_data

LIMIT = 1.05
TURNS = 9
PEER = "zerokara-run"
SIZES = ((784, *[100] * 5, 10), (784, 512, 512, 10))


def main() -> None:
    options = read_options()
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
                str(threads): measure(sizes, threads, rounds, seconds, folder)
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


def measure(
    sizes: tuple[int, ...], threads: int, rounds: int, seconds: float, folder: Path
) -> dict[str, list[list[float]]]:
    """Seconds a step in each block, round by round: {'without': ..., 'with': ...}.

    Raises:
        SystemExit: a process that cannot be timed; why is printed by then.
    """
    times: dict[str, list[list[float]]] = {"without": [], "with": []}
    for _ in range(rounds):
        took: dict[str, list[float]] = {"without": [], "with": []}
        with Crew() as plain, Crew() as noisy:
            crews = {"without": plain, "with": noisy}
            for key, crew in crews.items():
                form = dense(*sizes, dropout=key == "with")
                task = Task("dropout", form, 128, "adam", 0.001)
                if not crew.add(Worker(PEER, threads, folder), task):
                    sys.exit(1)
            for _ in range(TURNS):
                for key, crew in crews.items():
                    took[key] += crew.round(1, seconds).values()
        if not len(took["with"]) == len(took["without"]) == TURNS:
            sys.exit(1)
        for key, blocks in took.items():
            times[key].append(blocks)
    return times


def ratios(figures: dict[str, Any]) -> list[tuple[str, str, float]]:
    """(network, threads, the step with dropout over the one without)."""
    return [
        (network, threads, median([of_round(*pair) for pair in zip(*times.values(), strict=True)]))
        for network, by_threads in figures["seconds"].items()
        for threads, times in by_threads.items()
    ]


def of_round(without: list[float], noisy: list[float]) -> float:
    """The median ratio of blocks that were neighbours."""
    return median([after / before for before, after in zip(without, noisy, strict=True)])


def dropout_table(figures: dict[str, Any]) -> str:
    head = [f"dropout of {HIDDEN_DROPOUT} in each hidden layer, batch 128, Adam", "threads"]
    head.append("of the step without")
    return table(head, [[n, threads, f"**{over:.2f}**"] for n, threads, over in ratios(figures)])


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time what dropout adds to a training step.")
    parser.add_argument("--quick", action="store_true", help="see that it works: short, few rounds")
    parser.add_argument("--rounds", type=int, help="5, or 1 with --quick")
    parser.add_argument("--strict", action="store_true", help="exit code 1 above the limit")
    parser.add_argument("--data-dir", help="the folder with fashion-mnist (or set ZEROKARA_DATA)")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds: must be 1 or more, got {options.rounds}")
    return options


if __name__ == "__main__":
    main()
