"""Time to the same test accuracy: our NetClassifier beside scikit-learn's MLPClassifier.

python benchmarks/sklearn_accuracy.py [--quick] [--rounds N] [--tasks NAMES] [--strict]

Both have the same hidden layers, the same data in float32 and the same choice of optimizers,
learning rates and batch sizes. To these comes what one of them alone has: schedules of ours, whose
rate falls to nothing by the last epoch; scikit-learn's L-BFGS and its 'invscaling' rates. Each
keeps what is fastest for it. A round has a seed of its own.
In it each library first finds, with one thread, how many epochs bring it to the accuracy. Then
whole calls of `fit`, of so many epochs, take turns, with one thread and with two; the better of
these counts for each library. A figure is the median over rounds.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from harness.machine import describe_machine, machine_line
from harness.report import ROOT, median, replace_marked, save_section, table
from harness.tasks import find_data
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import zerokara as zk
from zerokara.sklearn import NetClassifier

GOAL = 4.0
"""So many times faster than scikit-learn we want to be."""

PAGE = ROOT / "docs" / "sklearn.md"
OURS, THEIRS = "zerokara", "scikit-learn"
Data = tuple[Any, Any, Any, Any]


@dataclass(frozen=True)
class Case:
    """A data set, the hidden layers, and the test accuracy to reach."""

    name: str
    hidden: tuple[int, ...]
    accuracy: float
    most_epochs: int


CASES = (
    Case("digits", (50,), 0.95, 150),
    Case("fashion-mnist", (100,), 0.87, 30),
    Case("table", (100, 50), 0.87, 80),
)


@dataclass(frozen=True)
class Way:
    """How either library may train."""

    optimizer: str  #: 'adam', 'nesterov', or scikit-learn's 'lbfgs'
    lr: float = 0.0
    batch_size: int = 0
    schedule: str = ""  #: 'one-cycle' or 'cosine' of ours, or scikit-learn's 'invscaling'

    def __str__(self) -> str:
        if self.optimizer == "lbfgs":
            return "lbfgs"
        given = [self.optimizer, f"lr {self.lr:g}", f"batch {self.batch_size}", self.schedule]
        return ", ".join(filter(None, given))

    @property
    def ends_where_it_was_told(self) -> bool:
        """Whether one more epoch needs a training from the beginning."""
        return self.optimizer == "lbfgs" or self.schedule in SCHEDULES


SHARED = (
    Way("adam", 0.001, 200),  # scikit-learn's defaults
    Way("adam", 0.003, 200),
    Way("adam", 0.001, 50),
    Way("nesterov", 0.1, 200),
    Way("nesterov", 0.05, 50),
)
SCHEDULES = {"one-cycle": zk.schedules.OneCycle(), "cosine": zk.schedules.Cosine()}
WAYS = {
    OURS: (
        *SHARED,
        Way("nesterov", 0.1, 50, "cosine"),
        Way("nesterov", 0.1, 100, "one-cycle"),
        Way("nesterov", 0.2, 200, "one-cycle"),
        Way("adam", 0.01, 200, "one-cycle"),
    ),
    THEIRS: (
        *SHARED,
        Way("lbfgs"),
        Way("nesterov", 0.1, 200, "invscaling"),
        Way("nesterov", 0.5, 200, "invscaling"),
    ),
}


def main() -> None:
    options = read_options()
    warnings.simplefilter("ignore", ConvergenceWarning)
    machine = describe_machine()
    print(machine_line(machine))
    rounds = options.rounds or (1 if options.quick else 5)
    cases = [case for case in CASES if case.name in options.tasks.split(",")]
    results = [measure(case, rounds, options) for case in cases]
    figures: dict[str, Any] = {"rounds": rounds, "goal": GOAL, "tasks": results}
    text = accuracy_table(figures)
    keep = not options.quick and len(cases) == len(CASES)
    print(f"\n{text}\n\nwritten: {save_section('sklearn', figures, machine, keep=keep)}")
    if keep:
        replace_marked(PAGE, "sklearn", f"{text}\n\nMeasured on: {machine_line(machine)}")
    slow = [entry["task"] for entry in results if ratio(entry) < GOAL]
    print(f"less than {GOAL:g} times as fast: {', '.join(slow) or 'none'}")
    sys.exit(1 if slow and options.strict else 0)


def measure(case: Case, rounds: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of every round for both libraries, by number of threads."""
    data = read(case, options.data_dir, options.quick)
    target = case.accuracy - (0.3 if options.quick else 0.0)
    print(f"\n{case.name}: {data[0].shape[0]:,} samples, to {target:.1%}", flush=True)
    with threadpool_limits(1):
        ways = {name: quickest(name, case, target, data, options.quick) for name in WAYS}
    seconds: dict[str, dict[str, list[float]]] = {name: {"1": [], "2": []} for name in WAYS}
    epochs: dict[str, list[int]] = {name: [] for name in WAYS}
    for seed in range(rounds):
        with threadpool_limits(1):
            counts = {n: epochs_to(n, ways[n], case, target, data, seed)[0] for n in WAYS}
        for threads in ("1", "2"):
            # In turns, so that a slow moment of the machine meets both.
            for name in (OURS, THEIRS) if seed % 2 else (THEIRS, OURS):
                with threadpool_limits(int(threads)):
                    seconds[name][threads].append(
                        seconds_of(name, ways[name], case, counts[name], target, data, seed)
                    )
        for name, count in counts.items():
            epochs[name].append(count)
        print(f"    round {seed + 1} of {rounds}", flush=True)
    return {
        "task": case.name,
        "samples": len(data[0]),
        "hidden": case.hidden,
        "accuracy": target,
        "ways": {name: str(way) for name, way in ways.items()},
        "epochs": epochs,
        "seconds": seconds,
    }


def quickest(name: str, case: Case, target: float, data: Data, quick: bool) -> Way:
    """The way that brings the library to the accuracy in the least time, by the first seed."""
    found: tuple[float, Way] | None = None
    for way in WAYS[name][: 1 if quick else None]:
        limit = 1.5 * found[0] if found else float("inf")
        count, took = epochs_to(name, way, case, target, data, 0, limit)
        print(f"    {name}, {way}: {f'{count} epochs, {took:.2f} s' if count else 'too slow'}")
        if count and (found is None or took < found[0]):
            found = took, way
    if found is None:
        sys.exit(f"sklearn_accuracy.py: {name} does not come to {target:.1%} on {case.name}")
    return found[1]


def epochs_to(
    name: str,
    way: Way,
    case: Case,
    target: float,
    data: Data,
    seed: int,
    limit: float = float("inf"),
) -> tuple[int, float]:
    """Epochs until the test accuracy is reached, and the seconds they took; 0 where it is not.

    Args:
        limit: seconds after which it is given up.
    """
    x, t, x_test, t_test = data
    for count, took, model in stages(name, way, case, x, t, seed):
        if model.score(x_test, t_test) >= target:
            return count, took
        if took > limit:
            break
    return 0, 0.0


def stages(
    name: str, way: Way, case: Case, x: Any, t: Any, seed: int
) -> Iterator[tuple[int, float, Any]]:
    """(epochs made, seconds of training, the model) after one epoch after another."""
    if way.ends_where_it_was_told:
        each = 5 if way.optimizer == "lbfgs" else 1
        for count in range(each, case.most_epochs, each):
            yield count, *timed_fit(make(name, way, case, count, seed), x, t)
        return
    model, took = make(name, way, case, case.most_epochs, seed), 0.0
    for count in range(1, case.most_epochs + 1):
        began = time.perf_counter()
        model.partial_fit(x, t, **({"classes": np.unique(t)} if count == 1 else {}))
        took += time.perf_counter() - began
        yield count, took, model


def seconds_of(
    name: str, way: Way, case: Case, count: int, target: float, data: Data, seed: int
) -> float:
    """Seconds of one whole call of fit, of so many epochs."""
    if not count:
        sys.exit(f"sklearn_accuracy.py: {name} missed {target:.1%} on {case.name}, seed {seed}")
    x, t, x_test, t_test = data
    took, model = timed_fit(make(name, way, case, count, seed), x, t)
    reached = model.score(x_test, t_test)
    # Sums of other threads round in other ways, and the training takes another path, where the
    # epoch after which it is stopped may be a worse one. More than this would be another training.
    if reached < target - 0.04:
        sys.exit(f"sklearn_accuracy.py: {name}'s fit came to {reached:.1%} on {case.name}")
    return took


def timed_fit(model: Any, x: Any, t: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    model.fit(x, t)
    return time.perf_counter() - began, model


def make(name: str, way: Way, case: Case, epochs: int, seed: int) -> Any:
    """An estimator that trains for so many epochs and does not stop before."""
    if name == OURS:
        return NetClassifier(
            case.hidden,
            optimizer=way.optimizer,
            lr=way.lr,
            batch_size=way.batch_size,
            schedule=SCHEDULES.get(way.schedule),
            epochs=epochs,
            random_state=seed,
        )
    shared = {
        "max_iter": epochs,
        "alpha": 0.0,
        "tol": 0.0,
        "n_iter_no_change": epochs + 1,
        "random_state": seed,
    }
    if way.optimizer == "lbfgs":
        return MLPClassifier(case.hidden, solver="lbfgs", **shared)
    shared |= {"learning_rate_init": way.lr, "batch_size": way.batch_size}
    shared |= {"learning_rate": way.schedule or "constant"}
    return MLPClassifier(case.hidden, solver="adam" if way.optimizer == "adam" else "sgd", **shared)


def read(case: Case, root: str | None, quick: bool) -> Data:
    """Training and test samples, float32 rows."""
    if case.name == "digits":
        (x, t), (x_test, t_test) = zk.data.load_digits()
    elif case.name == "fashion-mnist":
        (x, t), (x_test, t_test) = zk.data.load_fashion_mnist(root=find_data(root))
    else:
        x, t = make_classification(
            25_000, 40, n_informative=15, n_classes=5, n_clusters_per_class=2, random_state=1
        )
        x = (x / x.std(axis=0)).astype(np.float32)
        x, x_test, t, t_test = x[:20_000], x[20_000:], t[:20_000], t[20_000:]
    most = 3000 if quick else len(x)
    return x[:most], np.asarray(t, np.int64)[:most], x_test, np.asarray(t_test, np.int64)


def best_seconds(entry: dict[str, Any], name: str) -> tuple[float, str]:
    """The median of the better number of threads, and that number."""
    return min((median(each), threads) for threads, each in entry["seconds"][name].items())


def ratio(entry: dict[str, Any]) -> float:
    """How many times faster than scikit-learn we are."""
    return best_seconds(entry, THEIRS)[0] / best_seconds(entry, OURS)[0]


def accuracy_table(figures: dict[str, Any]) -> str:
    head = ["data", "test accuracy", "MLPClassifier", "NetClassifier", "times faster"]
    rows = []
    for entry in figures["tasks"]:
        cells = []
        for name in (THEIRS, OURS):
            seconds, threads = best_seconds(entry, name)
            shown = f"{1000 * seconds:,.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
            epochs = f"{median(entry['epochs'][name]):g}"
            cells.append(f"{shown} ({entry['ways'][name]}; {epochs} epochs, threads: {threads})")
        place = f"{entry['task']}, {entry['samples']:,} samples, hidden {tuple(entry['hidden'])}"
        rows.append([place, f"{entry['accuracy']:.0%}", *cells, f"**{ratio(entry):.1f}**"])
    return table(head, rows)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time MLPClassifier and us to one accuracy.")
    parser.add_argument("--quick", action="store_true", help="see that it works: small and once")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--tasks", default=",".join(case.name for case in CASES))
    parser.add_argument("--strict", action="store_true", help="exit with 1 below the goal")
    parser.add_argument("--data-dir", help="the folder with fashion-mnist (or set ZEROKARA_DATA)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
