"""Networks as ONNX files: every layer against ONNX Runtime, and what the file says of itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_cases import CASES, Case
from onnx_cases import onnx, run
from small_networks import residual, shop, small

import zerokara as zk
from zerokara.errors import ArgumentError, DtypeError, MissingExtraError, ModelFileError
from zerokara.interop import onnx as zonnx
from zerokara.interop.onnx import comparing
from zerokara.interop.onnx.layers_to_nodes import TO_NODES
from zerokara.layers import LAYERS, Loss

LAYER_CASES = [case for case in CASES if not case.is_loss and type(case.make()) in TO_NODES]


def built(case: Case) -> tuple[zk.Network, dict[str, np.ndarray]]:
    """A network of the one layer, with parameters and state that are not the first ones."""
    nodes = [zk.Input(f"x{i}", shape) for i, shape in enumerate(case.shapes)]
    net = zk.Network(case.make()(*nodes))
    rng = np.random.default_rng(1)
    for layer in net.layers.values():
        for array in [*layer.params.values(), *layer.state.values()]:
            if array.dtype.kind == "f":
                array[...] = rng.uniform(0.5, 1.5, array.shape)
    given = case.inputs(rng, dtype=np.float32)
    return net, {f"x{i}": 3 * array for i, array in enumerate(given)}


def test_every_layer_has_its_operators() -> None:
    needed = {kind for kind in LAYERS.values() if not issubclass(kind, Loss)}
    assert set(TO_NODES) == needed


@pytest.mark.parametrize("case", LAYER_CASES, ids=str)
def test_a_layer_there_and_back(case: Case, tmp_path: Path) -> None:
    net, x = built(case)
    path = tmp_path / "net.onnx"
    done = zonnx.save(net, path, scores=True)
    assert done.ir_version == 8
    assert done.opset <= 17
    wanted = net.predict(x)
    np.testing.assert_allclose(run(path, x), wanted, rtol=1e-5, atol=2e-6)
    back = zonnx.load(path)
    again = back.predict(x if len(x) > 1 else x["x0"])
    assert again.shape == wanted.shape
    np.testing.assert_allclose(again, wanted, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    "make",
    [
        zk.models.SimpleConvNet,
        lambda: zk.models.DeepConvNet(dtype=np.float64),
        lambda: zk.models.MultiLayerNetExtend(6, [5, 4], 3, use_batchnorm=True, use_dropout=True),
        lambda: small(dtype=np.float64),
        residual,
    ],
    ids=["simple", "deep, float64", "extend", "small, float64", "residual"],
)
def test_a_classifier(make: Any, tmp_path: Path) -> None:
    net = make()
    path = tmp_path / "net.onnx"
    names = [f"class {i}" for i in range(net.output_shape[0])]
    done = zonnx.save(net, path, classes=names)
    assert done.difference is not None
    assert done.difference < 1e-5
    assert f"{done.difference:.2g}" in str(done)
    assert list(done.outputs) == ["label", "probabilities"]
    shape = next(iter(net.inputs.values())).shape
    x = np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32)
    chances = run(path, x, "probabilities")
    np.testing.assert_allclose(chances, net.probabilities(x), atol=2e-6)
    labels = run(path, x, "label")
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, net.predict(x).argmax(axis=1))
    file = onnx.load(path)
    assert file.ir_version == 8
    assert [(each.domain, each.version) for each in file.opset_import] == [("", 13)]
    assert {each.key: json.loads(each.value) for each in file.metadata_props} == {"classes": names}
    assert file.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    back = zonnx.load(path, loss=zk.SoftmaxWithLoss())
    np.testing.assert_allclose(back.predict(x), net.predict(x), rtol=1e-4, atol=1e-5)


def test_layer_normalization_needs_opset_17(tmp_path: Path) -> None:
    net = zk.Sequential([zk.LayerNormalization()], 3)
    assert zonnx.save(net, tmp_path / "net.onnx").opset == 17


@pytest.mark.parametrize(("shape", "classes"), [((1,), ["no", "yes"]), ((3,), ["a", "b", "c"])])
def test_sigmoid_classifiers(shape: Any, classes: list[str], tmp_path: Path) -> None:
    net = zk.Sequential([zk.Affine(shape[0])], 4, loss=zk.SigmoidWithLoss())
    path = tmp_path / "net.onnx"
    zonnx.save(net, path, classes=classes)
    x = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    labels = run(path, x, "label")
    assert set(labels.ravel()) == {0, 1}
    wanted = (net.predict(x) > 0).astype(np.int64)
    np.testing.assert_array_equal(labels, wanted[:, 0] if shape == (1,) else wanted)
    np.testing.assert_allclose(run(path, x, "probabilities"), net.probabilities(x), atol=1e-6)


def test_softmax_at_the_end_is_a_classifier_too(tmp_path: Path) -> None:
    net = zk.Sequential([zk.Affine(3), zk.Softmax()], 4)
    done = zonnx.save(net, tmp_path / "net.onnx", classes=["a", "b", "c"])
    assert list(done.outputs) == ["label", "probabilities"]


def test_a_graph_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "shop.onnx"
    zonnx.save(shop(), path, dtype=np.float64)
    rng = np.random.default_rng(0)
    x = {name: rng.uniform(1, 9, 6) for name in shop().inputs}
    np.testing.assert_allclose(run(path, x), shop().predict(x), rtol=1e-14)
    np.testing.assert_allclose(zonnx.load(path).predict(x), shop().predict(x), rtol=1e-14)


@pytest.mark.parametrize("layers", [[zk.Identity], [zk.Dropout], [zk.Dropout, zk.ReLU]])
def test_layers_that_leave_no_node(layers: list[Any], tmp_path: Path) -> None:
    net = zk.Sequential([make() for make in layers], 3)
    path = tmp_path / "net.onnx"
    zonnx.save(net, path)
    x = np.array([[1, -2, 3]], np.float32)
    np.testing.assert_array_equal(run(path, x), net.predict(x))


def test_preprocessing_inside_the_graph(tmp_path: Path) -> None:
    net = zk.Sequential(
        [zk.Convolution(3, 3), zk.ReLU(), zk.Affine(4, init=0.3)],
        (3, 5, 6),
        loss=zk.SoftmaxWithLoss(),
    )
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.25, 0.3])
    path = tmp_path / "net.onnx"
    before = zonnx.Preprocessing("uint8", 1 / 255, mean, std)
    done = zonnx.save(net, path, preprocessing=before)
    assert done.inputs == {"x": "uint8 (N, 3, 5, 6)"}
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 6), np.uint8)
    x = (pixels / 255 - mean.reshape(-1, 1, 1)) / std.reshape(-1, 1, 1)
    wanted = net.probabilities(x)
    np.testing.assert_allclose(run(path, pixels, "probabilities"), wanted, atol=1e-6)
    # Read back, the preprocessing is a part of the network.
    np.testing.assert_allclose(zonnx.load(path).predict(pixels), wanted, atol=1e-6)


class Own(zk.ReLU):
    """A layer of a user's."""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["a", "b"]}, "classes must be 3 different names, got 2: a, b"),
        ({"classes": ["a", "b", "a"]}, "classes must be 3 different names, got 3"),
        ({"classes": "abc"}, "must be a list of names, got the string 'abc'"),
        ({"classes": list("abc"), "scores": True}, "classes are for classifiers"),
        ({"preprocessing": zonnx.Preprocessing(mean=[1, 2])}, r"mean of shape \(2,\) does not fit"),
    ],
)
def test_arguments_that_do_not_fit(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=message):
        zonnx.save(small(), tmp_path / "net.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with pytest.raises(
        ArgumentError, match=r"own1: Own\(\) is a layer of your own, .*; exported a"
    ):
        zonnx.save(zk.Sequential([Own()], 3), path)
    with pytest.raises(ArgumentError, match="the input 'output' has the name of an output"):
        zonnx.save(zk.Network(zk.ReLU()(zk.Input("output", (3,)))), path)
    with pytest.raises(ArgumentError, match="expected a Network, got int"):
        zonnx.save(3, path)  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="float32 or float64, got float16"):
        zonnx.save(small(), path, dtype=np.float16)
    with pytest.raises(ModelFileError, match="cannot be written"):
        zonnx.save(small(), tmp_path / "no" / "net.onnx")
    for wrong in ({"dtype": "int4"}, {"scale": 0}, {"mean": np.nan}, {"std": [1, 0]}):
        with pytest.raises(ArgumentError, match="Preprocessing: "):
            zonnx.Preprocessing(**wrong)


def test_a_difference_is_seen_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    net = zk.Sequential([zk.Affine(3)], 4)
    monkeypatch.setitem(
        TO_NODES,
        zk.Affine,
        lambda w, layer, x, s: w.node("Gemm", x[0], w.tensor(layer.W + 0.1, "W")),
    )
    with pytest.raises(ModelFileError, match="ONNX Runtime differs from the network by"):
        zonnx.save(net, path)
    assert path.read_bytes() == b"old"
    assert zonnx.save(net, path, compare=False).difference is None


def test_without_onnx_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "runtime_package", lambda: None)
    done = zonnx.save(small(), tmp_path / "net.onnx")
    assert "not compared: ONNX Runtime is not installed" in str(done)


def test_without_the_package_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'zerokara\[onnx\]'"):
        zonnx.save(small(), tmp_path / "net.onnx")
    (tmp_path / "net.onnx").write_bytes(b"x")
    with pytest.raises(MissingExtraError, match="ONNX files need the package onnx"):
        zonnx.load(tmp_path / "net.onnx")
