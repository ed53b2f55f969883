"""A pass told step by step: true numbers, a formula for every layer, text and HTML that hold."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from draw_cases import NETS, residual, shop
from layer_cases import CASES

import zerokara as zk
from zerokara.draw.formulas import FORMULAS, UNKNOWN, formula_of
from zerokara.errors import ArgumentError, DataError, DtypeError, ShapeError
from zerokara.layers import LAYERS


class Twice(zk.Layer):
    """A user's layer."""

    def forward(self, x, *, training=False):
        self._keep(True)
        return 2 * x

    def backward(self, dout):
        return 2 * dout

    def config(self):
        return {"note": "<b>&"}


def small() -> tuple[zk.Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    net = zk.models.TwoLayerNet(6, 4, 3, weight_init_std=0.5)
    return net, rng.random((5, 6)), np.array([0, 1, 2, 0, 1])


def test_every_layer_has_a_formula():
    assert set(FORMULAS) == set(LAYERS)
    for kind, formula in FORMULAS.items():
        assert formula.forward, kind
        assert formula.backward, kind
        assert formula.rule.endswith("."), kind


def test_a_users_layer_has_none_even_under_our_name():
    class ReLU(zk.ReLU):
        pass

    assert formula_of(ReLU()) is UNKNOWN
    assert formula_of(Twice()) is UNKNOWN
    assert formula_of(zk.ReLU()) is FORMULAS["ReLU"]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5]])
def test_the_options_of_a_loss_are_in_its_formula(smoothing, weights, rng):
    """Run what the formula says, as Python, against the layer."""
    loss = zk.SoftmaxWithLoss(smoothing, weights)
    told = formula_of(loss)
    x, labels = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0])
    names = {"softmax": zk.functions.softmax, "log": np.log, "sum": np.sum, "x": x, "N": 5, "C": 3}
    names |= {"t": np.eye(3)[labels], "w": np.array(weights or [1.0] * 3)}
    names["total"] = names["w"][labels].sum()
    for line in (*told.forward.split("; "), *told.backward):
        exec(line.replace("sum(w of each sample's class)", "total"), names)
    np.testing.assert_allclose(names["L"], loss.forward(x, labels), rtol=1e-12)
    np.testing.assert_allclose(names["dx"], loss.backward(), rtol=1e-10, atol=1e-15)


def test_the_numbers_are_those_of_the_gradient():
    net, x, t = small()
    told = zk.explain(net, x, t)
    gradient = net.gradient(x, t)
    shown = {row.name: row.array for step in told.backward for row in step.rows}
    for name, array in gradient.items():
        np.testing.assert_array_equal(shown[f"d{name}"], array)
    [loss] = [r.array for s in told.forward for r in s.rows if r.name == "L, the loss"]
    assert loss == net.trace.loss
    assert [step.name for step in told.forward] == ["affine1", "relu1", "affine2", "loss"]
    assert [step.name for step in told.backward] == ["loss", "affine2", "relu1", "affine1"]


def test_out_of_one_layer_is_dout_of_the_next():
    told = zk.explain(*small())
    for step, after in pairwise(told.backward):
        np.testing.assert_array_equal(step.rows[-1].array, after.rows[0].array)


def test_the_network_stays_as_it_is():
    net = zk.Sequential([zk.Affine(4), zk.Dropout(0.5)], 3, loss=zk.SoftmaxWithLoss())
    x, t = np.ones((2, 3)), [0, 1]
    before = (net.flat_params.copy(), net.flat_grads.copy(), net.layers["dropout1"].state["noise"])
    noise = before[2].copy()
    zk.explain(net, x, t)
    np.testing.assert_array_equal(net.flat_params, before[0])
    np.testing.assert_array_equal(net.flat_grads, before[1])
    np.testing.assert_array_equal(net.layers["dropout1"].state["noise"], noise)
    assert not net.trace.values


def test_the_apple_purchase():
    text = str(zk.explain(shop(), {"apple": 100.0, "n": 2.0, "tax": 1.1}))
    for needed in ("dx = dout * y", "2.2", "110", "200", "220", "begins with ones"):
        assert needed in text


def test_a_value_used_twice_is_said_to_be_summed():
    net = residual(2)
    told = zk.explain(net, np.ones((2, 4)), [0, 1])
    [step] = [step for step in told.backward if step.name == "relu2"]
    assert "used 2 times, so dout is the sum" in step.rule


@pytest.mark.parametrize("case", [c for c in CASES if not c.is_loss], ids=str)
def test_every_layer_is_told(case):
    nodes = [zk.Input(f"x{i}", shape) for i, shape in enumerate(case.shapes)]
    net = zk.Network(case.make()(*nodes), dtype=np.float64)
    rng = np.random.default_rng(0)
    inputs = case.inputs(rng)
    told = zk.explain(net, dict(zip(net.inputs, inputs, strict=True)))
    [step] = told.backward
    assert step.formulas == FORMULAS[type(case.make()).__name__].backward
    net.forward(dict(zip(net.inputs, inputs, strict=True)), training=True)


@pytest.mark.parametrize("case", [c for c in CASES if c.is_loss], ids=str)
def test_every_loss_is_told(case):
    net = zk.Network(zk.Identity()(zk.Input("x", case.shapes[0])), loss=case.make())
    x, t = case.inputs(np.random.default_rng(0))
    told = zk.explain(net, x, t)
    assert told.backward[0].formulas == formula_of(case.make()).backward


def test_one_sample_and_its_label():
    net, x, t = small()
    assert str(zk.explain(net, x[0], t[0])).count("\n1. ") == 2
    assert "1 sample through" in str(zk.explain(net, x[0], np.eye(3)[0]))


@pytest.mark.parametrize("name", ["deep-conv", "simple-conv", "multi-layer"])
def test_text_fits_in_80_columns(name):
    net = NETS[name]()
    x = np.random.default_rng(0).random((2, *net.inputs["x"].shape))
    lines = str(zk.explain(net, x, [0, 1])).splitlines()
    assert max(map(len, lines)) <= 80


class Checker(HTMLParser):
    """Sees that tags close in order, and which there are."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)
        assert not {"src", "href", "onclick"} & {key for key, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_whole_and_escaped(tmp_path):
    net = zk.Sequential([Twice(), zk.Affine(2)], 3, loss=zk.SoftmaxWithLoss())
    told = zk.explain(net, np.ones((2, 3)), [0, 1])
    told.save(tmp_path / "pass.html")
    html = (tmp_path / "pass.html").read_text("utf-8")
    checker = Checker()
    checker.feed(html)
    assert not checker.open
    assert not {"script", "b", "link", "img"} & checker.seen
    assert not re.search(r"https?:|url\(", html)
    assert "&lt;b&gt;&amp;" in html
    assert "prefers-color-scheme:dark" in html
    assert "not zerokara" in html
    assert told._repr_html_() in html


def test_text_is_saved(tmp_path):
    told = zk.explain(*small())
    told.save(tmp_path / "pass.txt")
    assert (tmp_path / "pass.txt").read_text("utf-8") == str(told) == repr(told)
    with pytest.raises(ArgumentError, match=r"must end in \.html or \.txt"):
        told.save(tmp_path / "pass.pdf")
    with pytest.raises(DataError, match="cannot be written"):
        told.save(tmp_path / "no" / "pass.txt")


def test_what_cannot_be_explained_is_refused():
    net, x, t = small()
    with pytest.raises(DtypeError, match="expected a Network, got Affine"):
        zk.explain(zk.Affine(3), x, t)
    with pytest.raises(ArgumentError, match="has a loss, so give the targets"):
        zk.explain(net, x)
    with pytest.raises(ArgumentError, match="has no loss, so leave out"):
        zk.explain(shop(), {"apple": 1.0, "n": 1.0, "tax": 1.0}, [1])
    with pytest.raises(ArgumentError, match="at least one sample"):
        zk.explain(net, x[:0], t[:0])
    with pytest.raises(ShapeError, match="expected shape"):
        zk.explain(net, x[:, :5], t)
