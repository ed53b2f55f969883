"""Where figures go: a JSON file of one machine and day, and marked parts of Markdown pages."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from harness.tasks import ROOT

RESULTS = ROOT / "benchmarks" / "results"
SMOKE = ROOT / "build" / "bench"  # of --quick and partial runs: ignored by git
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"


def save_section(
    section: str, figures: dict[str, Any], machine: dict[str, Any], *, keep: bool
) -> Path:
    """Put a script's figures into the file of this machine and day; other sections stay.

    Args:
        keep: whether these are full figures, for benchmarks/results; else into build/bench.
    """
    folder = RESULTS if keep else SMOKE
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{machine['date']}-{_slug(machine)}.json"
    whole = json.loads(path.read_text()) if path.exists() else {}
    whole["machine"] = machine
    whole[section] = figures
    write_text(path, json.dumps(whole, indent=1) + "\n")
    return path


def last_section(section: str, machine: dict[str, Any]) -> dict[str, Any] | None:
    """A script's figures of the last full run on this CPU by the same kernels and versions."""
    for path in sorted(RESULTS.glob(f"*-{_slug(machine)}.json"), reverse=True):
        whole = json.loads(path.read_text())
        if section in whole:
            same = all(whole["machine"].get(k) == machine[k] for k in ("kernels", "versions"))
            found: dict[str, Any] = whole[section]
            return found if same else None
    return None


def _slug(machine: dict[str, Any]) -> str:
    return re.sub(r"[^a-z0-9]+", "-", machine["cpu"].lower()).strip("-")


def replace_marked(page: Path, name: str, text: str) -> bool:
    """Replace what is between <!-- name:begin --> and <!-- name:end -->; whether they are there."""
    if not page.exists():
        return False
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    whole = page.read_text(encoding="utf-8")
    before, found, rest = whole.partition(begin)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        return False
    write_text(page, f"{before}{begin}\n{text.strip()}\n{end}{after}")
    return True


def write_text(path: Path, text: str) -> None:
    """Write beside and rename over, so that a page is never half a page."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, the first column to the left and the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values: list[float]) -> float:
    """Half of the way from the least to the greatest, as a share of the median."""
    return (max(values) - min(values)) / 2 / median(values)
