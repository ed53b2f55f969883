"""The process that runs the user's code: ``python -m zerokara.check.child REQUEST RESULT``.

REQUEST and RESULT are JSON files. RESULT is written anew after each step, so that its reader
knows how far the child came when it dies.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zerokara.check.blame import OwnDefectError, blame
from zerokara.check.doctor import Examination
from zerokara.check.loading import load, names_in
from zerokara.check.report import Row
from zerokara.check.session import Request, check_name
from zerokara.errors import ArgumentError, ZerokaraError


def main(words: list[str]) -> int:
    """Do what the request says; 0 when the result is complete."""
    request = Request(**json.loads(Path(words[0]).read_text(encoding="utf-8")))
    result = Path(words[1])
    told: dict[str, Any] = {"done": [], "now": None, "left": [], "usage": None, "end": False}

    def tell(**news: Any) -> None:
        told.update(news)
        write(result, told)

    tell()
    sys.argv = [request.file]
    # What the file prints is the user's own, and no part of the verdict.
    os.dup2(2, 1)
    try:
        module = load(request.file)
    except BaseException as error:  # the user's code may raise even KeyboardInterrupt
        tell(done=[told_of(error, request, Path(request.file).name)], end=True)
        return 0
    names = names_in(module) if request.names is None else request.names
    for place, name in enumerate(names):
        tell(now=name, left=names[place + 1 :])
        try:
            told["done"].append(as_json(check_name(module, name, request)))
        except ZerokaraError as error:
            if request.names is not None and len(request.names) == 1:
                tell(usage=str(error), end=True)
                return 0
            told["done"].append({"label": name, "usage": str(error)})
        except BaseException as error:
            told["done"].append(told_of(error, request, name))
    tell(now=None, end=True)
    return 0


def told_of(error: BaseException, request: Request, label: str) -> dict[str, Any]:
    """What is told of an exception that came as far as this: a verdict, or why there is none."""
    if isinstance(error, MemoryError):
        return {"label": label, "usage": "not enough memory for arrays of these shapes"}
    if isinstance(error, ArgumentError):
        return {"label": label, "usage": str(error)}
    try:
        found = blame(error, file=str(Path(request.file).resolve()))
    except OwnDefectError as ours:
        return {"label": label, "usage": str(ours)}
    return as_json(Examination(label, defects=[found]))


def write(path: Path, content: dict[str, Any]) -> None:
    """Write beside and rename, so that a reader never sees half of it."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content), encoding="utf-8")
    os.replace(beside, path)


def as_json(found: Examination) -> dict[str, Any]:
    """An examination as JSON can hold it."""
    return {
        "label": found.label,
        "verdict": found.verdict,
        "conditions": found.conditions,
        "defects": [defect.as_json() for defect in found.defects],
        "notes": [note.as_json() for note in found.notes],
        "rows": [_row(row) for row in (found.report.rows if found.report is not None else ())],
    }


def _row(row: Row) -> dict[str, Any]:
    worst = None
    if row.worst is not None:
        worst = {key: _plain(value) for key, value in asdict(row.worst).items()}
    return {
        "name": row.name,
        "shape": list(row.shape),
        "right": row.right,
        "wrong": row.wrong,
        "kinks": row.kinks,
        "order": row.order,
        "worst": worst,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(value)
    return list(value) if isinstance(value, tuple) else value


if __name__ == "__main__":
    # A child that is through ends at once: threads of the user's may not hold it.
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
