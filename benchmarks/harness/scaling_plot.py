"""The plot of scaling.py, readable in grey: lines are told apart by marker and dash."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

LINES: dict[str, dict[str, Any]] = {
    "zerokara": {"color": "black", "marker": "o", "linestyle": "-", "linewidth": 2.2},
    "zerokara-run": {"color": "black", "marker": "o", "markerfacecolor": "white", "linestyle": ":"},
    "jax-jit": {"color": "0.35", "marker": "s", "linestyle": "--"},
    "jax-scan": {"color": "0.35", "marker": "D", "markerfacecolor": "white", "linestyle": "-."},
    "torch-eager": {"color": "0.6", "marker": "^", "linestyle": "-"},
}
TITLES = {
    "batch": "rows of a batch (784-50-10, SGD)",
    "width": "width n (784-n-n-10, batch 128, Adam)",
    "depth": "hidden layers of 100 (batch 128, Adam)",
}


def draw(sweeps: dict[str, Any], path: Path) -> None:
    """Draw one panel a sweep: microseconds a step, both axes logarithmic."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, sweep) in zip(
        figure.subplots(1, len(sweeps), squeeze=False)[0], sweeps.items(), strict=True
    ):
        for peer, seconds in sweep["seconds"].items():
            points = [
                (value, taken * 1e6)
                for value, taken in zip(sweep["values"], seconds, strict=True)
                if taken is not None
            ]
            if points:
                axes.plot(*zip(*points, strict=True), label=peer, markersize=5, **LINES[peer])
        axes.set(xscale="log", yscale="log", xlabel=TITLES[name])
        axes.set_xticks(sweep["values"], [str(value) for value in sweep["values"]])
        axes.minorticks_off()
        axes.grid(which="major", color="0.9")
    axes = figure.axes[0]
    axes.set_ylabel("microseconds a training step")
    axes.legend(frameon=False, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    figure.savefig(beside, dpi=110, format="png", metadata={"Software": None})
    os.replace(beside, path)
