"""A picture that was laid out, as SVG: one text, always the same bytes for the same picture."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from zerokara.draw.boxes import FONT, LINE, SIGN, SMALL, Box, Line, Picture, line_width
from zerokara.draw.layout import Point, lay_out

_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

HEAD = 8.0  # an arrow's

# The picture lies on a card of its own, so it can be read on a page of any colour. Blue and
# vermilion (Okabe and Ito) can be told apart by everybody, and gradients have an arrow besides.
_LIGHT = {
    "card": "fill:#ffffff;stroke:#d5dae1",
    "box": "fill:#eef3f9;stroke:#5b7492",
    "circle": "fill:#fdf6e3;stroke:#8a7440",
    "line": "fill:none;stroke:#51606f",
    "head": "fill:#51606f",
    "name": "fill:#16202b",
    "plain": "fill:#2c3a48",
    "faint": "fill:#566575",
    "value": "fill:#0b5394",
    "grad": "fill:#b03a00",
}
_DARK = {
    "card": "fill:#161b22;stroke:#3a424d",
    "box": "fill:#232d3a;stroke:#8aa3c0",
    "circle": "fill:#37311f;stroke:#cdb573",
    "line": "fill:none;stroke:#a9b6c4",
    "head": "fill:#a9b6c4",
    "name": "fill:#f0f4f8",
    "plain": "fill:#d5dee7",
    "faint": "fill:#a5b2bf",
    "value": "fill:#86c5ff",
    "grad": "fill:#ffab70",
}
_LEGEND: Line = (
    ("value", "value"),
    (" above a line: forward.   ", "faint"),
    ("← gradient", "grad"),
    (" below it: backward.", "faint"),
)
_NORM: Line = (*_LEGEND, ("   |grad|: its Euclidean norm.", "faint"))


def to_svg(picture: Picture, title: str) -> str:
    """The picture as an SVG document that needs nothing beside it."""
    layout = lay_out(picture)
    norms = any("|grad|" in box.below for box in picture.boxes)
    legend = (_NORM if norms else _LEGEND) if any(box.below for box in picture.boxes) else ()
    width = max(layout.width, line_width(legend) + 44) if legend else layout.width
    height = layout.height + (26 if legend else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" role="img" '
        'style="max-width:100%;height:auto" '
        "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">",
        f"<title>{_safe(title)}</title>",
        f"<style>{_style()}</style>",
        f'<rect class="zk-card" x="0.5" y="0.5" width="{_n(width - 1)}" '
        f'height="{_n(height - 1)}" rx="10"/>',
    ]
    parts += [_bend(points) for points in layout.lines]
    parts += [_corners(points) for points in layout.wraps]
    parts += [_head(point) for point in layout.heads]
    for box, place in zip(picture.boxes, layout.places, strict=True):
        parts += _box(box, place)
    for box, (x, y) in zip(picture.boxes, layout.labels, strict=True):
        if box.above:
            parts.append(_label(x, y - 7, box.above, "value"))
        if box.below:
            parts.append(_label(x, y + 16, box.below, "grad"))
    if legend:
        parts.append(_words(22, layout.height + 8, legend, "start"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _style() -> str:
    light = "".join(f".zk-{name}{{{rule}}}" for name, rule in _LIGHT.items())
    dark = "".join(f".zk-{name}{{{rule}}}" for name, rule in _DARK.items())
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _box(box: Box, place: Point) -> list[str]:
    x, y = place
    if box.kind == "end":
        return []
    parts = [f"<g><title>{_safe(box.hint)}</title>"]
    if box.kind == "circle":
        radius = box.width / 2
        parts.append(
            f'<circle class="zk-circle" cx="{_n(x + radius)}" cy="{_n(y)}" r="{_n(radius)}" '
            'stroke-width="1.5"/>'
        )
        [[(sign, _)]] = box.lines
        parts.append(
            f'<text class="zk-name" x="{_n(x + radius)}" y="{_n(y + 7)}" font-size="{_n(SIGN)}" '
            f'text-anchor="middle">{_safe(sign)}</text>'
        )
    else:
        top = y - LINE * len(box.lines) / 2
        if box.kind == "box":
            parts.append(
                f'<rect class="zk-box" x="{_n(x)}" y="{_n(y - box.height / 2)}" '
                f'width="{_n(box.width)}" height="{_n(box.height)}" rx="8" stroke-width="1.5"/>'
            )
        middle = x + box.width / 2
        parts += [_words(middle, top + LINE * (i + 0.75), line) for i, line in enumerate(box.lines)]
    return [*parts, "</g>"]


def _words(x: float, y: float, line: Line, anchor: str = "middle") -> str:
    spans = "".join(
        f'<tspan class="zk-{style}"'
        + (f' font-size="{_n(FONT)}" font-weight="bold"' if style == "name" else "")
        + f">{_safe(text)}</tspan>"
        for text, style in line
    )
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(SMALL)}" text-anchor="{anchor}" '
        f'xml:space="preserve">{spans}</text>'
    )


def _label(x: float, y: float, text: str, style: str) -> str:
    return (
        f'<text class="zk-{style}" x="{_n(x)}" y="{_n(y)}" font-size="{_n(SMALL)}" '
        f'font-weight="bold" text-anchor="middle">{_safe(text)}</text>'
    )


def _bend(points: list[Point]) -> str:
    """Level from the box, and then as an S to the next column."""
    (x0, y0), (x1, _), *rest = points
    path = f"M{_n(x0)} {_n(y0)}H{_n(x1)}"
    for x2, y2 in rest:
        middle = (x1 + x2) / 2
        path += f"C{_n(middle)} {_n(y0)} {_n(middle)} {_n(y2)} {_n(x2)} {_n(y2)}"
    return f'<path class="zk-line" d="{path}" stroke-width="1.5"/>'


def _corners(points: list[Point]) -> str:
    path = f"M{_n(points[0][0])} {_n(points[0][1])}"
    path += "".join(f"L{_n(x)} {_n(y)}" for x, y in points[1:])
    return f'<path class="zk-line" d="{path}" stroke-width="1.5" stroke-linejoin="round"/>'


def _head(point: Point) -> str:
    x, y = point
    return f'<path class="zk-head" d="M{_n(x)} {_n(y)}L{_n(x - HEAD)} {_n(y - 4)}V{_n(y + 4)}Z"/>'


def _safe(text: str) -> str:
    """For XML: its signs escaped, what it cannot hold replaced."""
    return escape(_NOT_XML.sub("\ufffd", text))


def _n(value: float) -> str:
    """Tenths of a pixel, without a zero that says nothing."""
    return f"{value:.1f}".removesuffix(".0")
