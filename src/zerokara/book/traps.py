"""One line on stderr where a script would have got silently wrong numbers; each once."""

from __future__ import annotations

import sys
from pathlib import Path

_OURS = str(Path(__file__).resolve().parents[1])
_said: set[str] = set()


def teach(trap: str, message: str) -> None:
    """Say `message`, and the script's line that led here, unless `trap` was told before."""
    if trap not in _said:
        tell(trap, f"{_place()}{message}")


def tell(trap: str, line: str) -> None:
    """Say one line, unless `trap` was told before."""
    if trap not in _said:
        _said.add(trap)
        print(f"zerokara book: {line}", file=sys.stderr)


def forget() -> None:
    """Tell every trap anew: a new script runs."""
    _said.clear()


def _place() -> str:
    """The nearest line that is not zerokara's."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_OURS):
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    name = Path(frame.f_code.co_filename).name
    return "" if name.startswith("<") else f"{name}, line {frame.f_lineno}: "
