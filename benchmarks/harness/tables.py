"""The tables that run.py makes of its figures."""

from __future__ import annotations

from typing import Any

from peers import PEERS

from harness.report import median, spread, table

OURS = "zerokara"
OURS_RUN = "zerokara-run"
NOISY = 0.10  # spreads below this are not printed


def summary(figures: dict[str, Any]) -> str:
    """Ours over the fastest peer and over the arithmetic limit, a line a task.

    The fastest peer is the fastest of all libraries and both numbers of threads; at one thread the
    fastest of those at one thread.
    """
    head = [
        "workload",
        "of the fastest peer's time",
        "fastest peer",
        "times the arithmetic limit",
        "many steps in one call",
        "at 1 thread: of the fastest peer's",
        "times the limit",
    ]
    rows = []
    for entry in figures["tasks"]:
        ours = {count: figure_of(entry, OURS, count) for count in (1, 2)}
        label, best = fastest_peer(entry, (1, 2))
        _, best_alone = fastest_peer(entry, (1,))
        run = figure_of(entry, OURS_RUN, 2)
        rows.append(
            [
                workload(entry["task"]),
                ratio(ours[2], best, bold=True),
                label.replace("/", ", threads: "),
                ratio(ours[2], floor(figures, entry, 2)),
                ratio(run, best),
                ratio(ours[1], best_alone),
                ratio(ours[1], floor(figures, entry, 1)),
            ]
        )
    return table(head, rows)


def all_times(figures: dict[str, Any]) -> str:
    """Every peer's time relative to the fastest one, with the fastest one's in microseconds."""
    parts = []
    for threads in (1, 2):
        names = [n for n in PEERS if any(figure_of(e, n, threads) for e in figures["tasks"])]
        head = [f"threads: {threads}", *names, "limit", "1.00 is"]
        rows = []
        for entry in figures["tasks"]:
            known = [f for n in names if (f := figure_of(entry, n, threads))]
            if not known:
                continue
            best = min(known)
            cells = [_cell(entry, name, threads, best) for name in names]
            limit = ratio(floor(figures, entry, threads), best)
            rows.append([entry["task"]["name"], *cells, limit, f"{best * 1e6:,.1f} us"])
        parts.append(table(head, rows))
    failures = [
        f"- {entry['task']['name']}, {label}: {reason}"
        for entry in figures["tasks"]
        for label, reason in entry["failed"].items()
    ]
    if failures:
        parts.append("Not timed:\n\n" + "\n".join(failures))
    return "\n\n".join(parts)


def figures_to_reach(figures: dict[str, Any]) -> str:
    """Each limit that the project set itself, and whether this run kept it."""
    lines = []
    for entry in figures["tasks"]:
        ours = figure_of(entry, OURS, 2)
        against = {
            "peer_limit": ("the fastest peer", fastest_peer(entry, (1, 2))[1]),
            "floor_limit": ("the arithmetic limit", floor(figures, entry, 2)),
        }
        for key, (what, base) in against.items():
            limit = entry["task"][key]
            if limit is None or ours is None or base is None:
                continue
            verdict = "kept" if ours <= limit * base else "NOT kept"
            name = entry["task"]["name"]
            lines.append(f"{name}: {ours / base:.2f} of {what}, at most {limit}: {verdict}")
    return "\n".join(lines)


def figure_of(entry: dict[str, Any], name: str, threads: int) -> float | None:
    """Seconds a step: the median of rounds, or None where the peer was not timed."""
    values = entry["seconds"].get(f"{name}/{threads}")
    return median(values) if values else None


def fastest_peer(entry: dict[str, Any], threads: tuple[int, ...]) -> tuple[str, float | None]:
    """The label and figure of the fastest one that is not ours."""
    found = {
        f"{name}/{count}": figure
        for name, known in PEERS.items()
        for count in threads
        if not known.ours and (figure := figure_of(entry, name, count)) is not None
    }
    if not found:
        return "none", None
    label = min(found, key=lambda key: found[key])
    return label, found[label]


def floor(figures: dict[str, Any], entry: dict[str, Any], threads: int) -> float | None:
    """Seconds that the step's arithmetic takes at the measured peak."""
    rate = figures["peak_flops"].get(str(threads))
    return float(entry["flops"]) / float(rate) if rate else None


def ratio(part: float | None, whole: float | None, *, bold: bool = False) -> str:
    if part is None or whole is None:
        return ""
    return f"**{part / whole:.2f}**" if bold else f"{part / whole:.2f}"


def workload(task: dict[str, Any]) -> str:
    sizes = "-".join(map(str, task["sizes"]))
    if not task["optimizer"]:
        return f"{sizes}, predict {task['rows']:,} row{'s' if task['rows'] > 1 else ''}"
    optimizer = {"sgd": "SGD", "adam": "Adam"}[task["optimizer"]]
    return f"{sizes}, train, batch {task['rows']}, {optimizer}"


def _cell(entry: dict[str, Any], name: str, threads: int, best: float) -> str:
    figure = figure_of(entry, name, threads)
    if figure is None:
        return ""
    wide = spread(entry["seconds"][f"{name}/{threads}"])
    noise = f" (±{wide:.0%})" if wide > NOISY else ""
    return ratio(figure, best, bold=figure == best) + noise
