"""A training step of the book's DeepConvNet: its own code beside the same code on zerokara.book.

python benchmarks/book_scripts.py FOLDER [--quick] [--rounds N] [--strict]

FOLDER is a checkout of the book's first-volume repository, which is not part of this one. Both
sides load ch08/deep_convnet.py from it, unchanged; one imports the repository's `common`, the other
zerokara's. Each runs in a process of its own, one step at a time, and the two take turns. Their
losses must agree to rounding. A step is `gradient` and Adam's update of a batch of 100, in float64;
a trainer's step computes the loss once more behind it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.machine import describe_machine, machine_line
from harness.report import median, save_section, spread, table

LIMIT = 0.2
BATCH = 100
SIDES = {"original": "the book's code", "zerokara": "zerokara.book"}
PARTS = {"step": "gradient and update", "trainer": "a trainer's step"}
SAME = 1e-9  # of losses after some steps of Adam, which makes much of a gradient's last bits


class Side:
    """A process that takes one step when it is asked to."""

    def __init__(self, name: str, folder: Path) -> None:
        words = [sys.executable, __file__, str(folder), "--side", name]
        self.name = name
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.answer()

    def answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"book_scripts.py: the process of {SIDES[self.name]} ended")
        answer: dict[str, float] = json.loads(line)
        return answer

    def step(self) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def main() -> None:
    options = read_options()
    if not (options.folder / "ch08" / "deep_convnet.py").is_file():
        sys.exit(f"book_scripts.py: {options.folder} holds no ch08/deep_convnet.py")
    if options.side:
        with packages_of(options.side, options.folder):
            serve()
        return
    rounds = options.rounds or (3 if options.quick else 15)
    machine = describe_machine()
    print(machine_line(machine))
    sides = [Side(name, options.folder) for name in SIDES]
    try:
        times = measure(sides, rounds)
    finally:
        for side in sides:
            side.close()
    ratios = {
        part: median(times["zerokara"][part]) / median(times["original"][part]) for part in PARTS
    }
    print("\n" + text_of(times, ratios))
    figures = {"rounds": rounds, "limit": LIMIT, "seconds": times, "ratios": ratios}
    print(f"\nwritten: {save_section('book', figures, machine, keep=not options.quick)}")
    slow = [part for part, ratio in ratios.items() if ratio > LIMIT]
    for part in slow:
        print(
            f"{PARTS[part]}: {ratios[part]:.2f} of the original's time, at most {LIMIT}: NOT kept"
        )
    sys.exit(1 if slow and options.strict else 0)


def measure(sides: list[Side], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of each round by side and part; the first round, which allocates, is left out."""
    times: dict[str, dict[str, list[float]]] = {s.name: {part: [] for part in PARTS} for s in sides}
    for place in range(rounds + 1):
        losses = []
        for side in sides:
            answer = side.step()
            losses.append(answer["loss"])
            for part in PARTS:
                if place:
                    times[side.name][part].append(answer[part])
        if abs(losses[0] - losses[1]) > SAME * abs(losses[0]):
            sys.exit(f"book_scripts.py: the losses differ: {losses}")
        print(f"    round {place} of {rounds}, loss {losses[0]:.12f}", flush=True)
    return times


def text_of(times: dict[str, dict[str, list[float]]], ratios: dict[str, float]) -> str:
    rows = []
    for part, words in PARTS.items():
        cells = [
            f"{1e3 * median(times[side][part]):.0f} ms (±{spread(times[side][part]):.0%})"
            for side in SIDES
        ]
        rows.append([f"DeepConvNet, batch {BATCH}: {words}", *cells, f"**{ratios[part]:.2f}**"])
    return table(["", *SIDES.values(), "share"], rows)


@contextlib.contextmanager
def packages_of(side: str, folder: Path) -> Iterator[None]:
    """`common` and `deep_convnet` as a script in ch08 would find them."""
    sys.path[0] = str(folder / "ch08")
    sys.path.append(str(folder))
    if side == "original":
        yield
        return
    from zerokara.book.finder import at_home

    with at_home({}):
        yield


def serve() -> None:
    """Take a step for each line on stdin, and say how long it took and the loss behind it."""
    import numpy as np
    from common.optimizer import Adam  # type: ignore[import-not-found]
    from deep_convnet import DeepConvNet  # type: ignore[import-not-found]

    np.random.seed(0)
    net: Any = DeepConvNet()
    optimizer = Adam(lr=0.001)
    x = np.random.rand(BATCH, 1, 28, 28).astype(np.float32)
    t = np.random.randint(0, 10, BATCH)
    print("{}", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        optimizer.update(net.params, net.gradient(x, t))
        step = time.perf_counter()
        loss = float(net.loss(x, t))
        end = time.perf_counter()
        answer = {"step": step - start, "trainer": end - start, "loss": loss}
        print(json.dumps(answer), flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time the book's DeepConvNet on both codes.")
    parser.add_argument("folder", type=Path, help="a checkout of the book's repository")
    parser.add_argument("--quick", action="store_true", help="see that it works: few rounds")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--strict", action="store_true", help="exit with 1 beyond the limit")
    parser.add_argument("--side", choices=sorted(SIDES), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
