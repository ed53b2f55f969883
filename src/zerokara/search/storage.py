"""Where an Optuna study lies: a file in the search's folder, or a database named by a URL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zerokara.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

DATABASE, JOURNAL = "trials.db", "trials.log"
JOURNALLED = "journal"
"""Asks for the journal file instead of the database."""


@contextlib.contextmanager
def opened(folder: Path, storage: str | None) -> Iterator[BaseStorage]:
    """A storage that is let go of at the end, whatever goes wrong with it in between.

    Args:
        folder: the search's.
        storage: None for a SQLite file in the folder, `JOURNALLED` for a journal file in it, or the
            URL of a database.

    Raises:
        ArgumentError: no URL that is known.
        DataError: the storage cannot be opened, or fails later.
    """
    import optuna
    import sqlalchemy.exc

    found = _open_storage(folder, storage)
    try:
        yield found
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise DataError(
            f"search: storage {_shown(folder, storage)} fails "
            f"({_first_line(error.__cause__ or error)}); resume when it works again"
        ) from None
    finally:
        found.remove_session()
        engine = getattr(found, "engine", None)
        if engine is not None:
            engine.dispose()


def _shown(folder: Path, storage: str | None) -> str:
    own = {None: DATABASE, JOURNALLED: JOURNAL}
    return str(folder / own[storage]) if storage in own else masked(str(storage))


def _open_storage(folder: Path, storage: str | None) -> BaseStorage:
    import optuna
    import sqlalchemy.exc

    if storage == JOURNALLED:
        from optuna.storages.journal import JournalFileBackend, JournalStorage

        path = folder / JOURNAL
        # The folder is ours alone, so a lock that lies there is that of a killed process.
        Path(f"{path}.lock").unlink(missing_ok=True)
        try:
            _mend(path)
            return JournalStorage(JournalFileBackend(str(path)))
        except (ValueError, KeyError, OSError) as error:
            raise DataError(f"search: {path} cannot be read ({_first_line(error)})") from None
    url = f"sqlite:///{(folder / DATABASE).resolve().as_posix()}" if storage is None else storage
    options = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    try:
        return optuna.storages.RDBStorage(url, engine_kwargs=options)
    except (sqlalchemy.exc.ArgumentError, ImportError, ValueError) as error:
        raise ArgumentError(
            f"search: storage {_shown(folder, storage)} cannot be used ({_first_line(error)}); "
            "expected 'journal' or the URL of a database, such as sqlite:///search.db"
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, RuntimeError, OSError) as error:
        raise DataError(
            f"search: storage {_shown(folder, storage)} cannot be opened ({_first_line(error)})"
        ) from None


def masked(url: str) -> str:
    """A URL as it may be shown and kept: without its password."""
    head, at, rest = url.rpartition("@")
    scheme, _, user = head.partition("://")
    return f"{scheme}://{user.partition(':')[0]}:***@{rest}" if at and ":" in user else url


def _mend(path: Path) -> None:
    """Take a last line off that a kill has cut short."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
