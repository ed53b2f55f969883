"""Reads a script, before it runs, for reliance on the book's `dout` that is changed in place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from zerokara.book.traps import tell


def scan(script: Path) -> None:
    """Tell the traps in a script and in the modules beside it that it imports."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue  # running it will say it
        for line, message in [*_dropped(tree), *_written(tree)]:
            tell(f"{path}:{line}", f"{path.name}, line {line}: {message}")
        beside = (script.parent / f"{name}.py" for name in _imports(tree))
        waiting += [file for file in beside if file.is_file()]


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _dropped(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """``layer.backward(dout)`` on a line of its own, where `dout` is read again behind it."""
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.Module | ast.FunctionDef):
            continue
        names = [node for node in ast.walk(scope) if isinstance(node, ast.Name)]
        for statement in _statements(scope):
            call = statement.value if isinstance(statement, ast.Expr) else None
            if (
                not isinstance(call, ast.Call)
                or not isinstance(call.func, ast.Attribute)
                or call.func.attr != "backward"
                or len(call.args) != 1
                or not isinstance(call.args[0], ast.Name)
            ):
                continue
            name = call.args[0].id
            after = sorted(
                (n for n in names if n.id == name and n.lineno > statement.lineno),
                key=lambda n: (n.lineno, isinstance(n.ctx, ast.Store)),
            )
            if after and isinstance(after[0].ctx, ast.Load):
                yield (
                    statement.lineno,
                    f"what backward returns is dropped and {name} is used again; the book's Relu "
                    f"changes {name} in place, here it stays as it was: write "
                    f"{name} = {ast.unparse(call)}",
                )


def _written(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """A layer's own backward that writes into the array that it was given."""
    for layer in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for method in layer.body:
            if not isinstance(method, ast.FunctionDef) or method.name != "backward":
                continue
            if len(method.args.args) < 2:
                continue
            dout = method.args.args[1].arg
            for statement in _statements(method):
                if dout in _changed(statement):
                    yield (
                        statement.lineno,
                        f"{layer.name}.backward changes the {dout} that it was given; whoever "
                        f"else got the same array computes with the changed one: work on "
                        f"{dout}.copy()",
                    )
                    break
                if dout in _bound(statement):
                    break  # from here on it is an array of the layer's own


def _statements(scope: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a scope in order, without those of functions and classes inside."""
    for field in ("body", "orelse", "finalbody"):
        for node in getattr(scope, field, []):
            yield node
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _statements(node)


def _changed(statement: ast.stmt) -> set[str]:
    """Names of arrays that a statement writes into."""
    if isinstance(statement, ast.AugAssign):
        target = statement.target
        base = target.value if isinstance(target, ast.Subscript) else target
        return {base.id} if isinstance(base, ast.Name) else set()
    if isinstance(statement, ast.Assign):
        targets = [t.value for t in statement.targets if isinstance(t, ast.Subscript)]
        return {t.id for t in targets if isinstance(t, ast.Name)}
    return set()


def _bound(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {t.id for t in targets if isinstance(t, ast.Name)}
