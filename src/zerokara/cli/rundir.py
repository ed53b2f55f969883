"""The run directory: chosen so that no run is ever written over, and its config.json."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from zerokara.errors import DataError
from zerokara.files import replace_file

MODEL, HISTORY, CONFIG, CURVE = "model.safetensors", "history.json", "config.json", "curve.png"


def check_free(out: Path) -> None:
    """Refuse a folder that cannot become a run directory, before any work is done.

    Raises:
        DataError: it is a file, holds something, or cannot be looked into.
    """
    try:
        if not out.exists():
            return
        if not out.is_dir():
            raise DataError(f"--out {out}: is a file; name a folder that is new or empty")
        if any(out.iterdir()):
            raise DataError(f"--out {out}: holds files already; name a folder that is new or empty")
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"--out {out}: {error.strerror or error}") from None


def make(out: Path | None, title: str, now: datetime) -> Path:
    """Make the run directory and return it: ``out``, or ``runs/<date-time>-<title>``.

    Raises:
        DataError: it cannot be made.
    """
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            return out
        name = f"{now:%Y%m%d-%H%M%S}-{title}"
        for number in range(1, 1000):
            folder = Path("runs", name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir(parents=True)
                return folder
        raise DataError(f"runs/{name}: this name and 998 numbered ones are taken; give --out")
    except DataError:
        raise
    except OSError as error:
        where = error.filename or out or "runs"
        raise DataError(
            f"cannot make the run directory {where}: {error.strerror or error}; "
            "name another one with --out"
        ) from None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON beside and rename, so that the file is there whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    try:
        replace_file(path, (json.dumps(content, indent=2) + "\n").encode())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None


def read_config(path: Path) -> dict[str, Any] | None:
    """The config.json of a run, or None where there is none or it is another program's.

    Raises:
        DataError: it is there and cannot be read.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path}: is no JSON; delete it to go on without it") from None
    ours = isinstance(content, dict) and content.get("program") == "zerokara"
    return content if ours else None
