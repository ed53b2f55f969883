"""The computational graph as a picture: the book's numbers, the words, the file."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from draw_cases import NETS, residual, shop, trained, two_fruits

import zerokara as zk
from zerokara.draw.text import TIMES
from zerokara.errors import ArgumentError, DataError, DtypeError, MissingExtraError

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str, style: str) -> list[str]:
    """The texts of one style, in the order of the picture."""
    root = ElementTree.fromstring(svg)
    found = [*root.iter(f"{SVG}text"), *root.iter(f"{SVG}tspan")]
    return [e.text or "" for e in found if e.get("class") == f"zk-{style}"]


def test_the_apple_purchase_has_the_numbers_of_the_book():
    svg = zk.draw(shop()).svg
    assert words(svg, "value")[:5] == ["100", "2", "200", "1.1", "220"]
    assert words(svg, "grad")[:5] == ["← 2.2", "← 110", "← 1.1", "← 200", "← 1"]
    assert {"apple", "n", "tax"} <= set(words(svg, "name"))
    assert svg.count("<circle") == 2


def test_two_fruits_have_the_numbers_of_the_book():
    svg = zk.draw(two_fruits()).svg
    assert {"715", "650", "450"} <= set(words(svg, "value"))
    gradients = {"← 2.2", "← 110", "← 3.3", "← 165", "← 650"}
    assert gradients <= set(words(svg, "grad"))


def test_before_a_pass_there_is_the_structure_alone():
    a, b = zk.Input("a"), zk.Input("b")
    svg = zk.draw(zk.Network(a + b)).svg
    assert words(svg, "value") == words(svg, "grad") == []
    assert "<circle" in svg


def test_after_forward_alone_there_are_no_gradients():
    svg = zk.draw(shop(gradients=False)).svg
    assert "220" in words(svg, "value")
    assert words(svg, "grad") == []


def test_values_false_hides_them():
    assert words(zk.draw(shop(), values=False).svg, "value") == []


def test_given_values_are_computed_on_a_copy():
    net = shop()
    svg = zk.draw(net, values={"apple": 10.0, "n": 3.0, "tax": 2.0}).svg
    assert "60" in words(svg, "value")
    assert "← 30" in words(svg, "grad")
    assert "220" in words(zk.draw(net).svg, "value")


def test_a_node_is_drawn_and_stays_free():
    a, b = zk.Input("a"), zk.Input("b")
    node = a * b
    assert "60" in words(zk.draw(node, values={"a": 6.0, "b": 10.0}).svg, "value")
    assert words(zk.draw(node).svg, "value") == []
    assert zk.Network(node).forward(a=2.0, b=3.0) == 6.0


def test_an_input_used_twice_shows_the_sum():
    x = zk.Input("x")
    net = zk.Network(x * x)
    net.forward(x=3.0)
    net.backward(1.0)
    assert words(zk.draw(net).svg, "grad")[0] == "← 6"


def test_a_two_layer_net_shows_shapes_counts_and_norms():
    net = NETS["two-layer"]()
    svg = zk.draw(net).svg
    text = "".join(ElementTree.fromstring(svg).itertext())
    for needed in (
        f"784{TIMES}50",
        f"50{TIMES}10",
        "39,250 parameters",
        "510 parameters",
        f"3{TIMES}784",
    ):
        assert needed in text
    norm = f"{float(np.linalg.norm(net.grads['W1'])):.3g}"
    assert f"|grad| {norm}" in text
    assert f"{float(net.trace.loss):.6g}" in words(svg, "value")


def test_gradients_are_those_of_the_layers():
    net = NETS["two-layer"]()
    wanted = net.loss_layer.backward(1.0)
    np.testing.assert_array_equal(net.trace.gradients[net.output], wanted)


def test_a_deep_network_is_folded():
    net = NETS["deep-conv"]()
    folded, whole = zk.draw(net).svg, zk.draw(net, fold=False).svg
    assert [w for w in words(folded, "name") if "Conv" in w] == ["Convolution + ReLU"] * 3
    assert words(folded, "name").count(f" {TIMES}2") == 3
    assert words(whole, "name").count("Convolution") == 6
    assert float(re.search(r'height="(\d+)', folded)[1]) < 800


def test_thirty_equal_layers_are_one_box():
    svg = zk.draw(NETS["multi-layer"]()).svg
    assert f" {TIMES}30" in words(svg, "name")
    assert "…" in words(svg, "faint")


def test_what_branches_is_not_folded_away():
    svg = zk.draw(residual(4), fold=True).svg
    assert svg.count("<circle") == 4


@pytest.mark.parametrize("name", NETS)
def test_the_same_graph_gives_the_same_bytes(name):
    assert zk.draw(NETS[name]()).svg == zk.draw(NETS[name]()).svg


def test_names_are_escaped():
    class Odd(zk.Identity):
        def config(self):
            return {"note": "<script>&\"'\x00\ud800"}

    Odd.__name__ = "A<b>&c"
    net = zk.Sequential([Odd()], 2)
    svg = zk.draw(net, title="<t>").svg
    assert "<script" not in svg
    svg.encode()
    assert "A<b>&c" in words(svg, "name")


def test_it_needs_nothing_from_outside():
    svg = zk.draw(shop()).svg
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|url\(|<image|<script", svg)


def test_notebooks_show_networks_nodes_and_drawings():
    net = shop()
    assert net._repr_svg_() == zk.draw(net)._repr_svg_()
    assert net.output._repr_svg_() == zk.draw(net.output).svg
    assert zk.Input("x")._repr_svg_().startswith("<svg")


def test_a_file_is_written(tmp_path):
    path = tmp_path / "graph.svg"
    drawing = zk.draw(shop(), path)
    assert path.read_text("utf-8") == drawing.svg
    assert [p.name for p in tmp_path.iterdir()] == ["graph.svg"]
    assert "characters of SVG" in repr(drawing)


def test_png_where_resvg_is(tmp_path):
    pytest.importorskip("resvg_py", reason="resvg-py is not installed")
    zk.draw(shop(), tmp_path / "graph.PNG")
    assert (tmp_path / "graph.PNG").read_bytes().startswith(b"\x89PNG")


def test_png_without_resvg_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'zerokara\[draw\]'"):
        zk.draw(shop(), tmp_path / "graph.png")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(DtypeError, match="expected a Network or a Node, got int"):
        zk.draw(3)
    with pytest.raises(ArgumentError, match=r"must end in \.svg or \.png"):
        zk.draw(shop(), tmp_path / "graph.gif")
    with pytest.raises(DataError, match="cannot be written"):
        zk.draw(shop(), tmp_path / "no" / "graph.svg")
    with pytest.raises(ArgumentError, match="takes the inputs"):
        zk.draw(shop(), values={"pear": 1.0})
    with pytest.raises(ArgumentError, match="no Input"):
        zk.draw(zk.Constant(1.0))


def test_a_pass_over_much_data_is_not_kept():
    net = zk.Sequential([zk.Affine(700), zk.Affine(1)], 2)
    net.forward(np.ones((2000, 2)))
    shapes = {array.shape for array in net.trace.values.values()}
    assert shapes == {(2000, 2), (2000, 1)}
    assert f"2000{TIMES}1" in words(zk.draw(net).svg, "value")


def test_predict_keeps_nothing_and_copies_begin_anew():
    net = zk.Sequential([zk.Affine(2)], 3)
    net.predict_eagerly(np.ones((4, 3)))
    assert not net.trace.values
    net.forward(np.ones((4, 3)))
    assert net.trace.values
    assert not net.copy().trace.values


def test_a_new_forward_forgets_the_gradients():
    net = trained(zk.Sequential([zk.Affine(2)], 3, loss=zk.SoftmaxWithLoss()))
    assert net.trace.gradients
    net.forward(np.ones((1, 3)))
    assert not net.trace.gradients
    assert net.trace.loss is None


@pytest.mark.parametrize(
    "code",
    [
        "import zerokara.draw.plots; import zerokara as zk",
        "import zerokara as zk; zk.draw(zk.Input('x')); import zerokara.draw.plots",
        "import zerokara as zk; from zerokara.draw import plots, graph",
        "from zerokara import draw; import zerokara as zk",
    ],
)
def test_the_package_is_also_a_function_whoever_comes_first(code):
    code += "; import zerokara.draw.graph; assert zk.draw(zk.Input('x')).svg.startswith('<svg')"
    code += "; assert zk.draw.graph.draw is zerokara.draw.graph.draw"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_others_read_keeps_a_box_of_its_own():
    affine = zk.Affine(2)(zk.Input("x", (2,)))
    svg = zk.draw(zk.Network(zk.ReLU()(affine) + affine), fold=True).svg
    assert {"Affine", "ReLU"} <= set(words(svg, "name"))
