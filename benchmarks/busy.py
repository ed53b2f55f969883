"""A training step while another process keeps one core busy, over its one-thread time without.

python benchmarks/busy.py [--quick] [--rounds N] [--strict] [--data-dir DIR]

Every process may use the same two cores; the busy process is bound to one of them. Blocks with and
without it alternate between all peers. A figure is the median of blocks, not the best one: what
counts here is how a step fares on the whole.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness.crew import Crew, PeerFailed, Worker, all_cores, missing_packages, work_folder
from harness.machine import describe_machine, machine_line
from harness.report import PAGE, median, replace_marked, save_section, table
from harness.tasks import TASKS, Task, expected_results, find_data, write_data

LIMIT = 1.6
PEERS_HERE = ("zerokara", "torch-eager", "jax-jit")
TASKS_HERE = tuple(task for task in TASKS if task.name in ("mlp-book", "mlp-wide"))
SPIN = "import os, sys\nif hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, {{{core}}})\n"
SPIN += "while True: pass"


class Spinner:
    """A process that keeps one core busy while it is let run."""

    def __init__(self, core: int) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", SPIN.format(core=core)])
        time.sleep(0.2)
        self.hold()

    def __enter__(self) -> Spinner:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()

    def go(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        time.sleep(0.05)

    def hold(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)


def main() -> None:
    options = read_options()
    rounds = options.rounds or (2 if options.quick else 12)
    seconds = 0.05 if options.quick else 0.3
    cores = all_cores()[-2:]
    if len(cores) < 2:
        sys.exit("busy.py: needs two cores, and this process may use one")
    machine = describe_machine()
    print(machine_line(machine))
    figures: dict[str, Any] = {"rounds": rounds, "block_seconds": seconds, "limit": LIMIT}
    with work_folder() as name, Spinner(cores[-1]) as spinner:
        folder = Path(name)
        write_data(folder, find_data(options.data_dir))
        figures["tasks"] = [
            measure(task, rounds, seconds, cores, spinner, folder) for task in TASKS_HERE
        ]
    text = busy_table(figures)
    print(f"\n{text}\n\nwritten: {save_section('busy', figures, machine, keep=not options.quick)}")
    if not options.quick:
        closing = f"Measured on: {machine_line(machine)}"
        replace_marked(PAGE, "busy", f"{text}\n\n{closing}")
    slow = [line for line in ratios(figures) if line[1] == "zerokara" and line[2] > LIMIT]
    for task, _, over, _ in slow:
        print(f"{task}: {over:.2f} times the one-thread time, at most {LIMIT}: NOT kept")
    sys.exit(1 if slow and options.strict else 0)


def measure(
    task: Task, rounds: int, seconds: float, cores: list[int], spinner: Spinner, folder: Path
) -> dict[str, Any]:
    """Seconds a step of every peer: alone at 1 and 2 threads, and at 2 beside the busy process."""
    print(f"\n{task.name}", flush=True)
    expected = expected_results(task, folder)
    times: dict[str, dict[str, list[float]]] = {}
    with Crew() as crew:
        for name in PEERS_HERE:
            if missing_packages(name):
                continue
            # One thread is bound to one core, so that JAX keeps to it too.
            crew.add(Worker(name, 1, folder, cores[:1]), task, expected)
            crew.add(Worker(name, 2, folder, cores), task, expected)
        for place in range(rounds):
            for state in ("alone", "busy"):
                if state == "busy":
                    spinner.go()
                for worker in list(crew.workers):
                    if state == "busy" and worker.threads == 1:
                        continue
                    time.sleep(crew.REST)
                    try:
                        took = worker.block(seconds)
                    except PeerFailed as failure:
                        crew.drop(worker, failure)
                        continue
                    kind = f"{state} {worker.threads}"
                    times.setdefault(worker.peer, {}).setdefault(kind, []).append(took)
                if state == "busy":
                    spinner.hold()
            print(f"    round {place + 1} of {rounds}", flush=True)
        return {"task": task.name, "seconds": times, "failed": crew.failed}


def ratios(figures: dict[str, Any]) -> list[tuple[str, str, float, float]]:
    """(task, peer, busy at 2 threads over alone at 1, alone at 2 over alone at 1)."""
    lines = []
    for entry in figures["tasks"]:
        for peer, kinds in entry["seconds"].items():
            if {"alone 1", "alone 2", "busy 2"} <= kinds.keys():
                base = median(kinds["alone 1"])
                lines.append(
                    (
                        entry["task"],
                        peer,
                        median(kinds["busy 2"]) / base,
                        median(kinds["alone 2"]) / base,
                    )
                )
    return lines


def busy_table(figures: dict[str, Any]) -> str:
    head = ["workload", "library", "2 threads, one core busy", "2 threads, alone"]
    rows = [[task, peer, f"**{b:.2f}**", f"{a:.2f}"] for task, peer, b, a in ratios(figures)]
    return f"Times its own one-thread time without load (limit for zerokara: {LIMIT}):\n\n" + table(
        head, rows
    )


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time steps while one core is kept busy.")
    parser.add_argument("--quick", action="store_true", help="see that it works: short, few rounds")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--strict", action="store_true", help="exit with 1 beyond the limit")
    parser.add_argument("--data-dir", help="the folder with fashion-mnist (or set ZEROKARA_DATA)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
