"""Training steps and predictions beside other libraries, on Fashion-MNIST, float32.

python benchmarks/run.py [--quick] [--only NAME]... [--keep] [--peers A,B] [--rounds N]
                         [--data-dir DIR]

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
from harness.report import PAGE, README, last_section, median, replace_marked, save_section
from harness.tables import all_times, figures_to_reach, summary
from harness.tasks import TASKS, Task, expected_results, find_data, write_data
from peers import PEERS

THREADS = (1, 2)
QUICK_PEERS = tuple(name for name in PEERS if name not in ("torch-compile", "tinygrad-jit"))
QUICK_THREADS = (2,)
QUICK_SECONDS = 0.02
LEAST_GAIN = 1.5  # of the peak by a second thread; less where another program has a core


def main() -> None:
    options = read_options()
    chosen = [task for task in TASKS if not options.only or task.name in options.only]
    names = options.peers.split(",") if options.peers else QUICK_PEERS if options.quick else PEERS
    missing = {name: missing_packages(name) for name in names}
    for name, packages in missing.items():
        if packages:
            print(f"{name}: not timed: {', '.join(packages)} is not installed")
    machine = describe_machine()
    print(machine_line(machine))
    with work_folder() as folder_name:
        folder = Path(folder_name)
        write_data(folder, find_data(options.data_dir))
        peak = Peak(folder)
        peak.measure(*THREADS)
        present = [name for name in names if not missing[name]]
        entries = [
            measure(task, present, options.rounds, options.quick, peak, folder) for task in chosen
        ]
    for entry in entries:
        entry["date"] = machine["date"]
        entry["peak_flops"] = {str(count): rate for count, rate in peak.best.items()}
    if peak.reason:
        print(f"no limit is given: {peak.reason}")
    elif peak.best[2] < LEAST_GAIN * peak.best[1]:
        print("the peak hardly grew from 1 thread to 2: the limits at 2 threads mean nothing here")
    print(f"\n{figures_to_reach({'tasks': entries})}")
    if options.keep:
        entries = with_the_others(entries, machine)
    figures: dict[str, Any] = {
        "tasks": entries,
        "not_timed": {name: packages for name, packages in missing.items() if packages},
    }
    print(f"\n{summary(figures)}\n\n{all_times(figures)}\n")
    full = options.keep or not (options.quick or options.only or options.peers)
    print(f"written: {save_section('run', figures, machine, keep=full)}")
    if full:
        closing = f"Measured on: {machine_line(machine)}{other_days(figures, machine)}"
        short = f"{summary(figures)}\n\n{closing}"
        # The page may have a part of its own for these kernels; its main table is then another's.
        if not replace_marked(PAGE, f"bench-{machine['kernels']}", short):
            replace_marked(README, "bench", short)
            replace_marked(
                PAGE, "bench", f"{summary(figures)}\n\n{all_times(figures)}\n\n{closing}"
            )


def measure(
    task: Task, names: list[str], rounds: int, quick: bool, peak: Peak, folder: Path
) -> dict[str, Any]:
    """All peers at one task: {label: its rounds' figures in seconds}, and what failed."""
    print(f"\n{task.name}: {task.network}, {task.rows} rows", flush=True)
    blocks, seconds = (1, QUICK_SECONDS) if quick else (3, task.block_seconds)
    expected = expected_results(task, folder)
    times: dict[str, list[float]] = {}
    with Crew() as crew:
        for name in names:
            if PEERS[name].takes(task):
                for threads in QUICK_THREADS if quick else THREADS:
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
        "flops": task.flops(),
        "rounds": rounds,
        "blocks": blocks,
        "block_seconds": seconds,
        "seconds": {label: values for label, values in times.items() if label not in failed},
        "failed": failed,
    }


def with_the_others(entries: list[dict[str, Any]], machine: dict[str, Any]) -> list[dict[str, Any]]:
    """These figures, and those that the last full run has of the other tasks, in order."""
    before = last_section("run", machine) or {"tasks": []}
    found = {entry["task"]["name"]: entry for entry in before["tasks"]}
    new = {entry["task"]["name"]: entry for entry in entries}
    merged = []
    for task in TASKS:
        if task.name in new:
            merged.append(new[task.name])
        elif (old := found.get(task.name)) and _same_work(old["task"], task):
            merged.append(old | {"task": task.as_json()})  # with the limits of today
        else:
            print(f"{task.name}: no figures of this machine with these versions; run it too")
    return merged


def _same_work(old: dict[str, Any], task: Task) -> bool:
    work = ("network", "rows", "optimizer", "lr")
    return all(old.get(key) == task.as_json()[key] for key in work)


def other_days(figures: dict[str, Any], machine: dict[str, Any]) -> str:
    """A sentence on lines that were measured on another day; '' where there are none."""
    older = [e for e in figures["tasks"] if e["date"] != machine["date"]]
    named = ", ".join(f"{e['task']['name']} ({e['date']})" for e in older)
    return f" Measured on another day: {named}." if older else ""


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time training steps and predictions.")
    parser.add_argument("--quick", action="store_true", help="see that it works: short, few rounds")
    parser.add_argument(
        "--only", action="append", choices=[task.name for task in TASKS], help="one task"
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="with --only: put these figures among those of the last full run, pages too",
    )
    parser.add_argument("--peers", help=f"some of: {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, help="7, or 2 with --quick")
    parser.add_argument("--data-dir", help="the folder with fashion-mnist (or set ZEROKARA_DATA)")
    options = parser.parse_args()
    unknown = set(options.peers.split(",") if options.peers else ()) - PEERS.keys()
    if unknown:
        parser.error(f"--peers: unknown {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    if options.keep and (options.quick or options.peers):
        parser.error("--keep: wants full figures of all peers; leave --quick and --peers away")
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds: must be 1 or more, got {options.rounds}")
    options.rounds = options.rounds or (2 if options.quick else 7)
    return options


if __name__ == "__main__":
    main()
