"""Fetch the four files of a data set from its mirrors into the cache, checked by SHA-256."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from zerokara.data.imagefolder import find_files
from zerokara.errors import DataError, MissingExtraError

# Seconds to connect, and between two pieces of the answer: offline must be said soon.
TIMEOUT = (4, 20)


def cache_folder() -> Path:
    """Where downloads are kept, by the custom of the platform (``~/.cache/zerokara`` on Linux).

    Raises:
        MissingExtraError: pooch is not installed.
    """
    try:
        import pooch
    except ImportError:
        raise MissingExtraError(
            "downloading data needs pooch: pip install pooch "
            "(or put the files into a folder and give it as root, or in ZEROKARA_DATA)"
        ) from None
    return Path(pooch.os_cache("zerokara"))


def fetch(folder: Path, title: str, checksums: Mapping[str, str], mirrors: Sequence[str]) -> None:
    """Bring what is missing of ``checksums`` (file name -> SHA-256) into ``folder``.

    For each file the mirrors are tried in order; one that failed is asked last from then on. A
    file whose checksum differs counts as a failure of its mirror and is not kept.

    Raises:
        DataError: ``folder`` cannot be made, or no mirror gave a file; says which files to put
            where.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{title}: cannot make the cache folder {folder} ({error.strerror or error}); "
            f"put {_listed(checksums)} into a folder of yours and set ZEROKARA_DATA to it"
        ) from None
    present = find_files(folder)
    order = list(mirrors)
    for name, checksum in checksums.items():
        if name not in present:
            _fetch_one(folder, name, checksum, order, title, checksums)


def _fetch_one(
    folder: Path,
    name: str,
    checksum: str,
    order: list[str],
    title: str,
    checksums: Mapping[str, str],
) -> None:
    failures = []
    for mirror in tuple(order):
        try:
            retrieve(mirror + name, checksum, name, folder)
            return
        # ValueError: a wrong checksum, as pooch says it. OSError: requests' errors, full disks.
        except (OSError, ValueError) as error:
            failures.append(f"{mirror.split('/')[2]}: {_reason(error)}")
            order.remove(mirror)
            order.append(mirror)
    raise DataError(
        f"{title} is nowhere on this machine and could not be fetched: put {_listed(checksums)} "
        f"into {folder}, or into any folder and set ZEROKARA_DATA to it "
        f"(asked for {name}: {'; '.join(failures)})"
    )


def retrieve(url: str, checksum: str, name: str, folder: Path) -> None:
    """One file from one address, checked before it takes its name."""
    import pooch

    # It would announce each attempt on stderr; what failed is said once, in our own error.
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT, chunk_size=1 << 16)
    pooch.retrieve(
        url, known_hash=f"sha256:{checksum}", fname=name, path=folder, downloader=downloader
    )


def _listed(checksums: Mapping[str, str]) -> str:
    *first, last = checksums
    return f"{', '.join(first)} and {last}"


def _reason(error: Exception) -> str:
    """A few words for an error of pooch or requests, whose own fill several lines."""
    if isinstance(error, ValueError):
        return "wrong checksum" if "hash" in str(error) else type(error).__name__
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return type(error).__name__
