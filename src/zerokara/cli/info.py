"""``zerokara info``: what is installed, and what this machine has."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
from pathlib import Path
from typing import Annotated, Any

import typer

from zerokara.errors import DataError

OPTIONAL = ("matplotlib", "pillow", "optuna")


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say versions, native code, threads, data."""
    facts = gather()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        if isinstance(value, dict):
            for name, inner in value.items():
                typer.echo(f"{name}: {inner}")
        else:
            typer.echo(f"{key}: {', '.join(value) if isinstance(value, list) else value}")


def gather() -> dict[str, Any]:
    """The facts by name: strings, numbers, lists of words, and dicts of strings."""
    import numpy as np

    from zerokara import native
    from zerokara._version import __version__

    features = [name for name, there in native.cpu_features().items() if there]
    return {
        "zerokara": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpus": _usable_cpus(),
        "cgroup quota": _quota_in_words(),
        "threads": native.max_threads(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
        "native": native.isa() if native.available else f"none ({native.reason})",
        "native paths": native.isas() or "none",
        "cpu features": features or ("none found" if native.available else "unknown"),
        "data": {"digits": "comes with zerokara", **_data_found()},
        "packages": {name: _installed(name) for name in OPTIONAL},
    }


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cgroup_quota(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """How many CPUs a container may use, where Linux says it (cgroup v2, then v1)."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    try:
        cpus = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max": no quota
        return None
    return cpus if cpus > 0 and math.isfinite(cpus) else None


def _quota_in_words() -> str:
    quota = cgroup_quota()
    return "none" if quota is None else f"{quota:g} CPUs"


def _data_found() -> dict[str, str]:
    from zerokara.data.mnist import FASHION_MNIST, MNIST, locate

    found = {}
    for name, source in (("mnist", MNIST), ("fashion-mnist", FASHION_MNIST)):
        try:
            folder = locate(source)
        except DataError as error:
            found[name] = f"not usable: {error}"
            continue
        found[name] = (
            f"not found: zerokara train {name} downloads it, "
            "or set ZEROKARA_DATA to a folder that has it"
            if folder is None
            else str(folder)
        )
    return found


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"not installed: pip install {name}"
