"""MNIST and Fashion-MNIST, with the arguments of the book's ``load_mnist``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

from zerokara.data import download
from zerokara.data.idx import StrPath
from zerokara.data.imagefolder import FILES, RawSplits, find_files, read_folder, require_all
from zerokara.data.splits import ArraySplits, Normalize, PixelSplits, check_normalize, present
from zerokara.errors import DataError, MissingExtraError

SIDE = 28
LEVELS = 255


@dataclass(frozen=True)
class Source:
    """Where a data set of four IDX files may lie, and where it can be fetched."""

    title: str
    folders: tuple[str, ...]  # subfolders by which it goes, the first one in our cache
    system: str | None  # where a Linux distribution installs it
    mirrors: tuple[str, ...]
    sha256: tuple[str, str, str, str]  # of FILES as published


MNIST = Source(
    title="MNIST",
    folders=("mnist", "mnist-10k", "MNIST/raw"),
    system=None,
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    sha256=(
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)

FASHION_MNIST = Source(
    title="Fashion-MNIST",
    folders=("fashion-mnist", "FashionMNIST/raw"),
    system="/usr/share/datasets/fashion-mnist",  # Debian's package dataset-fashion-mnist
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    sha256=(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


@overload
def load_mnist(
    normalize: Literal["lazy"],
    flatten: bool = True,
    one_hot_label: bool = False,
    root: StrPath | None = None,
) -> PixelSplits: ...
@overload
def load_mnist(
    normalize: bool = True,
    flatten: bool = True,
    one_hot_label: bool = False,
    root: StrPath | None = None,
) -> ArraySplits: ...
def load_mnist(
    normalize: Normalize = True,
    flatten: bool = True,
    one_hot_label: bool = False,
    root: StrPath | None = None,
) -> ArraySplits | PixelSplits:
    """Load MNIST as ``(x_train, t_train), (x_test, t_test)``, as the book's ``load_mnist`` does.

    The four files are looked for in ``root``, then in the folder that the environment variable
    ``ZEROKARA_DATA`` names (each: the folder itself, then ``mnist``, ``mnist-10k`` or
    ``MNIST/raw`` in it), then in the cache. Where they are nowhere they are downloaded into the
    cache and checked. With ``root`` nothing else is tried and nothing is downloaded.

    Args:
        normalize: True gives float32 from 0 to 1, False the uint8 from 0 to 255, ``"lazy"`` a
            ``Pixels`` that becomes float32 when a batch is drawn. True and ``"lazy"`` give the
            same bits: the pixel times ``float32(1 / 255)``, which is within one unit in the last
            place of the pixel divided by 255.
        flatten: True gives images of shape (N, 784), False (N, 1, 28, 28).
        one_hot_label: True gives labels as float32 of shape (N, 10), False int64 of shape (N,).
        root: a folder that holds the files, or one of the subfolders above.

    Source: K. Saitoh, *Deep Learning from Scratch*, 3.6.1; the data: Y. LeCun, C. Cortes and
    C. Burges, *The MNIST database of handwritten digits*.

    Raises:
        ArgumentError: ``normalize`` is something else.
        DataError: files are missing, damaged, not MNIST's, or cannot be fetched.
        MissingExtraError: a download is needed and pooch is not installed.
    """
    check_normalize(normalize, "load_mnist")
    return present(_read(MNIST, root), LEVELS, normalize, flatten, one_hot_label)


@overload
def load_fashion_mnist(
    normalize: Literal["lazy"],
    flatten: bool = True,
    one_hot_label: bool = False,
    root: StrPath | None = None,
) -> PixelSplits: ...
@overload
def load_fashion_mnist(
    normalize: bool = True,
    flatten: bool = True,
    one_hot_label: bool = False,
    root: StrPath | None = None,
) -> ArraySplits: ...
def load_fashion_mnist(
    normalize: Normalize = True,
    flatten: bool = True,
    one_hot_label: bool = False,
    root: StrPath | None = None,
) -> ArraySplits | PixelSplits:
    """Load Fashion-MNIST; arguments, results and errors are those of ``load_mnist``.

    The subfolders looked into are ``fashion-mnist`` and ``FashionMNIST/raw``; before the cache
    comes the place of Debian's package ``dataset-fashion-mnist``.

    Source: H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST: a Novel Image Dataset for
    Benchmarking Machine Learning Algorithms*, arXiv:1708.07747.
    """
    check_normalize(normalize, "load_fashion_mnist")
    return present(_read(FASHION_MNIST, root), LEVELS, normalize, flatten, one_hot_label)


def locate(source: Source, root: StrPath | None = None) -> Path | None:
    """The folder that holds ``source`` on this machine, or None; never downloads.

    Raises:
        DataError: ``root`` or ``ZEROKARA_DATA`` is no folder, ``root`` lacks the files, or a
            folder before the cache holds only some of them.
    """
    folder = _before_the_cache(source, root)
    if folder is not None:
        return folder
    try:
        cache = _cache(source)
    except MissingExtraError:
        return None
    return cache if len(find_files(cache)) == len(FILES) else None


def _read(source: Source, root: StrPath | None) -> RawSplits:
    folder = _before_the_cache(source, root)
    if folder is not None:
        return read_folder(folder, source.title, SIDE)
    cache = _cache(source)
    checksums = dict(zip(FILES, source.sha256, strict=True))
    download.fetch(cache, source.title, checksums, source.mirrors)
    try:
        return read_folder(cache, source.title, SIDE)
    except DataError as error:
        raise DataError(f"{error}; delete it to have it fetched again") from None


def _cache(source: Source) -> Path:
    return download.cache_folder() / source.folders[0]


def _before_the_cache(source: Source, root: StrPath | None) -> Path | None:
    for folder in _folders(source, root):
        if find_files(folder):
            require_all(folder, source.title)
            return folder
    if root is not None:
        raise DataError(
            f"{source.title}: none of {', '.join(FILES)} in root={os.fspath(root)!r}, "
            f"nor in {', '.join(source.folders)} inside it"
        )
    return None


def _folders(source: Source, root: StrPath | None) -> Iterator[Path]:
    """Where to look before the cache, in order."""
    if root is not None:
        yield from _inside(source, root, f"root={os.fspath(root)!r}")
        return
    named = os.environ.get("ZEROKARA_DATA")
    if named:
        yield from (
            folder
            for folder in _inside(source, named, f"ZEROKARA_DATA={named!r}")
            if not _belongs_to_another(folder, source)
        )
    if source.system is not None:
        yield Path(source.system)


def _inside(source: Source, folder: StrPath, given: str) -> list[Path]:
    if not os.path.isdir(folder):
        raise DataError(f"{source.title}: {given} is not a folder")
    return [Path(folder), *(Path(folder, name) for name in source.folders)]


def _belongs_to_another(folder: Path, source: Source) -> bool:
    """Both data sets name their files alike: .../mnist is no answer to load_fashion_mnist."""
    others = {
        name for other in (MNIST, FASHION_MNIST) if other is not source for name in other.folders
    }
    ending = folder.resolve().parts
    return any(ending[-len(parts) :] == parts for parts in (Path(name).parts for name in others))
