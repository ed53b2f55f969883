"""Training steps and predictions beside other libraries, on Fashion-MNIST, float32.

python benchmarks/run.py [--quick] [--only NAME]... [--peers A,B] [--rounds N] [--data-dir DIR]

Each (task, peer, threads) runs in a process of its own; blocks alternate between all of them, round
after round. A round's figure is its best block, the figure given the median of rounds. Every peer
is first held against the same losses or scores.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from harness.crew import Crew, Worker, missing_packages, work_folder
from harness.machine import describe_machine, machine_line
from harness.peak import Peak
from harness.report import PAGE, README, median, replace_marked, save_section
from harness.tables import all_times, figures_to_reach, summary
from harness.tasks import TASKS, Task, expected_results, find_data, write_data
from peers import PEERS

THREADS = (1, 2)
QUICK_PEERS = tuple(name for name in PEERS if name not in ("torch-compile", "tinygrad-jit"))


def main() -> None:
    options = read_options()
    chosen = [task for task in TASKS if not options.only or task.name in options.only]
    names = options.peers.split(",") if options.peers else QUICK_PEERS if options.quick else PEERS
    rounds = options.rounds or (2 if options.quick else 7)
    blocks, seconds = (1, 0.02) if options.quick else (3, 0.06)
    missing = {name: missing_packages(name) for name in names}
    for name, packages in missing.items():
        if packages:
            print(f"{name}: not timed: {', '.join(packages)} is not installed")
    machine = describe_machine()
    print(machine_line(machine))
    figures: dict[str, Any] = {"rounds": rounds, "blocks": blocks, "block_seconds": seconds}
    with work_folder() as folder_name:
        folder = Path(folder_name)
        write_data(folder, find_data(options.data_dir))
        peak = Peak(folder)
        peak.measure(*THREADS)
        present = [name for name in names if not missing[name]]
        figures["tasks"] = [
            measure(task, present, rounds, blocks, seconds, peak, folder) for task in chosen
        ]
    figures["peak_flops"] = {str(count): rate for count, rate in peak.best.items()}
    figures["not_timed"] = {name: packages for name, packages in missing.items() if packages}
    full = not (options.quick or options.only or options.peers)
    if peak.reason:
        print(f"no limit is given: {peak.reason}")
    print(f"\n{summary(figures)}\n\n{all_times(figures)}\n")
    print(figures_to_reach(figures))
    print(f"\nwritten: {save_section('run', figures, machine, keep=full)}")
    if full:
        closing = f"Measured on: {machine_line(machine)}"
        replace_marked(README, "bench", f"{summary(figures)}\n\n{closing}")
        replace_marked(PAGE, "bench", f"{summary(figures)}\n\n{all_times(figures)}\n\n{closing}")


def measure(
    task: Task,
    names: list[str],
    rounds: int,
    blocks: int,
    seconds: float,
    peak: Peak,
    folder: Path,
) -> dict[str, Any]:
    """All peers at one task: {label: its rounds' figures in seconds}, and what failed."""
    print(f"\n{task.name}: {'-'.join(map(str, task.sizes))}, {task.rows} rows", flush=True)
    expected = expected_results(task, folder)
    times: dict[str, list[float]] = {}
    with Crew() as crew:
        for name in names:
            if PEERS[name].trains if task.trains else PEERS[name].predicts:
                for threads in THREADS:
                    crew.add(Worker(name, threads, folder), task, expected)
        for place in range(rounds):
            for label, took in crew.round(blocks, seconds).items():
                times.setdefault(label, []).append(took)
            peak.measure(*THREADS)
            print(f"    round {place + 1} of {rounds}", flush=True)
        failed = crew.failed
    for label, values in sorted(times.items(), key=lambda item: median(item[1])):
        print(f"    {label:18} {median(values) * 1e6:10,.1f} us")
    return {
        "task": task.as_json(),
        "flops": task.flops,
        "seconds": {label: values for label, values in times.items() if label not in failed},
        "failed": failed,
    }


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time training steps and predictions.")
    parser.add_argument("--quick", action="store_true", help="see that it works: short, few rounds")
    parser.add_argument(
        "--only", action="append", choices=[task.name for task in TASKS], help="one task"
    )
    parser.add_argument("--peers", help=f"some of: {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--data-dir", help="the folder with fashion-mnist (or set ZEROKARA_DATA)")
    options = parser.parse_args()
    unknown = set(options.peers.split(",") if options.peers else ()) - PEERS.keys()
    if unknown:
        parser.error(f"--peers: unknown {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds: must be 1 or more, got {options.rounds}")
    return options


if __name__ == "__main__":
    main()
