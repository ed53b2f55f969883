"""Peak memory of a training run: one epoch of Fashion-MNIST, ours beside PyTorch's.

python benchmarks/memory.py [--quick] [--data-dir DIR]

Each run is a process of its own that reads the files and trains; its figure is the most memory that
it ever held resident, interpreter and libraries included, as a user sees it. PyTorch runs twice:
with the images as bytes, converted batch by batch, and as float32.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
from typing import Any

from harness.crew import missing_packages
from harness.machine import describe_machine, machine_line
from harness.report import PAGE, replace_marked, save_section, table
from harness.tasks import ROOT, TASKS, Task, find_data

from zerokara.data.imagefolder import find_files
from zerokara.data.mnist import FASHION_MNIST, locate

HERE = ROOT / "benchmarks"
KINDS = {"zerokara": "zerokara", "bytes": "PyTorch, bytes", "float32": "PyTorch, float32"}
TASKS_HERE = tuple(task for task in TASKS if task.name in ("mlp-book", "mlp-wide"))
LIMIT = 0.5
MIB = 1024 * 1024

# Runs a program as if from the command line and prints its peak last. VmHWM is of this program
# alone; ru_maxrss, where there is no /proc, also counts the process that started it.
MEASURED = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path[0] = {here!r}
runpy.run_path(sys.argv[0], run_name="__main__")
try:
    with open("/proc/self/status") as status:
        peak = next(int(l.split()[1]) * 1024 for l in status if l.startswith("VmHWM:"))
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
print(peak)
"""


def main() -> None:
    options = read_options()
    machine = describe_machine()
    print(machine_line(machine))
    root = find_data(options.data_dir)
    steps = 20 if options.quick else 0
    figures: dict[str, Any] = {"steps": steps or "one epoch", "limit": LIMIT, "peak_bytes": {}}
    absent = missing_packages("torch-eager")
    for task in TASKS_HERE:
        peaks = figures["peak_bytes"].setdefault(task.name, {})
        for kind in KINDS:
            if kind != "zerokara" and absent:
                print(f"{task.name} {KINDS[kind]}: not measured: {absent[0]} is not installed")
                continue
            peaks[kind] = run_measured(command_of(kind, task, root, steps))
            print(f"{task.name} {KINDS[kind]}: {peaks[kind] / MIB:,.0f} MiB", flush=True)
    text = memory_table(figures)
    print(
        f"\n{text}\n\nwritten: {save_section('memory', figures, machine, keep=not options.quick)}"
    )
    if not options.quick:
        replace_marked(PAGE, "memory", f"{text}\n\nMeasured on: {machine_line(machine)}")


def command_of(kind: str, task: Task, root: str | None, steps: int) -> list[str]:
    """The program of one run and its arguments."""
    if kind == "zerokara":
        where = [root] if root else []
        return [str(HERE / "memory_ours.py"), task.name, str(steps), *where]
    folder = locate(FASHION_MNIST, root)
    if folder is None:
        sys.exit("memory.py: Fashion-MNIST is not on this machine; run `make bench` once")
    files = find_files(folder)
    images = next(path for name, path in files.items() if name.startswith("train-images"))
    labels = next(path for name, path in files.items() if name.startswith("train-labels"))
    network = [task.network, str(task.rows), task.optimizer, str(task.lr)]
    return [str(HERE / "memory_torch.py"), kind, str(images), str(labels), *network, str(steps)]


def run_measured(command: list[str]) -> int:
    """The peak in bytes of a program that prints its last loss."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED.format(here=str(HERE)), *command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )
    lines = done.stdout.split()
    if done.returncode or len(lines) < 2 or not math.isfinite(float(lines[-2])):
        last = (done.stderr.strip().splitlines() or lines or ["no message"])[-1]
        sys.exit(f"memory.py: {command[0]} failed: {last}")
    return int(lines[-1])


def memory_table(figures: dict[str, Any]) -> str:
    rows = []
    for task, peaks in figures["peak_bytes"].items():
        others = [peak for kind, peak in peaks.items() if kind != "zerokara"]
        share = f"**{peaks['zerokara'] / min(others):.2f}**" if others else ""
        shown = [f"{peaks[kind] / MIB:,.0f} MiB" if kind in peaks else "" for kind in KINDS]
        rows.append([task, *shown, share])
    return table(["workload", *KINDS.values(), f"of PyTorch's least (limit {LIMIT})"], rows)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the peak memory of training runs.")
    parser.add_argument("--quick", action="store_true", help="see that it works: 20 steps a run")
    parser.add_argument("--data-dir", help="the folder with fashion-mnist (or set ZEROKARA_DATA)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
