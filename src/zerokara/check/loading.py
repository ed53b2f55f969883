"""The user's file as a module, and what in it can be checked."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from zerokara.check.book import misspelt
from zerokara.errors import ArgumentError
from zerokara.layers import Layer, Loss
from zerokara.network import Network
from zerokara.sequential import Sequential


def load(file: str) -> ModuleType:
    """Run the user's file as a module, as `python FILE` would but for its main part.

    A file of a package (one with an __init__.py beside it) is loaded as a part of it, so that
    relative imports work.
    """
    path = Path(file).resolve()
    if path.suffix != ".py":
        raise ArgumentError(f"{file}: not a Python file; its name must end in .py")
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").exists() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    sys.path[:0] = [str(folder)] if len(parts) > 1 else [str(path.parent)]
    if len(parts) > 1:
        importlib.import_module(".".join(parts[:-1]))
    name = ".".join(parts)
    there = sys.modules.get(name)
    if there is not None and _is_of(there, path):
        return there
    if there is not None or not path.stem.isidentifier():
        name = "checked"
    if path.is_file() and b"\0" in path.read_bytes():
        # Python 3.11 calls it a ValueError of its own until 3.11.4, a SyntaxError from then on.
        raise SyntaxError("source code cannot contain null bytes", (str(path), None, None, None))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def names_in(module: ModuleType) -> list[str]:
    """The module's own networks, and its classes with forward or backward or nearly so."""
    found: list[str] = []
    for name, kind in vars(module).items():
        if not isinstance(kind, type) or kind.__module__ != module.__name__:
            continue
        if kind in (Layer, Loss, Network, Sequential) or _is_base(kind):
            continue
        has = [callable(getattr(kind, each, None)) for each in ("forward", "backward")]
        near = [misspelt(kind, each) for each in ("forward", "backward")]
        if any(has) or all(near):
            found.append(name)
    return found


def _is_of(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path


def _is_base(kind: type) -> bool:
    """A layer that leaves forward or backward to those derived from it."""
    if inspect.isabstract(kind) or (kind.__subclasses__() and _leaves_something_open(kind)):
        return True
    return (
        issubclass(kind, Layer)
        and kind.forward is Layer.forward
        and kind.backward is Layer.backward
    )


def _leaves_something_open(kind: type) -> bool:
    """Whether a method of its own raises NotImplementedError, as bases do."""
    own = [each for each in vars(kind).values() if inspect.isfunction(each)]
    return any("NotImplementedError" in each.__code__.co_names for each in own)
