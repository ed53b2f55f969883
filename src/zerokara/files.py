"""Writing a file so that its name always means a whole file: the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` beside `path`, to the disk, and rename it over `path`.

    Whatever fails or is killed on the way leaves the old file as it was.

    Raises:
        OSError: the file cannot be written; the callers say it in an error of their own.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
