"""Running the user's file in a process of its own, and what its end says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from zerokara.check.session import Request
from zerokara.errors import ArgumentError

OUTPUT_LIMIT = 64 * 1024
"""So many bytes of what the user's file prints are passed on."""


def run_request(request: Request, time_limit: float) -> list[dict[str, Any]]:
    """Check a file's classes in child processes; one that dies is followed by another.

    Args:
        request: what to check.
        time_limit: seconds for each process.

    Returns:
        One examination a class, as JSON has it.

    Raises:
        ArgumentError: a file, name or option that cannot be used.
    """
    done: list[dict[str, Any]] = []
    while True:
        told, end = _run_child(request, time_limit)
        if told.get("usage"):
            raise ArgumentError(str(told["usage"]))
        done += told.get("done", [])
        if told.get("end"):
            return done
        now = told.get("now")
        done.append(_ended(now or Path(request.file).name, end, running=now is not None))
        if now is None or not told["left"]:
            return done
        request = replace(request, names=told["left"])


def _run_child(request: Request, time_limit: float) -> tuple[dict[str, Any], str]:
    """What the child told, and how it ended, in words."""
    with tempfile.TemporaryDirectory(prefix="zerokara-check-") as folder:
        asked, answer = Path(folder) / "request.json", Path(folder) / "result.json"
        asked.write_text(json.dumps(asdict(request)), encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(_import_path())}
        child = subprocess.Popen(
            [sys.executable, "-m", "zerokara.check.child", str(asked), str(answer)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=os.name == "posix",
        )
        assert child.stdout is not None
        reader = threading.Thread(target=_pass_on, args=(child.stdout,), daemon=True)
        reader.start()
        end = ""
        try:
            code = child.wait(time_limit)
            end = _code_in_words(code)
        except subprocess.TimeoutExpired:
            end = (
                f"it did not end within {time_limit:g} seconds: an endless loop, or too much work; "
                "if it is that, give smaller shapes or a longer --time-limit"
            )
        finally:
            _kill(child)
            reader.join(5)
            child.stdout.close()
        told: dict[str, Any] = {}
        if answer.exists():
            told = json.loads(answer.read_text(encoding="utf-8"))
        return told, end


def _import_path() -> list[str]:
    here = str(Path(__file__).resolve().parents[2])
    given = os.environ.get("PYTHONPATH", "")
    return [here, *filter(None, given.split(os.pathsep))]


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and what it started."""
    try:
        if os.name == "posix":
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    except (ProcessLookupError, PermissionError):
        pass  # gone already
    child.wait()


def _pass_on(stream: IO[bytes]) -> None:
    """Print what the user's file prints to stderr, up to a limit."""
    left = OUTPUT_LIMIT
    while piece := os.read(stream.fileno(), 65536):
        if left > 0:
            sys.stderr.write(piece[:left].decode("utf-8", "replace"))
            if len(piece) >= left:
                sys.stderr.write("\n... (the rest of what the file prints is left out)\n")
            sys.stderr.flush()
        left -= len(piece)


def _code_in_words(code: int) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"its process crashed ({name})"
    return f"its process ended itself with code {code} before the check was through"


def _ended(label: str, end: str, *, running: bool) -> dict[str, Any]:
    where = "while it was checked" if running else "while the file was read"
    finding = {"sentence": f"{where}, {end}", "cause": "process ended", "where": ""}
    if "did not end" in end:
        finding["cause"] = "endless loop"
    return {
        "label": label,
        "verdict": "WRONG",
        "conditions": "",
        "defects": [finding],
        "notes": [],
        "rows": [],
    }
