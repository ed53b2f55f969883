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
from pathlib import Path
from typing import Any

import numpy as np
from harness.crew import all_cores, work_folder
from harness.machine import describe_machine, machine_line
from harness.report import PAGE, replace_marked, save_section, table
from harness.tables import workload
from harness.tasks import TASKS, find_data
from harness.turns import measure, ratio, read_options

import zerokara as zk

SAMPLES = 10_000
FULL = "no zeros"
NAMES = ("mlp-book", "mlp-deep", "mlp-wide", "predict-1000")
TASKS_HERE = tuple(task for task in TASKS if task.name in NAMES)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time what zeros in the data save.")
    options = read_options(parser)
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
                str(threads): measure(
                    {kind: (task, Path(name) / kind) for kind in shares},
                    "zerokara-run" if task.trains else "zerokara",
                    threads,
                    rounds,
                    seconds,
                )
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


def zeros_table(figures: dict[str, Any]) -> str:
    kinds = [kind for kind in figures["zeros"] if kind != FULL]
    head = ["of the time without a zero", "threads"]
    head += [f"{kind}, {figures['zeros'][kind]:.0%} zeros" for kind in kinds]
    words = {task.name: workload(task.as_json()) for task in TASKS_HERE}
    rows = [
        [words[name], threads, *(f"**{ratio(times, kind, FULL):.2f}**" for kind in kinds)]
        for name, by_threads in figures["seconds"].items()
        for threads, times in by_threads.items()
    ]
    return table(head, rows)


if __name__ == "__main__":
    main()
