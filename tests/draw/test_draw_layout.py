"""Nothing in a picture overlaps, nothing is cut, no line runs through a box: on any graph."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from draw_cases import NETS
from hypothesis import given, settings
from hypothesis import strategies as st

from zerokara.draw.boxes import SMALL, Box, Picture, Words, picture_of
from zerokara.draw.folding import group_nodes
from zerokara.draw.layout import WIDEST, Layout, lay_out
from zerokara.draw.text import width_of

Rectangle = tuple[float, float, float, float]


def rectangles(picture: Picture, layout: Layout) -> list[Rectangle]:
    """Left, top, right and bottom of each box."""
    return [
        (x, y - box.height / 2, x + box.width, y + box.height / 2)
        for box, (x, y) in zip(picture.boxes, layout.places, strict=True)
    ]


def label_rectangles(picture: Picture, layout: Layout) -> list[Rectangle]:
    found = []
    for box, (x, y) in zip(picture.boxes, layout.labels, strict=True):
        for text, top in ((box.above, y - 7 - SMALL), (box.below, y + 16 - SMALL)):
            if text:
                half = width_of(text, SMALL, bold=True) / 2
                found.append((x - half, top, x + half, top + SMALL + 2))
    return found


def apart(a: Rectangle, b: Rectangle) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def along(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points of a line, of a wrap's corners or of a level part and an S."""
    found = []
    for (x0, y0), (x1, y1) in pairwise(points):
        for i in range(1, 40):
            s = i / 40
            if y0 == y1 or x0 == x1:
                found.append((x0 + s * (x1 - x0), y0 + s * (y1 - y0)))
            else:
                bend = s * s * (3 - 2 * s)
                x = 3 * s * (1 - s) * (x0 + x1) / 2 + s**3 * x1 + (1 - s) ** 3 * x0
                found.append((x, y0 + bend * (y1 - y0)))
    return found


def check(picture: Picture) -> Layout:
    layout = lay_out(picture)
    boxes = rectangles(picture, layout)
    solid = [r for r in boxes if r[2] > r[0]]
    labels = label_rectangles(picture, layout)
    for a, b in combinations([*solid, *labels], 2):
        assert apart(a, b), (a, b)
    for left, top, right, bottom in [*boxes, *labels]:
        assert left >= 0
        assert top >= 0
        assert right <= layout.width
        assert bottom <= layout.height
    for x, y in [p for line in [*layout.lines, *layout.wraps] for p in along(line)]:
        assert 0 <= x <= layout.width
        assert 0 <= y <= layout.height
        for left, top, right, bottom in [*solid, *labels]:
            assert not (left + 0.5 < x < right - 0.5 and top < y < bottom), (x, y)
    return layout


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("name", NETS)
def test_our_networks(name, fold):
    net = NETS[name]()
    names = {layer: name for name, layer in net.layers.items()}
    words = Words(names, net.shapes, net.trace, net)
    layout = check(picture_of(group_nodes(net.nodes, fold), words))
    assert layout.width < WIDEST + 250


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    """Boxes of any size, tied in any way that leads forward."""
    picture = Picture()
    for i in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["box", "circle", "input"]))
        words = draw(st.sampled_from(["a", "Convolution", "W" * 40]))
        above = draw(st.sampled_from(["", "1", "100x784x28"]))
        below = draw(st.sampled_from(["", "2.2", "|grad| 0.00123"]))
        lines = [((words, "name"),)] * (1 if kind == "circle" else draw(st.integers(1, 4)))
        picture.boxes.append(Box(kind, lines, above, below))
        for source in draw(st.lists(st.integers(0, i - 1), max_size=3)) if i else []:
            picture.arrows.append((source, i))
    return picture


@settings(max_examples=150, deadline=None)
@given(pictures())
def test_any_graph(picture):
    check(picture)


def test_a_planted_overlap_is_seen():
    assert not apart((0, 0, 10, 10), (9, 9, 12, 12))
    assert apart((0, 0, 10, 10), (10, 0, 12, 10))


@pytest.mark.parametrize("text", ["Convolution + ReLU", "mmmWWW@@", "39,250 parameters", "0.00145"])
@pytest.mark.parametrize("bold", [False, True])
def test_words_are_not_wider_than_thought(text, bold):
    pytest.importorskip("matplotlib", reason="measured with the font of matplotlib")
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    real = TextPath((0, 0), text, size=13, prop=font).get_extents().width
    assert real <= width_of(text, 13, bold=bold) < 1.5 * real + 6
