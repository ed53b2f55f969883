"""The plan of a search: its search.json, and whether a folder may hold a new one."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from zerokara.errors import ArgumentError, DataError
from zerokara.files import replace_file

PLAN = "search.json"


def check_folder(folder: Path, plan: dict[str, Any], resume: bool) -> dict[str, Any] | None:
    """The search that was begun in a folder; None where a new one may begin.

    Raises:
        DataError: other files, or a search that is not to be resumed, are in the folder.
        ArgumentError: the search there was begun with other arguments.
    """
    begun = read_plan(folder)
    if begun is None:
        try:
            others = folder.exists() and any(not p.name.endswith(".lock") for p in folder.iterdir())
        except OSError as error:
            raise DataError(f"search: {folder}: {error.strerror or error}") from None
        if others:
            raise DataError(f"search: {folder} holds files already; name a new or empty folder")
    elif not resume:
        raise DataError(f"search: {folder} holds a search already; resume it, or name a new folder")
    else:
        for name, value in json.loads(json.dumps(plan)).items():
            if begun["plan"].get(name) != value:
                raise ArgumentError(
                    f"search: {name} is {value!r}, but the search in {folder} was begun with "
                    f"{begun['plan'].get(name)!r}; give the same, or another out"
                )
    return begun


def write_plan(
    folder: Path,
    begun: dict[str, Any] | None,
    plan: dict[str, Any],
    facts: dict[str, Any],
    trials: int,
) -> str:
    """Write the plan of a search that begins or goes on; the name of its study.

    Raises:
        DataError: it cannot be written.
    """
    study = begun["study"] if begun else f"zerokara-{uuid.uuid4().hex[:12]}"
    content = {"program": "zerokara", "command": "search", "study": study, "trials": trials}
    content |= {"plan": plan, "facts": facts}
    path = folder / PLAN
    try:
        replace_file(path, (json.dumps(content, indent=2) + "\n").encode())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
    return str(study)


def read_plan(folder: Path) -> dict[str, Any] | None:
    """The search.json of a folder; None where there is none.

    Raises:
        DataError: it is no search's.
    """
    path = folder / PLAN
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path}: is no JSON") from None
    kinds = {"study": str, "trials": int, "plan": dict, "facts": dict}
    ours = isinstance(found, dict) and found.get("command") == "search"
    if not ours or not all(isinstance(found.get(name), kind) for name, kind in kinds.items()):
        raise DataError(f"{path}: is no plan of a search")
    return dict(found)
