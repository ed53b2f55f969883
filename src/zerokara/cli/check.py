"""``zerokara check``: is a forward and a backward right, and if not, what is wrong."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from zerokara.errors import ArgumentError

WIDTH = 80


def check(
    subject: Annotated[str, typer.Argument(metavar="FILE[:NAME]", help="A Python file; a class.")],
    shapes: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="4x3", help="Shape of an input; again for a second one."),
    ] = None,
    array: Annotated[
        list[str] | None,
        typer.Option(metavar="W=3x5", help="An array that the constructor takes, by its shape."),
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option(metavar="ratio=0.5", help="Another argument of the constructor."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="labels|onehot|values", help="The targets of a loss."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the numbers that are drawn.")] = 0,
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="Seconds until an endless loop is one.")
    ] = 60.0,
) -> int:
    """Check classes with forward and backward: are the gradients right, and if not, why."""
    from zerokara.check.runner import run_request
    from zerokara.check.session import Request

    file, name = _file_and_name(subject)
    request = Request(
        file=file,
        names=[name] if name else None,
        inputs=[_shape("--input", text) for text in shapes or []],
        arrays={key: _shape(f"--array {key}", text) for key, text in _pairs("--array", array)},
        values={key: _value(text) for key, text in _pairs("--value", value)},
        target=_target(target),
        seed=seed,
    )
    examined = run_request(request, time_limit)
    if not examined:
        raise ArgumentError(f"{file}: holds no class with forward or backward")
    if all("usage" in each for each in examined):
        raise ArgumentError(str(examined[0]["usage"]))
    for each in examined:
        typer.echo("\n".join(lines_of(each)))
    wrong = [each["label"] for each in examined if each.get("verdict") == "WRONG"]
    unsure = [each["label"] for each in examined if each.get("verdict") != "RIGHT"]
    if len(examined) > 1:
        right = len(examined) - len(unsure)
        rest = f"; not right: {', '.join(unsure)}" if unsure else ""
        typer.echo("\n".join(_wrapped(f"{len(examined)} classes, {right} right{rest}", "", "  ")))
    if wrong:
        return 1
    return 2 if any("usage" in each for each in examined) else 1 if unsure else 0


def lines_of(found: dict[str, Any]) -> list[str]:
    """An examination in lines of at most 80 columns."""
    if "usage" in found:
        return _wrapped(f"{found['label']}: NOT CHECKED: {found['usage']}", "", "  ")
    at = f" ({found['conditions']})" if found["conditions"] else ""
    lines = _wrapped(f"{found['label']}: {found['verdict']}{at}", "", "  ")
    lines += _table(found["rows"])
    for row in found["rows"]:
        if row["wrong"] and row["worst"]:
            worst = row["worst"]
            place = worst["index"]
            lines += _wrapped(
                f"{row['name']} at {place}: backward says {worst['analytic']:.6g}, the numerical "
                f"derivative is {worst['numeric']:.6g}",
                "  wrong: ",
                "         ",
            )
    rows = {row["name"]: row for row in found["rows"]}
    for defect in found["defects"]:
        measured = rows.get(defect["where"], {}).get("wrong")
        head = "  cause: " if measured and defect["cause"] != "cause unknown" else "  wrong: "
        lines += _wrapped(defect["sentence"], head, "         ")
    for note in found["notes"]:
        lines += _wrapped(note["sentence"], "  note:  ", "         ")
    if found["verdict"] == "NOT PROVEN":
        lines += _wrapped("too little could be measured at these inputs; try others", "  note:  ")
    return lines


def _table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    cells = [("gradient of", "shape", "right", "wrong", "kinks", "error", "order")]
    for row in rows:
        error = "-" if row["worst"] is None else f"{row['worst']['error']:.0e}"
        order = "exact" if row["order"] is None else f"{row['order']:.1f}"
        if row["order"] is None and row["wrong"]:
            order = "-"
        shape = "x".join(map(str, row["shape"])) or "number"
        counts = (str(row["right"]), str(row["wrong"]), str(row["kinks"]))
        cells.append((row["name"], shape, *counts, error, order))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def _wrapped(text: str, head: str, rest: str = "         ") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=head, subsequent_indent=rest, break_on_hyphens=False
    )


def _file_and_name(text: str) -> tuple[str, str | None]:
    file, name = text, None
    if not Path(text).exists() and ":" in text:
        file, _, name = text.rpartition(":")
    path = Path(file)
    if not path.exists():
        raise ArgumentError(f"{file}: no such file")
    if path.is_dir() or path.suffix != ".py":
        raise ArgumentError(f"{file}: not a Python file; give one that ends in .py")
    return file, name or None


def _shape(option: str, text: str) -> list[int]:
    parts = text.strip().strip("()").replace(",", "x").replace(" ", "").split("x")
    if parts in ([""], ["number"]):
        return []
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ArgumentError(f"{option}: {text!r} is no shape; write it as 4x3")
    return [int(part) for part in parts]


def _pairs(option: str, given: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for text in given or []:
        name, equals, rest = text.partition("=")
        if not equals or not name.isidentifier() or not rest:
            raise ArgumentError(f"{option}: expected NAME=..., got {text!r}")
        pairs.append((name, rest))
    return pairs


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def _target(text: str | None) -> str | None:
    names = {None: None, "labels": "labels", "onehot": "one-hot", "one-hot": "one-hot"}
    names |= {"values": "values"}
    if text not in names:
        raise ArgumentError(f"--target: expected labels, onehot or values, got {text!r}")
    return names[text]
