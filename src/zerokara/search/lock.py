"""One search at a time in a folder; the system lets go of the lock when a process is killed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from zerokara.errors import DataError

try:
    import fcntl
except ImportError:  # not a POSIX system: nothing holds two searches apart there
    fcntl = None  # type: ignore[assignment]

SEARCH, WORKERS = "search.lock", "workers.lock"
LAST_WORDS = 20.0
"""Seconds that the workers of a killed search get to see that it is gone, and to end."""


@contextlib.contextmanager
def only_search(folder: Path) -> Iterator[None]:
    """Hold the folder, once no worker of an earlier search is left.

    Raises:
        DataError: another search is at work in it.
    """
    with _locked(folder / SEARCH, shared=False, patience=0.0):
        with _locked(folder / WORKERS, shared=False, patience=LAST_WORDS):
            pass
        yield


def worker_of(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Be one of the workers of the search in the folder."""
    return _locked(folder / WORKERS, shared=True, patience=LAST_WORDS)


@contextlib.contextmanager
def _locked(path: Path, *, shared: bool, patience: float) -> Iterator[None]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
    try:
        until = time.monotonic() + patience
        while fcntl is not None:
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise DataError(
                        f"{path.parent}: another search is at work in this folder"
                    ) from None
            except OSError:  # a file system without locks
                break
            time.sleep(0.02)
        yield
    finally:
        os.close(file)
