"""Runs one of the book's scripts as it stands."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from zerokara.book.finder import at_home, forget_neighbours
from zerokara.book.pictures import Pictures
from zerokara.book.scan import scan
from zerokara.book.traps import forget
from zerokara.errors import DataError, ZerokaraError

FAILED = 1
_OURS = str(Path(__file__).resolve().parents[1])


def run_script(
    script: str | os.PathLike[str],
    arguments: Sequence[str] = (),
    pictures: str | os.PathLike[str] | None = None,
) -> int:
    """Run a script in its own folder, with `common` and `dataset` from `zerokara.book`.

    Its errors are shown with its own lines. What it shows goes into windows; with no display, or
    with `pictures`, into files.

    Args:
        script: a Python file.
        arguments: what it finds in ``sys.argv`` behind its name.
        pictures: the folder for what it shows; the current one when None.

    Returns:
        Its exit code: 0, 1 after an error, or what it gave to ``sys.exit``.

    Raises:
        DataError: no such script, or `pictures` is no folder.
    """
    path = Path(script)
    if not path.is_file():
        what = "is a folder; name a script in it" if path.is_dir() else "no such script"
        raise DataError(f"{path}: {what}")
    path = path.resolve()
    folder = Path.cwd() if pictures is None else Path(pictures).resolve()
    if not folder.is_dir():
        raise DataError(f"--out {pictures}: no such folder")
    shown = Pictures(folder, path.stem, always=pictures is not None)
    forget()
    scan(path)
    with _in_its_place(path, arguments), at_home(shown.after_imports), shown.at_work():
        return _run(path)


def _run(path: Path) -> int:
    try:
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return FAILED
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        sys.stdout.flush()
        print("".join(_story(error, path)), end="", file=sys.stderr)
        return FAILED
    return 0


def _story(error: Exception, path: Path) -> Iterator[str]:
    """The traceback from the script's first line on; of an error of ours, up to its last."""
    told = traceback.TracebackException.from_exception(error)
    frames = list(told.stack)
    while frames and frames[0].filename != str(path):
        del frames[0]
    if isinstance(error, ZerokaraError):
        while frames and frames[-1].filename.startswith(_OURS):
            del frames[-1]
        # An error of ours says it all; what it came from is of no help to a script's reader.
        told.__context__ = told.__cause__ = None
    told.stack = traceback.StackSummary.from_list(frames)
    return told.format(chain=not isinstance(error, ZerokaraError))


@contextmanager
def _in_its_place(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Folder, `sys.path` and `sys.argv` as Python itself would set them; all undone afterwards."""
    folder, argv, places, before = os.getcwd(), sys.argv, sys.path, set(sys.modules)
    os.chdir(path.parent)
    sys.argv = [str(path), *arguments]
    sys.path = [str(path.parent), *places]
    try:
        yield
    finally:
        forget_neighbours(path.parent, before)
        sys.argv, sys.path = argv, places
        os.chdir(folder)
