"""What may know what: the arrows of the design, held by reading every import statement."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "zerokara"

# Words that everybody may use.
COMMON = {"_arrays", "_philox", "_types", "_version", "errors", "files"}

# room: what it may import directly. What those may import, it may import too, so an arrow that
# points back up would close a circle; a test below says that there is none.
ARROWS: dict[str, set[str]] = {
    "targets": set(),
    "gradient": set(),
    "initializers": set(),
    "functions": {"targets"},
    "layers": {"functions", "initializers", "targets"},
    "graph": {"layers"},
    "storage": {"layers"},
    "building": {"layers"},
    "feeds": {"layers"},
    "network": {"graph", "building", "storage", "feeds", "summary", "trace", "gradient", "layers"},
    "trace": {"layers"},
    "summary": {"graph", "layers"},
    "sequential": {"network"},
    "models": {"sequential", "network", "gradient"},
    "schedules": set(),
    "optimizers": {"schedules"},
    "native": set(),
    "data": {"native"},
    "images": {"data"},
    "engine": {"network", "layers", "optimizers", "native", "data"},
    "architecture": {"network", "sequential", "models", "layers"},
    "training": {"engine", "network", "sequential", "optimizers", "data", "draw", "interop"},
    "search": {"training", "network", "models", "optimizers", "data", "draw", "native"},
    "check": {"network", "sequential", "layers", "gradient"},
    "draw": {"network", "graph", "trace"},
    "interop": {"network", "sequential", "models", "architecture"},
    "book": {"functions", "gradient", "layers", "native", "data"},
    "figures": {"training", "models", "draw", "data"},
    "sklearn": {"training", "engine", "data", "sequential", "optimizers", "layers"},
    "cli": {
        "training",
        "search",
        "figures",
        "check",
        "draw",
        "interop",
        "data",
        "models",
        "book",
        "images",
        "native",
    },
    "__main__": {"cli"},
}
# The catalogue. `zerokara.cli` stands above it, and what is needed rarely is loaded when asked for.
FRONT_DOOR = "__init__"

# Imports that type checkers read and Python does not: a drawing of the house may name a type of
# a room above. (room, what it names)
NAMED_FOR_TYPES_ONLY = {("summary", "network"), ("draw", "training")}


class Import(NamedTuple):
    """One imported module, where it is written, and when Python runs that line."""

    room: str
    module: str
    line: str
    at_import: bool
    types_only: bool


def allowed(room: str) -> set[str]:
    """Return every room that ``room`` may import, directly or by the way of others."""
    found: set[str] = set()
    waiting = [room]
    while waiting:
        for other in ARROWS[waiting.pop()] - found:
            found.add(other)
            waiting.append(other)
    return found


def imports_of(root: Path) -> Iterator[Import]:
    """Yield every import statement below ``root``, with relative ones made absolute."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        tree = ast.parse(path.read_text("utf-8"), str(path))
        for node, at_import, types_only in _walk(tree, True, False):
            line = f"{path.relative_to(root)}:{node.lineno}"
            for module in _modules(node, ("zerokara", *parts[:-1])):
                yield Import(parts[0], module, line, at_import, types_only)


def _walk(
    node: ast.AST, at_import: bool, types_only: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_import, types_only
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for statement in child.body:
                yield from _walk(ast.Module([statement], []), False, True)
            for statement in child.orelse:
                yield from _walk(ast.Module([statement], []), at_import, types_only)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, at_import and not inside, types_only)


def _modules(node: ast.Import | ast.ImportFrom, package: tuple[str, ...]) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    base = node.module or ""
    if node.level:
        base = ".".join((*package[: len(package) + 1 - node.level], *filter(None, [base])))
    if base == "zerokara":  # `from zerokara import layers` names rooms, not things of one
        return [f"zerokara.{name.name}" for name in node.names]
    return [base]


def broken_rules(root: Path) -> list[str]:
    """Return one line for each import below ``root`` that the house does not allow."""
    broken = []
    for each in imports_of(root):
        top, _, rest = each.module.partition(".")
        if top != "zerokara":
            broken += _broken_by_outsider(each, top)
            continue
        target = rest.partition(".")[0]
        if target == "_core" and each.room != "native":
            broken.append(f"{each.line}: only native.py imports zerokara._core")
        elif target in COMMON | {each.room, "_core"}:
            continue
        elif each.room in COMMON:
            broken.append(f"{each.line}: {each.room} imports {each.module}; it is for everybody")
        elif each.room == FRONT_DOOR:
            if target == "cli" or (target not in ARROWS and target not in _names(root)):
                broken.append(f"{each.line}: the front door imports {each.module}")
        elif each.room not in ARROWS:
            broken.append(f"{each.line}: {each.room} is a new room; give it a line in ARROWS")
        elif target not in allowed(each.room):
            if each.types_only and (each.room, target) in NAMED_FOR_TYPES_ONLY:
                continue
            broken.append(f"{each.line}: {each.room} may not know {target}")
    return broken


def _broken_by_outsider(each: Import, top: str) -> list[str]:
    ours = top == "numpy" or top in sys.stdlib_module_names or each.room == "cli"
    # Its classes are subclasses of scikit-learn's, and nothing imports it.
    ours = ours or (each.room, top) == ("sklearn", "sklearn")
    if each.at_import and not ours:
        return [f"{each.line}: import {top} inside the function that uses it"]
    return []


def _names(root: Path) -> set[str]:
    return {path.stem for path in root.iterdir()}


def test_the_house_keeps_its_arrows():
    assert broken_rules(SOURCE) == []


def test_every_room_has_a_line():
    rooms = {p.stem for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    missing = rooms - set(ARROWS) - COMMON - {FRONT_DOOR}
    assert not missing, f"add to ARROWS, and to the design: {sorted(missing)}"


def test_the_arrows_have_no_circle():
    assert [room for room in ARROWS if room in allowed(room)] == []


@pytest.mark.parametrize("low", ["functions", "layers"])
def test_the_maths_never_knows_the_machine(low):
    assert not allowed(low) & {"engine", "native", "training", "cli"}


@pytest.mark.parametrize(
    ("file", "code", "message"),
    [
        ("layers/affine.py", "from zerokara.engine import x", "layers may not know engine"),
        ("layers/affine.py", "from zerokara import native", "layers may not know native"),
        ("layers/affine.py", "from ..training.fit import x", "layers may not know training"),
        ("layers/affine.py", "def f():\n    import zerokara.cli", "layers may not know cli"),
        ("functions.py", "from .layers import x", "functions may not know layers"),
        ("functions.py", "import scipy.special", "import scipy inside"),
        ("functions.py", "try:\n    import torch\nexcept E:\n    pass", "import torch inside"),
        ("engine/program.py", "from zerokara import _core", "only native.py imports"),
        ("errors.py", "from zerokara import layers", "errors imports zerokara.layers"),
        ("attic.py", "from zerokara import layers", "attic is a new room"),
        ("__init__.py", "from zerokara import cli", "the front door imports zerokara.cli"),
        ("__init__.py", "import rich", "import rich inside"),
    ],
)
def test_a_planted_import_is_found(tmp_path, file, code, message):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(code)
    found = broken_rules(tmp_path)
    assert len(found) == 1
    assert message in found[0]


def test_what_is_allowed_is_let_through(tmp_path):
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "train.py").write_text("import typer\nfrom zerokara.training import fit\n")
    (tmp_path / "native.py").write_text("import os, numpy\nfrom zerokara import _core\n")
    (tmp_path / "data.py").write_text(
        "from typing import TYPE_CHECKING\nfrom .errors import DataError\n"
        "if TYPE_CHECKING:\n    import pooch\ndef f():\n    import pooch\n"
    )
    assert broken_rules(tmp_path) == []


def test_importing_zerokara_loads_numpy_and_nothing_else_from_outside():
    """What NumPy brings along, and what an editable install's finder does, is not of our doing."""
    code = (
        "import sys, numpy, numpy.random; before = set(sys.modules); import zerokara; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    )
    flags = ["-S"] if sys.flags.no_site else []
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) - set(sys.stdlib_module_names) - {"numpy"} == {"zerokara"}
