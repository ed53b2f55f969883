"""The tables that run.py makes of its figures."""

from __future__ import annotations

from typing import Any

from peers import PEERS

from harness.report import median, spread, table
from harness.tasks import Task

OURS = "zerokara"  # one step a call
HOW_TO_READ = (
    "Each library counts with its best mode. Ours is the faster of one step a call (`zerokara`) "
    "and many steps in one call (`zerokara-run`, what `fit` does), at 2 threads. The fastest peer "
    "is the fastest of all libraries, settings and modes at 1 or 2 threads, `jax-scan`'s many "
    "steps in one call included. *One step a call* sets `zerokara` against the peers that take "
    "one step a call too: without `jax-scan`, and without `sklearn-mlp`, whose own loop runs "
    "inside its call."
)
NOISY = 0.10  # spreads below this are not printed


def summary(figures: dict[str, Any]) -> str:
    """Ours over the fastest peer and over the arithmetic limit, a line a task."""
    head = [
        "workload",
        "of the fastest peer's time",
        "fastest peer",
        "times the arithmetic limit",
        "one step a call: of the fastest such peer's",
        "at 1 thread: of the fastest peer's",
        "times the limit",
    ]
    rows = []
    for entry in figures["tasks"]:
        ours = {count: our_best(entry, count) for count in (1, 2)}
        label, best = fastest_peer(entry, (1, 2))
        _, best_alone = fastest_peer(entry, (1,))
        _, best_single = fastest_peer(entry, (1, 2), one_step=True)
        single = figure_of(entry, OURS, 2) if trains(entry) else None
        rows.append(
            [
                workload(entry["task"]),
                ratio(ours[2], best, bold=True),
                label.replace("/", ", threads: "),
                ratio(ours[2], floor(entry, 2)),
                ratio(single, best_single),
                ratio(ours[1], best_alone),
                ratio(ours[1], floor(entry, 1)),
            ]
        )
    return f"{table(head, rows)}\n\n{HOW_TO_READ}"


def all_times(figures: dict[str, Any]) -> str:
    """Every peer's time relative to the fastest one, with the fastest one's in microseconds."""
    parts = []
    for images in (False, True):
        entries = [e for e in figures["tasks"] if Task.from_json(e["task"]).takes_images == images]
        parts += [_times(entries, threads) for threads in (1, 2) if entries]
    failures = [
        f"- {entry['task']['name']}, {label}: {reason}"
        for entry in figures["tasks"]
        for label, reason in entry["failed"].items()
    ]
    if failures:
        parts.append("Not timed:\n\n" + "\n".join(failures))
    return "\n\n".join(parts)


def _times(entries: list[dict[str, Any]], threads: int) -> str:
    names = [n for n in PEERS if any(figure_of(e, n, threads) for e in entries)]
    head = [f"threads: {threads}", *names, "limit", "1.00 is"]
    rows = []
    for entry in entries:
        known = [f for n in names if (f := figure_of(entry, n, threads))]
        if not known:
            continue
        best = min(known)
        cells = [_cell(entry, name, threads, best) for name in names]
        limit = ratio(floor(entry, threads), best)
        rows.append([entry["task"]["name"], *cells, limit, f"{best * 1e6:,.1f} us"])
    return table(head, rows)


def figures_to_reach(figures: dict[str, Any]) -> str:
    """Each limit that the project set itself, and whether our best mode kept it in this run."""
    lines = []
    for entry in figures["tasks"]:
        ours = our_best(entry, 2)
        against = {
            "peer_limit": ("the fastest peer", fastest_peer(entry, (1, 2))[1]),
            "floor_limit": ("the arithmetic limit", floor(entry, 2)),
        }
        for key, (what, base) in against.items():
            limit = entry["task"][key]
            if limit is None or ours is None or base is None:
                continue
            verdict = "kept" if ours <= limit * base else "NOT kept"
            if key == "floor_limit" and ours < base:
                verdict = "not to be believed, unless by fewer products: was the machine busy?"
            name = entry["task"]["name"]
            lines.append(f"{name}: {ours / base:.2f} of {what}, at most {limit}: {verdict}")
    return "\n".join(lines)


def trains(entry: dict[str, Any]) -> bool:
    return Task.from_json(entry["task"]).trains


def our_best(entry: dict[str, Any], threads: int) -> float | None:
    """Seconds a step of the faster one of our modes."""
    found = [
        figure
        for name, known in PEERS.items()
        if known.ours and (figure := figure_of(entry, name, threads)) is not None
    ]
    return min(found, default=None)


def figure_of(entry: dict[str, Any], name: str, threads: int) -> float | None:
    """Seconds a step: the median of rounds, or None where the peer was not timed."""
    values = entry["seconds"].get(f"{name}/{threads}")
    return median(values) if values else None


def fastest_peer(
    entry: dict[str, Any], threads: tuple[int, ...], *, one_step: bool = False
) -> tuple[str, float | None]:
    """The label and figure of the fastest one that is not ours.

    Args:
        one_step: without those that do many steps in one call.
    """
    found = {
        f"{name}/{count}": figure
        for name, known in PEERS.items()
        for count in threads
        if not (known.ours or (one_step and known.many_steps))
        and (figure := figure_of(entry, name, count)) is not None
    }
    if not found:
        return "none", None
    label = min(found, key=lambda key: found[key])
    return label, found[label]


def floor(entry: dict[str, Any], threads: int) -> float | None:
    """Seconds that the step's arithmetic takes at the peak measured in the same run."""
    rate = entry["peak_flops"].get(str(threads))
    return float(entry["flops"]) / float(rate) if rate else None


def ratio(part: float | None, whole: float | None, *, bold: bool = False) -> str:
    if part is None or whole is None:
        return ""
    return f"**{part / whole:.2f}**" if bold else f"{part / whole:.2f}"


def workload(task: dict[str, Any]) -> str:
    network = task["network"]
    if not task["optimizer"]:
        unit = "image" if Task.from_json(task).takes_images else "row"
        return f"{network}, predict {task['rows']:,} {unit}{'s' if task['rows'] > 1 else ''}"
    optimizer = {"sgd": "SGD", "adam": "Adam"}[task["optimizer"]]
    return f"{network}, train, batch {task['rows']}, {optimizer}"


def _cell(entry: dict[str, Any], name: str, threads: int, best: float) -> str:
    figure = figure_of(entry, name, threads)
    if figure is None:
        return ""
    wide = spread(entry["seconds"][f"{name}/{threads}"])
    noise = f" (±{wide:.0%})" if wide > NOISY else ""
    return ratio(figure, best, bold=figure == best) + noise
