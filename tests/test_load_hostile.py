"""Model files that are damaged or lie: one clear error, and nothing is made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from model_cases import NETWORKS, model, parts, residual, shop, straight, write

import zerokara as zk
from zerokara.architecture import LARGEST, describe, rebuild
from zerokara.errors import ModelFileError


@pytest.mark.hostile
def test_every_truncation_and_many_flips_are_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "m"
    zk.save(model(), path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="damaged") as caught:
            zk.load(path)
        assert str(path) in str(caught.value)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            net = zk.load(path)
        except ModelFileError:
            refused += 1
        else:  # it hit the numbers of a tensor, or a word that says nothing about the network
            assert net.flat_params.size == model().flat_params.size
    assert refused > 100


@pytest.mark.hostile
def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m"
    for content in (b"", b"PK\x03\x04", b"\x80\x04pickle" * 9, b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match="no safetensors file"):
            zk.load(path)
    for metadata in (None, {"format": "pt"}):
        safetensors.numpy.save_file({"a": np.zeros(2)}, path, metadata)
        with pytest.raises(ModelFileError, match="but no model of zerokara"):
            zk.load(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m"
    zk.save(model(), path)
    tensors, header = parts(path)
    assert header["format"] == 1
    assert header["version"] == zk.__version__
    write(path, tensors, header | {"format": 2, "version": "9.0", "network": "who knows"})
    with pytest.raises(ModelFileError, match=r"of format 2, written by zerokara 9\.0.*newer"):
        zk.load(path)


def edited(change: Callable[[Any, Any], None], make: Callable[..., zk.Network]) -> Any:
    """Give a header and tensors after a change, made on the network's description."""
    net = make()
    network = describe(net)
    tensors = {name: array.copy() for name, array in net.params.items()}
    change(network, tensors)
    return tensors, {"format": 1, "version": "0", "network": network}


def set_(*keys: Any, to: Any) -> Callable[[Any, Any], None]:
    def change(network: Any, tensors: Any) -> None:
        for key in keys[:-1]:
            network = network[key]
        network[keys[-1]] = to

    return change


UNIFORM = {"outputs": 2**28, "init": "glorot_uniform"}
HOSTILE: list[tuple[str, Callable[..., zk.Network], Callable[[Any, Any], Any], str]] = [
    ("lacks", model, lambda n, t: t.pop("W2"), "lacks tensors: 'W2'"),
    ("extra", model, lambda n, t: t.update(W9=np.zeros(1)), "unknown tensors: 'W9'"),
    ("shape", model, lambda n, t: t.update(W2=t["W2"].T.copy()), r"'W2' is F32 of shape \(3, 4\)"),
    ("dtype", model, lambda n, t: t.update(b1=t["b1"].astype("f8")), "'b1' is F64.*says F32"),
    ("kind", model, set_("kind", to="os.system"), "network.kind is 'os.system'"),
    ("net dtype", model, set_("dtype", to="object"), "network.dtype is 'object'"),
    ("model", model, set_("model", to="__import__"), "network.model '__import__' is unknown"),
    ("argument", model, set_("arguments", "rng", to=1), "cannot be made"),
    ("size", model, set_("arguments", "hidden_size", to=2**27), "far more weights"),
    ("more", model, set_("arguments", "hidden_size", to=2**60), "which is above"),
    ("negative", model, set_("arguments", "hidden_size", to=-1), "outputs must be 1 or more"),
    ("text", model, set_("arguments", "hidden_size", to="4"), "cannot be made"),
    ("nan", model, set_("arguments", "weight_init_std", to=float("nan")), "not finite"),
    ("layer", straight, set_("layers", 0, "layer", to="os.system"), "'os.system' is unknown"),
    ("dunder", straight, set_("layers", 1, "layer", to="Layer"), "'Layer' is unknown"),
    ("outputs", straight, set_("layers", 0, "arguments", "outputs", to=2**28), "far more weights"),
    ("uniform", straight, set_("layers", 0, "arguments", to=UNIFORM), "far more weights"),
    ("keyword", straight, set_("layers", 1, "arguments", to={"x": 1}), "ReLU cannot be made"),
    ("no list", straight, set_("layers", to={}), "layers must be a list"),
    ("no layers", straight, set_("layers", to=[]), "at least one layer"),
    ("no object", straight, set_("layers", 0, to=7), r"layers\[0\] must be an object"),
    ("input", straight, set_("input_shape", to=[LARGEST, 2]), "larger than any sample"),
    ("input 0", straight, set_("input_shape", to=[0]), "sizes from 1"),
    ("input true", straight, set_("input_shape", to=[True]), "sizes from 1"),
    ("wider", straight, set_("input_shape", to=[2, 4]), r"says F32 of shape \(8, 5\)"),
    ("narrower", straight, set_("input_shape", to=[1, 3]), r"says F32 of shape \(3, 5\)"),
    ("loss", straight, set_("loss", "layer", to="ReLU"), "ReLU, which is no loss"),
    ("no loss name", straight, set_("loss", to=[]), "network.loss must be an object"),
    ("forward edge", residual, set_("nodes", 1, "inputs", to=[5]), "numbers of nodes before it"),
    ("itself", residual, set_("nodes", 1, "inputs", to=[1]), "numbers of nodes before it"),
    ("backward edge", residual, set_("nodes", 1, "inputs", to=[-1]), "numbers of nodes before it"),
    ("true edge", residual, set_("nodes", 2, "inputs", to=[True]), "numbers of nodes before it"),
    ("no edges", residual, set_("nodes", 1, "inputs", to=[]), "takes 1 input, got 0"),
    ("no nodes", residual, set_("nodes", to=[]), "nodes is empty"),
    ("loose", residual, lambda n, t: n["nodes"].insert(-1, {"constant": 1.0}), "last one needs"),
    ("name", residual, set_("nodes", 0, "input", to="a b"), "identifier"),
    ("constant", shop, lambda n, t: n["nodes"].append({"constant": "1"}), "must be a float"),
    ("infinite", shop, lambda n, t: n["nodes"].append({"constant": 1e999}), "must be a float"),
    ("no input", shop, set_("nodes", to=[{"constant": 1.0}]), "no Input"),
]


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("make", "change", "match"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE]
)
def test_a_header_that_lies_is_refused(
    make: Callable[..., zk.Network], change: Callable[[Any, Any], Any], match: str, tmp_path: Path
) -> None:
    write(tmp_path / "m", *edited(change, make))
    with pytest.raises(ModelFileError, match=match) as caught:
        zk.load(tmp_path / "m")
    assert str(tmp_path / "m") in str(caught.value)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "{}", '{"format": "1"}', '{"format": true}', '{"format": 0}'],
)
def test_metadata_that_is_no_header_is_refused(text: str, tmp_path: Path) -> None:
    write(tmp_path / "m", {"a": np.zeros(1)}, text)
    with pytest.raises(ModelFileError, match="metadata is damaged"):
        zk.load(tmp_path / "m")


@pytest.mark.hostile
def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "m", {"a": np.zeros(1)}, "[" * 200_000)
    with pytest.raises(ModelFileError, match="metadata is damaged"):
        zk.load(tmp_path / "m")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@pytest.mark.hostile
@given(data=st.data(), value=JSON)
def test_any_value_anywhere_is_refused_in_our_words(data: st.DataObject, value: Any) -> None:
    network = json.loads(json.dumps(describe(data.draw(st.sampled_from(NETWORKS))())))
    here = network
    while True:
        key = data.draw(st.sampled_from(list(here) if isinstance(here, dict) else range(len(here))))
        if not isinstance(here[key], dict | list) or not here[key] or data.draw(st.booleans()):
            break
        here = here[key]
    here[key] = value
    try:
        net = rebuild(network, most_parameters=1000)
    except ModelFileError:
        return
    assert net.flat_params.size <= 1000 + 100
