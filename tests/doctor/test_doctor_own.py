"""The doctor on our own layers and models, and on objects handed to zk.gradcheck."""

from __future__ import annotations

import contextlib
import sys
import zlib
from pathlib import Path
from typing import Any

import book_layers as right
import numpy as np
import pytest
from layer_cases import CASES, Case

import zerokara as zk
from zerokara import models
from zerokara.check.doctor import examine
from zerokara.check.loading import load, names_in
from zerokara.check.session import Request, check_name
from zerokara.errors import ArgumentError


@pytest.mark.parametrize("case", CASES, ids=str)
def test_our_own_layers_pass(case: Case) -> None:
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    inputs = case.inputs(rng, 3)
    t = None
    if case.is_loss:
        inputs, t = inputs[:1], inputs[1]
    found = examine(lambda dtype: case.make(), inputs, t)
    assert found.verdict == "RIGHT", found.defects


FILES = sorted(Path(zk.layers.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_zerokara_check_finds_our_files_right(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    module = load(str(file))
    for name in names_in(module):
        # One that wants more than arrays of numbers is not guessed; the table above has it.
        with contextlib.suppress(ArgumentError):
            found = check_name(module, name, Request(str(file)))
            assert found.verdict == "RIGHT", found


@pytest.mark.parametrize("name", ["Affine", "Convolution", "MaxPool", "Add", "SoftmaxWithLoss"])
def test_a_layer_of_ours_needs_no_word_to_be_checked(name: str) -> None:
    assert check_name(zk.layers, name, Request(str(zk.layers.__file__))).verdict == "RIGHT"


def small(filters: int, size: int = 3, pad: int = 1) -> dict[str, int]:
    return {"filter_num": filters, "filter_size": size, "pad": pad, "stride": 1}


MODELS: dict[str, dict[str, Any]] = {
    "TwoLayerNet": {},
    "MultiLayerNet": {"hidden_size_list": [4, 4], "activation": "sigmoid"},
    "MultiLayerNetExtend": {"hidden_size_list": [4, 4], "use_batchnorm": True},
    "SimpleConvNet": {
        "input_dim": [1, 6, 6],
        "conv_param": small(3, 3, 0),
        "hidden_size": 5,
        "output_size": 3,
    },
    "DeepConvNet": {f"conv_param_{place + 1}": small(2) for place in range(6)}
    | {"input_dim": [1, 8, 8], "hidden_size": 4, "output_size": 3},
}


def test_no_model_is_left_out() -> None:
    assert set(MODELS) == set(models.MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_zerokara_check_finds_our_models_right(name: str) -> None:
    found = check_name(models, name, Request(str(models.__file__), values=MODELS[name]))
    assert found.verdict == "RIGHT", found
    assert found.report is not None
    assert [row.name for row in found.report.rows][:3] == ["x", "W1", "b1"]
    assert all(row.right > 3 for row in found.report.rows if np.prod(row.shape) > 12)


def test_gradcheck_takes_an_object_of_the_book(rng: np.random.Generator) -> None:
    W, b, x = rng.standard_normal((3, 5)), rng.standard_normal(5), rng.standard_normal((4, 3))
    layer = right.Affine(W, b)
    report = zk.gradcheck(layer, x)
    assert report.ok, report
    assert [row.name for row in report.rows] == ["x", "W", "b"]
    assert layer.W is W
    assert layer.x is None
    assert zk.gradcheck(right.SoftmaxWithLoss(), x, np.array([0, 2, 1, 1]))


def test_gradcheck_names_the_cause(rng: np.random.Generator) -> None:
    class Wrong(right.Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.dW = -self.dW
            return dx

    layer = Wrong(rng.standard_normal((3, 5)), rng.standard_normal(5))
    report = zk.gradcheck(layer, rng.standard_normal((4, 3)))
    assert not report.ok
    assert [cause.cause for cause in report.causes] == ["sign flipped"]
    assert "likely cause: W: the sign is flipped" in str(report)
    with pytest.raises(ArgumentError, match="inputs by position"):
        zk.gradcheck(layer, x=np.ones((4, 3)))


def test_the_order_of_the_remainder_is_2_beside_right_and_1_beside_wrong() -> None:
    class Wrong(right.Tanh):
        def backward(self, dout):
            return 1.5 * super().backward(dout)

    x = np.linspace(-1, 1, 12).reshape(4, 3)
    assert zk.gradcheck(right.Tanh(), x).rows[0].order == pytest.approx(2, abs=0.1)
    assert zk.gradcheck(Wrong(), x).rows[0].order == pytest.approx(1, abs=0.1)
    assert zk.gradcheck(right.Mul(), x, x).rows[0].order is None
