"""What `import common.layers` means while a book's script runs, and what follows some imports."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PACKAGES = ("common", "dataset")
OURS = "zerokara.book"

AfterImport = Callable[[ModuleType], None]


class BookFinder(MetaPathFinder):
    """Asked before all others, so that no folder on `sys.path` matters for the book's packages.

    A module that we do not have, such as a reader's own ``common/my_layers.py``, is taken from the
    folders ``common`` and ``dataset`` on `sys.path`.

    Args:
        after: what to do with modules of these names once they are loaded.
    """

    def __init__(self, after: Mapping[str, AfterImport]) -> None:
        self._after = after

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in PACKAGES:
            return _ours(fullname) or _beside(fullname)
        if fullname in self._after:
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Followed(spec.loader, self._after[fullname])
            return spec
        return None


@contextmanager
def at_home(after: Mapping[str, AfterImport]) -> Iterator[None]:
    """The finder at work; what was imported under the book's names before comes back afterwards."""
    before = dict(sys.modules)
    for name in _book_names():
        del sys.modules[name]
    finder = BookFinder(after)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in _book_names():
            del sys.modules[name]
        sys.modules.update({n: m for n, m in before.items() if n.partition(".")[0] in PACKAGES})


def forget_neighbours(folder: Path, before: set[str]) -> None:
    """Take out of `sys.modules` what was loaded from the script's own folder since `before`."""
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and Path(file).parent == folder:
            del sys.modules[name]


def _book_names() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in PACKAGES]


def _ours(fullname: str) -> ModuleSpec | None:
    try:
        spec = importlib.util.find_spec(f"{OURS}.{fullname}")
    except ModuleNotFoundError:  # below a module that is no package
        return None
    if spec is None:
        return None
    package = spec.submodule_search_locations is not None
    return ModuleSpec(fullname, _Alias(spec.name), origin=spec.origin, is_package=package)


def _beside(fullname: str) -> ModuleSpec | None:
    parents = fullname.split(".")[:-1]
    return PathFinder.find_spec(fullname, [str(Path(entry, *parents)) for entry in sys.path])


class _Alias(Loader):
    """Gives the module of another name: one and the same, with one set of classes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put the other name's there


class _Followed(Loader):
    """Loads as another loader does, and then does something with the module."""

    def __init__(self, loader: Loader, after: AfterImport) -> None:
        self._loader, self._after_import = loader, after

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._after_import(module)
