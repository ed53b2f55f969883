"""An error inside the user's code, told by its file, its line and the line's text."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path

from zerokara.check.findings import BrokenError, Finding

OURS = str(Path(__file__).resolve().parents[1])


def blame(error: BaseException, doing: str, file: str | None = None) -> Finding:
    """What an exception says, and the line of the user's code that it came from.

    Args:
        error: what was raised.
        doing: in which step, such as ``"backward"``.
        file: the user's file; the innermost frame in it is shown.
    """
    if isinstance(error, BrokenError):
        return error.finding
    message = " ".join(str(error).split()) or "no message"
    said = f"{doing} raised {type(error).__name__}: {message}"
    cause = "error in the code"
    if isinstance(error, SyntaxError) and error.lineno:
        text = (error.text or "").strip()
        return Finding(f"{said} ({error.filename}, line {error.lineno}: {text})", "syntax error")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if file and frame.filename == file]
    own = own or [frame for frame in frames if not frame.filename.startswith(OURS)]
    if isinstance(error, RecursionError):
        cause = "endless recursion"
    elif isinstance(error, AttributeError) and "'NoneType'" in message:
        cause = "cached value missing"
        said += "; forward does not store what backward reads"
    elif isinstance(error, AttributeError) and "object has no attribute" in message:
        cause = "cached value missing"
        said += "; nothing stores that attribute before it is read"
    elif isinstance(error, TypeError) and ("NoneType" in message):
        cause = "cached value missing"
        said += "; a value is None that should be an array: was it stored, or returned?"
    elif isinstance(error, (ValueError, IndexError)):
        cause = "shapes do not fit" if "shape" in message or "index" in message else cause
    if own:
        frame = own[-1]
        line = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
        said += f" (at {Path(frame.filename).name}, line {frame.lineno}: {line})"
    return Finding(said, cause)
