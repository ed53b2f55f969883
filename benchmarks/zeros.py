"""What zeros in the data save: the same networks on pictures and on the same without a zero.

python benchmarks/zeros.py [--quick] [--rounds N] [--data-dir DIR]

The first layer's products leave out zeros where most of the data is zero
(docs/decisions/0022-zeros.md). Ten thousand pictures of MNIST and of Fashion-MNIST are set beside
MNIST's (or what there is) with every black pixel one shade brighter, of which nothing can be left
out. A round is a set of new processes, whose blocks take turns. A round's figure is the median
ratio of neighbouring blocks, the figure given the median of rounds.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from harness.crew import Crew, Worker, all_cores, work_folder
from harness.machine import describe_machine, machine_line
from harness.report import PAGE, median, replace_marked, save_section, table
from harness.tables import workload
from harness.tasks import TASKS, Task, find_data

import zerokara as zk

TURNS = 9
SAMPLES = 10_000
FULL = "no zeros"
NAMES = ("mlp-book", "mlp-deep", "mlp-wide", "predict-1000")
TASKS_HERE = tuple(task for task in TASKS if task.name in NAMES)


def main() -> None:
    options = read_options()
    rounds = options.rounds or (1 if options.quick else 5)
    seconds = 0.02 if options.quick else 0.06
    machine = describe_machine()
    print(machine_line(machine))
    with work_folder() as name:
        shares = write_pictures(Path(name), find_data(options.data_dir))
        print(", ".join(f"{kind}: {share:.0%} zeros" for kind, share in shares.items()))
        figures: dict[str, Any] = {"rounds": rounds, "block_seconds": seconds, "zeros": shares}
        figures["seconds"] = {
            task.name: {
                str(threads): measure(task, threads, rounds, seconds, Path(name), list(shares))
                for threads in range(1, min(2, len(all_cores())) + 1)
            }
            for task in TASKS_HERE
        }
    text = zeros_table(figures)
    path = save_section("zeros", figures, machine, keep=not options.quick)
    print(f"\n{text}\n\nwritten: {path}")
    if not options.quick:
        replace_marked(PAGE, "zeros", f"{text}\n\nMeasured on: {machine_line(machine)}")


def write_pictures(folder: Path, root: str | None) -> dict[str, float]:
    """Each kind of pictures in a folder of its own; the share of zeros in each, by name."""
    shares = {}
    loaders = {"MNIST": zk.data.load_mnist, "Fashion-MNIST": zk.data.load_fashion_mnist}
    for kind, load in loaders.items():
        try:
            (x, labels), _ = load(normalize=False, root=root)
        except zk.errors.DataError as missing:
            print(f"{kind} is not timed: {missing}")
            continue
        pictures = {kind: x[:SAMPLES]}
        if FULL not in shares:
            pictures[FULL] = np.maximum(x[:SAMPLES], 1)
        for name, values in pictures.items():
            (folder / name).mkdir()
            np.save(folder / name / "x.npy", values)
            np.save(folder / name / "t.npy", np.asarray(labels[:SAMPLES], np.int64))
            shares[name] = float(np.mean(values == 0))
    if not shares:
        sys.exit("zeros.py: needs MNIST or Fashion-MNIST")
    return shares


def measure(
    task: Task, threads: int, rounds: int, seconds: float, folder: Path, kinds: list[str]
) -> dict[str, list[list[float]]]:
    """Seconds a step in each block, round by round, of each kind of pictures.

    Raises:
        SystemExit: a process that cannot be timed; why is printed by then.
    """
    peer = "zerokara-run" if task.trains else "zerokara"
    times: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        with ExitStack() as stack:
            crews = {kind: stack.enter_context(Crew()) for kind in kinds}
            for kind, crew in crews.items():
                if not crew.add(Worker(peer, threads, folder / kind), task):
                    sys.exit(f"{task.name}: {peer} could not be timed")
            for _ in range(TURNS):
                for kind, crew in crews.items():
                    took[kind] += crew.round(1, seconds).values()
        if any(len(blocks) != TURNS for blocks in took.values()):
            sys.exit(f"{task.name}: {peer} stopped halfway")
        for kind, blocks in took.items():
            times[kind].append(blocks)
    return times


def ratio(times: dict[str, list[list[float]]], kind: str) -> float:
    """A step on such pictures over one on pictures without a zero."""
    return median(
        [
            median([some / full for some, full in zip(*blocks, strict=True)])
            for blocks in zip(times[kind], times[FULL], strict=True)
        ]
    )


def zeros_table(figures: dict[str, Any]) -> str:
    kinds = [kind for kind in figures["zeros"] if kind != FULL]
    head = ["of the time without a zero", "threads"]
    head += [f"{kind}, {figures['zeros'][kind]:.0%} zeros" for kind in kinds]
    words = {task.name: workload(task.as_json()) for task in TASKS_HERE}
    rows = [
        [words[name], threads, *(f"**{ratio(times, kind):.2f}**" for kind in kinds)]
        for name, by_threads in figures["seconds"].items()
        for threads, times in by_threads.items()
    ]
    return table(head, rows)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time what zeros in the data save.")
    parser.add_argument("--quick", action="store_true", help="see that it works: short, few rounds")
    parser.add_argument("--rounds", type=int, help="5, or 1 with --quick")
    parser.add_argument("--data-dir", help="the folder with both (or set ZEROKARA_DATA)")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds: must be 1 or more, got {options.rounds}")
    return options


if __name__ == "__main__":
    main()
