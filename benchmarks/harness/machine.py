"""The machine and the versions that figures were taken with."""

from __future__ import annotations

import datetime
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from peers import PEERS

import zerokara as zk
from harness.crew import all_cores
from zerokara import native


def describe_machine() -> dict[str, Any]:
    """CPU, cores, instruction sets, versions and load, as JSON can hold them."""
    packages = sorted({p for entry in PEERS.values() for p in entry.packages} | {"jaxlib"})
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "cpu": cpu_name(),
        "cores": len(all_cores()),
        "isa": sorted(name for name, there in native.cpu_features().items() if there),
        "kernels": native.isa(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else [],
        "versions": {"zerokara": zk.__version__} | {p: _version(p) for p in packages},
    }


def cpu_name() -> str:
    """The processor's name as the system gives it, such as 'AMD EPYC'."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        text = info.read_text(errors="replace")
        fields = dict(re.findall(r"^(model name|cpu family|model)\s*: (.+)$", text, re.MULTILINE))
        if "model name" in fields:
            family, model = fields.get("cpu family", ""), fields.get("model", "")
            code = f" (family {family} model {model})" if family else ""
            return f"{fields['model name'].strip()}{code}"
    return platform.processor() or platform.machine()


def machine_line(machine: dict[str, Any]) -> str:
    """One sentence for the documentation."""
    versions = ", ".join(
        f"{name} {number}" for name, number in machine["versions"].items() if number
    )
    return (
        f"{machine['cpu']}, {machine['cores']} cores, kernels {machine['kernels']}, "
        f"{machine['system']}, Python {machine['python']}; {versions}; {machine['date']}."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
