"""An error inside the user's code, told by its file, its line and the line's text.

An error that passed through no line of the user's is no verdict on them: it is a defect of ours,
and is said as such.
"""

from __future__ import annotations

import difflib
import linecache
import re
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType

from zerokara.check.findings import BrokenError, Finding
from zerokara.errors import ShapeError, ZerokaraError

OURS = str(Path(__file__).resolve().parents[1])
LIBRARIES = tuple(
    {sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
)
AS_A_SCRIPT = (
    "the check runs the file without arguments and without a keyboard; put what belongs to a "
    "script under if __name__ == '__main__':"
)


class OwnDefectError(ZerokaraError):
    """The check itself failed, and says nothing about what was checked."""


def blame(error: BaseException, doing: str = "", file: str | None = None) -> Finding:
    """What an exception says, and the line of the user's code that it came from.

    Args:
        error: what was raised.
        doing: under which circumstances, such as ``"with a batch of one"``; may be empty.
        file: the user's file; the innermost frame in it is shown.

    Raises:
        OwnDefectError: no line of the user's had a part in it.
    """
    at = f"{doing}: " if doing else ""
    if isinstance(error, BrokenError):
        found = error.finding
        return Finding(at + found, found.cause, found.where)
    message = " ".join(str(error).split()) or "no message"
    kind = type(error).__name__
    own = _frames_of_the_user(error, file)
    if isinstance(error, SyntaxError) and not _is_library(error.filename or ""):
        said = f"{at}{kind}: {error.msg}"
        if error.lineno:
            text, name = (error.text or "").strip(), Path(error.filename or "?").name
            said += f" (at {name}, line {error.lineno}: {text})"
        return Finding(said, "syntax error")
    if not own:
        if isinstance(error, ZerokaraError):
            cause = "shapes do not fit" if isinstance(error, ShapeError) else "rule broken"
            return Finding(at + message.removeprefix("gradcheck: "), cause)
        if isinstance(error, SystemExit):
            return Finding(f"{at}its code raised SystemExit: {message}", "error in the code")
        raise OwnDefectError(own_defect(error)) from error
    frame = own[-1]
    line = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
    who = "running the file" if own[0].name == "<module>" else own[0].name
    cause, hint = _cause_and_hint(error, message, line, own[0].name == "<module>")
    said = f"{at}{who} raised {kind}: {message}"
    said += f" (at {Path(frame.filename).name}, line {frame.lineno}: {line})"
    return Finding(said + (f"; {hint}" if hint else ""), cause)


def own_defect(error: BaseException) -> str:
    """In one line, where the check itself failed."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    message = " ".join(str(error).split()) or "no message"
    return (
        f"zerokara itself failed, with {type(error).__name__}: {message}{place}. This is a defect "
        "of zerokara and no verdict on your code; please report it with the file"
    )


def _frames_of_the_user(error: BaseException, file: str | None) -> list[traceback.FrameSummary]:
    frames = list(traceback.extract_tb(error.__traceback__))
    own = [frame for frame in frames if file and frame.filename == file]
    return own or [frame for frame in frames if not _is_library(frame.filename)]


def _is_library(filename: str) -> bool:
    return filename.startswith((OURS, "<", *LIBRARIES)) or "site-packages" in filename


def _cause_and_hint(
    error: BaseException, message: str, line: str, at_reading: bool
) -> tuple[str, str]:
    """The short name of the cause, and what to do where that is known."""
    if isinstance(error, RecursionError):
        return "endless recursion", ""
    if isinstance(error, NameError):
        if error.name == "le" and re.search(r"\ble ?- ?\d", line):
            return "misspelt number", "1e-7 begins with the digit 1, not with the letter l"
        return "unknown name", "add: import numpy as np" if error.name == "np" else ""
    if isinstance(error, AttributeError):
        return _of_attribute(error, message)
    if isinstance(error, ImportError) and "relative import" in message:
        return "error in the code", "put an empty __init__.py beside the file to make it a package"
    if isinstance(error, TypeError) and "NoneType" in message:
        said = "a value is None that should be an array: was it stored, or returned?"
        return "cached value missing", said
    if isinstance(error, (ValueError, IndexError)) and re.search(
        "shape|ind(ex|ices)|unpack|dim|ax", message
    ):
        at_script = at_reading and "argv" in line
        return "shapes do not fit", AS_A_SCRIPT if at_script else ""
    if at_reading and (isinstance(error, (SystemExit, EOFError)) or "argv" in line):
        return "error in the code", AS_A_SCRIPT
    return "error in the code", ""


def _of_attribute(error: AttributeError, message: str) -> tuple[str, str]:
    if "'NoneType'" in message:
        return "cached value missing", "forward does not store what backward reads"
    names = [name for name in dir(error.obj) if not name.startswith("__")]
    near = difflib.get_close_matches(error.name or "", names, 1, 0.8)
    meant = f"{near[0]} looks like it" if near else ""
    if isinstance(error.obj, ModuleType) or not hasattr(error.obj, "forward"):
        return "unknown name", meant
    return "cached value missing", meant or "nothing stores that attribute before it is read"
