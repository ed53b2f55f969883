"""How a training step's time grows with batch, width and depth, beside the fastest peers.

python benchmarks/scaling.py [--quick] [--rounds N] [--data-dir DIR]

One network is varied in one size at a time. Each library has one process of two threads, which is
given one network after the other; blocks alternate. A figure is the median of rounds, each round's
figure its best block.
Writes docs/img/scaling.png (--quick: build/bench/scaling.png).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from harness.crew import Crew, Worker, missing_packages, work_folder
from harness.machine import describe_machine, machine_line
from harness.networks import dense
from harness.report import PAGE, SMOKE, median, replace_marked, save_section, table
from harness.scaling_plot import draw
from harness.tasks import ROOT, Task, expected_results, find_data, write_data
from peers import PEERS

PEERS_HERE = ("zerokara", "zerokara-run", "torch-eager", "jax-jit", "jax-scan")
THREADS = 2
AHEAD = 1.10  # a peer that is ahead by more has to be explained
PICTURE = ROOT / "docs" / "img" / "scaling.png"

Sweep = list[tuple[int, Task]]


def sweeps(*, quick: bool) -> dict[str, Sweep]:
    """The networks by what is varied: the values and their tasks."""
    batches = (1, 64, 1024) if quick else (1, 4, 16, 64, 256, 1024, 4096)
    widths = (16, 256) if quick else (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
    depths = (1, 8) if quick else (1, 2, 3, 5, 8, 12, 20)
    return {
        "batch": [(n, Task(f"batch-{n}", dense(784, 50, 10), n, "sgd", 0.1)) for n in batches],
        "width": [(n, Task(f"width-{n}", dense(784, n, n, 10), 128, "adam", 1e-4)) for n in widths],
        "depth": [
            (n, Task(f"depth-{n}", dense(784, *[100] * n, 10), 128, "adam", 1e-4)) for n in depths
        ],
    }


def main() -> None:
    options = read_options()
    rounds = options.rounds or (1 if options.quick else 3)
    blocks, seconds = (1, 0.02) if options.quick else (2, 0.05)
    machine = describe_machine()
    print(machine_line(machine))
    figures: dict[str, Any] = {"rounds": rounds, "threads": THREADS, "sweeps": {}}
    with work_folder() as name, Crew() as crew:
        folder = Path(name)
        write_data(folder, find_data(options.data_dir))
        present = [peer for peer in PEERS_HERE if not missing_packages(peer)]
        workers = [Worker(peer, THREADS, folder) for peer in present]
        for sweep, points in sweeps(quick=options.quick).items():
            times: dict[str, list[float | None]] = {peer: [] for peer in present}
            for place, (value, task) in enumerate(points):
                # The smallest network of each kind shows that all do the same.
                expected = None if place else expected_results(task, folder)
                alive = [w for w in workers if w.label not in crew.failed]
                alive = [w for w in alive if crew.add(w, task, expected)]
                taken = [crew.round(blocks, seconds) for _ in range(rounds)] if alive else []
                for peer in present:
                    own = [t for r in taken if (t := r.get(f"{peer}/{THREADS}")) is not None]
                    times[peer].append(median(own) if own else None)
                shown = ", ".join(
                    f"{p} {t * 1e6:,.0f}" for p in present if (t := times[p][-1]) is not None
                )
                print(f"{sweep} {value}: us {shown}", flush=True)
            figures["sweeps"][sweep] = {"values": [v for v, _ in points], "seconds": times}
        figures["failed"] = crew.failed
    picture = SMOKE / PICTURE.name if options.quick else PICTURE
    text = f"{ratio_table(figures)}\n\n{regions_behind(figures)}"
    print(
        f"\n{text}\n\nwritten: {save_section('scaling', figures, machine, keep=not options.quick)}"
    )
    draw(figures["sweeps"], picture)
    print(f"written: {picture}")
    if not options.quick:
        replace_marked(PAGE, "scaling", f"{text}\n\nMeasured on: {machine_line(machine)}")


def leaders(sweep: dict[str, Any]) -> list[tuple[float, str] | None]:
    """Our best mode over the fastest peer's, and that peer, at each value where both were timed."""
    found: list[tuple[float, str] | None] = []
    for place in range(len(sweep["values"])):
        timed = {p: v[place] for p, v in sweep["seconds"].items() if v[place] is not None}
        ours = [took for peer, took in timed.items() if PEERS[peer].ours]
        others = {peer: took for peer, took in timed.items() if not PEERS[peer].ours}
        if ours and others:
            fastest = min(others, key=lambda peer: others[peer])
            found.append((min(ours) / others[fastest], fastest))
        else:
            found.append(None)
    return found


def ratio_table(figures: dict[str, Any]) -> str:
    parts = []
    for name, sweep in figures["sweeps"].items():
        cells = ["" if found is None else f"{found[0]:.2f}" for found in leaders(sweep)]
        head = [name, *map(str, sweep["values"])]
        parts.append(table(head, [["of the fastest peer's time", *cells]]))
    return "\n\n".join(parts)


def regions_behind(figures: dict[str, Any]) -> str:
    """Where a peer is ahead by more than a tenth, and which: to be explained in the docs."""
    behind = [
        f"{name} {value}: {found[0]:.2f} ({found[1]})"
        for name, sweep in figures["sweeps"].items()
        for value, found in zip(sweep["values"], leaders(sweep), strict=True)
        if found is not None and found[0] > AHEAD
    ]
    modes = "Our best mode (one step or many in one call) over the best mode of any peer. "
    if not behind:
        return f"{modes}No peer is ahead by more than 10 % anywhere."
    return f"{modes}A peer is ahead by more than 10 % at {', '.join(behind)}."


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time steps of growing networks.")
    parser.add_argument("--quick", action="store_true", help="see that it works: few networks")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--data-dir", help="the folder with fashion-mnist (or set ZEROKARA_DATA)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
