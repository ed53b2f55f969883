"""An explanation: steps, as text of 80 columns and as an HTML page that needs nothing beside it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from zerokara._types import Array
from zerokara.draw.text import shortened
from zerokara.errors import ArgumentError, DataError
from zerokara.files import replace_file

COLUMNS = 80
FIRST = 4  # numbers that are shown of an array
_LABEL = 24


@dataclass(frozen=True)
class Row:
    """An array by name."""

    name: str
    array: Array

    @property
    def shape(self) -> str:
        return "number" if self.array.ndim == 0 else str(self.array.shape)

    def first(self, room: int = COLUMNS) -> str:
        """Its first numbers, in C order: `FIRST` of them, or fewer in little room."""
        numbers = [f"{float(v):.4g}" for v in self.array.ravel()[:FIRST]]
        while True:
            text = "  ".join([*numbers, "..."] if self.array.size > len(numbers) else numbers)
            if len(text) <= room or len(numbers) <= 1:
                return text
            numbers.pop()


@dataclass(frozen=True)
class Step:
    """What one layer did in one direction."""

    name: str
    layer: str
    formulas: tuple[str, ...]
    rows: Sequence[Row]
    rule: str = ""


@dataclass(frozen=True)
class Explanation:
    """A pass, step by step: `print` it, show it in a notebook, or save it as .html or .txt."""

    title: str
    lead: str
    forward: Sequence[Step]
    backward: Sequence[Step]

    def __str__(self) -> str:
        parts = [self.title, "=" * len(self.title), "", textwrap.fill(self.lead, COLUMNS)]
        for heading, steps in self._halves():
            parts += ["", heading, "-" * len(heading)]
            for count, step in enumerate(steps, 1):
                parts += ["", *_text(count, step)]
        return "\n".join(parts) + "\n"

    def __repr__(self) -> str:
        return str(self)

    @property
    def html(self) -> str:
        """A whole page."""
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            f"<title>{_safe(self.title)}</title>"
            "<style>body{margin:0;background:#fff}"
            "@media (prefers-color-scheme:dark){body{background:#0f1419}}</style></head>\n"
            f"<body>{self._repr_html_()}</body></html>\n"
        )

    def _repr_html_(self) -> str:
        parts = [f"<style>{_STYLE}</style>", '<div class="zk-explain">']
        parts.append(f"<h2>{_safe(self.title)}</h2><p>{_safe(self.lead)}</p>")
        for heading, steps in self._halves():
            kind = heading.lower()
            parts.append(f"<h3>{heading}</h3>")
            parts += [_html(count, step, kind) for count, step in enumerate(steps, 1)]
        return "\n".join([*parts, "</div>"])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it, beside and renamed, as .html or .txt.

        Raises:
            ArgumentError: another ending.
            DataError: the file cannot be written.
        """
        ending = Path(path).suffix.lower()
        if ending not in (".html", ".txt"):
            raise ArgumentError(f"save: {os.fspath(path)} must end in .html or .txt")
        content = self.html if ending == ".html" else str(self)
        try:
            replace_file(path, content.encode(errors="replace"))
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None

    def _halves(self) -> tuple[tuple[str, Sequence[Step]], ...]:
        return ("Forward", self.forward), ("Backward", self.backward)


def _text(count: int, step: Step) -> list[str]:
    lines = textwrap.wrap(f"{count}. {step.name}: {step.layer}", COLUMNS, subsequent_indent="   ")
    for formula in step.formulas:
        lines += textwrap.wrap(
            formula, COLUMNS, initial_indent="     ", subsequent_indent="       "
        )
    names = [shortened(row.name, _LABEL) for row in step.rows]
    wide = max(map(len, names))
    shape = max(len(row.shape) for row in step.rows)
    for name, row in zip(names, step.rows, strict=True):
        begin = f"   {name:<{wide}}  {row.shape:<{shape}}  "
        lines.append(begin + row.first(COLUMNS - len(begin)))
    return lines + textwrap.wrap(step.rule, COLUMNS, initial_indent="   ", subsequent_indent="   ")


def _html(count: int, step: Step, kind: str) -> str:
    formulas = "".join(f"<code>{_safe(formula)}</code>" for formula in step.formulas)
    rows = "".join(
        f"<tr><th>{_safe(row.name)}</th><td>{_safe(row.shape)}</td><td>{row.first()}</td></tr>"
        for row in step.rows
    )
    rule = f"<p>{_safe(step.rule)}</p>" if step.rule else ""
    return (
        f'<section class="zk-{kind}"><h4>{count}. {_safe(step.name)} '
        f"<small>{_safe(step.layer)}</small></h4>{formulas}<table>{rows}</table>{rule}</section>"
    )


def _safe(text: str) -> str:
    return escape(text.encode(errors="replace").decode())


_STYLE = (
    ".zk-explain{max-width:60em;padding:1em;background:#fff;color:#16202b;"
    "font:15px/1.5 Helvetica,Arial,'DejaVu Sans',sans-serif}"
    ".zk-explain section{margin:1em 0;padding:.6em 1em;border-left:4px solid #0b5394;"
    "background:#f3f6fa;border-radius:4px;overflow-x:auto}"
    ".zk-explain .zk-backward{border-color:#b03a00}"
    ".zk-explain h2,.zk-explain h3,.zk-explain h4{margin:.3em 0;color:inherit}"
    ".zk-explain small{font-weight:normal;color:#566575;overflow-wrap:anywhere}"
    ".zk-explain code{display:block;margin:.15em 0;padding:0;background:none;color:#0b5394;"
    "font:14px/1.5 'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre-wrap}"
    ".zk-explain .zk-backward code{color:#b03a00}"
    ".zk-explain table{margin:.4em 0;border-collapse:collapse;"
    "font:13px/1.6 'DejaVu Sans Mono',Menlo,Consolas,monospace}"
    ".zk-explain th,.zk-explain td{padding:0 1.2em 0 0;border:0;text-align:left;"
    "font-weight:normal;white-space:pre;background:none;color:inherit}"
    ".zk-explain p{margin:.4em 0}"
    "@media (prefers-color-scheme:dark){"
    ".zk-explain{background:#0f1419;color:#e6edf3}"
    ".zk-explain section{background:#1a212b;border-color:#86c5ff}"
    ".zk-explain .zk-backward{border-color:#ffab70}"
    ".zk-explain small{color:#a5b2bf}"
    ".zk-explain code{color:#86c5ff}"
    ".zk-explain .zk-backward code{color:#ffab70}}"
)
