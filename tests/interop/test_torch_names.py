"""Weights by PyTorch's names: both ways, held against PyTorch where that is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import zerokara as zk
from zerokara.errors import ArgumentError, ModelFileError
from zerokara.interop import torch_names


def images(rng: int = 0) -> zk.Sequential:
    layers = [
        zk.Convolution(4, (3, 2), pad=1, groups=2), zk.BatchNormalization(eps=1e-5), zk.ReLU(),
        zk.ConvTranspose(3, 3, 2), zk.MaxPool(2), zk.Flatten(), zk.Affine(6),
        zk.LayerNormalization(), zk.Tanh(), zk.Affine(2),
    ]  # fmt: skip
    net = zk.Sequential(layers, (2, 4, 5), rng=rng)
    drawn = np.random.default_rng(rng)
    for array in [*net.params.values(), *net.layers["batchnormalization1"].state.values()]:
        array[...] = drawn.uniform(0.5, 1.5, array.shape)
    return net


def module_of(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(2, 4, (3, 2), padding=1, groups=2), nn.BatchNorm2d(4), nn.ReLU(),
        nn.ConvTranspose2d(4, 3, 3, 2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 6),
        nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 2),
    )  # fmt: skip


NAMES = [
    *("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"),
    *("1.num_batches_tracked", "3.weight", "3.bias", "6.weight", "6.bias", "7.weight", "7.bias"),
    *("9.weight", "9.bias"),
]


def test_names_and_layouts() -> None:
    net = images()
    state = torch_names.state_dict(net)
    assert list(state) == NAMES
    np.testing.assert_array_equal(state["6.weight"], net.params["affine1.W"].T)
    np.testing.assert_array_equal(state["0.weight"], net.params["convolution1.W"])
    state["0.bias"][...] = 0  # a copy
    assert np.all(net.params["convolution1.b"] > 0)


def test_there_and_back(tmp_path: Path) -> None:
    net, other = images(1), images(2)
    torch_names.save(net, tmp_path / "w.safetensors")
    torch_names.load(other, tmp_path / "w.safetensors")
    x = np.random.default_rng(0).normal(size=(3, 2, 4, 5))
    np.testing.assert_array_equal(net.predict_eagerly(x), other.predict_eagerly(x))
    held = safetensors.numpy.load_file(tmp_path / "w.safetensors")
    assert sorted(held) == sorted(NAMES)  # any reader opens it
    np.testing.assert_array_equal(held["9.weight"], net.params["affine2.W"].T)


def test_names_of_ones_own() -> None:
    net = zk.Sequential([zk.Affine(3), zk.ReLU(), zk.Affine(2)], 4)
    names = {"affine1": "body.fc", "affine2": "head"}
    state = torch_names.state_dict(net, names)
    assert list(state) == ["body.fc.weight", "body.fc.bias", "head.weight", "head.bias"]
    other = zk.Sequential([zk.Affine(3), zk.ReLU(), zk.Affine(2)], 4, rng=5)
    torch_names.load(other, state, names)
    np.testing.assert_array_equal(other.flat_params, net.flat_params)


def test_by_order_and_without_bias(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    given = {f"block.fc{i}.weight": rng.normal(size=(3, 3)) for i in range(1, 12)}
    safetensors.numpy.save_file(given, tmp_path / "w.safetensors")
    net = zk.Sequential([zk.Affine(3) for _ in range(11)], 3, dtype=np.float64)
    net.flat_params[...] = 7
    torch_names.load(net, tmp_path / "w.safetensors", by_order=True)
    for i in range(1, 12):
        np.testing.assert_array_equal(net.params[f"affine{i}.W"], given[f"block.fc{i}.weight"].T)
        assert not net.params[f"affine{i}.b"].any()


def broken(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    state = torch_names.state_dict(images())
    change(state)
    return state


def turned_round(state: dict[str, Any]) -> None:
    state["6.weight"] = state["6.weight"].T


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("9.weight"), "lacks weights: 9.weight; expected 0.weight, "),
        (lambda s: s.pop("1.bias"), "lacks weights: 1.bias"),
        (lambda s: s.update({"x.y": s["0.bias"]}), "holds unknown weights: x.y"),
        (turned_round, r"'6.weight' has shape \(72, 6\); the network's layer takes \(6, 72\)"),
        (lambda s: s["9.weight"].fill(np.nan), "'9.weight' must hold finite floats, got float32 w"),
        (lambda s: s.update({"9.bias": np.array([1, 2])}), "must hold finite floats, got int64"),
        (lambda s: s["1.running_var"].fill(-1), "'1.running_var' holds a variance below 0"),
    ],
)
def test_all_or_nothing(change: Callable[[dict[str, Any]], Any], message: str) -> None:
    net = images(3)
    before = net.flat_params.copy()
    with pytest.raises(ModelFileError, match=message):
        torch_names.load(net, broken(change))
    np.testing.assert_array_equal(net.flat_params, before)


class Own(zk.Layer):
    def build(self, input_shape: Any, rng: Any, dtype: Any) -> Any:
        self.add_param("a", np.ones((), dtype))
        return input_shape


def test_refusals(tmp_path: Path) -> None:
    net = zk.Sequential([zk.Affine(3), zk.Affine(2)], 4)
    with pytest.raises(ArgumentError, match="names holds fc; the network's layers are affine1"):
        torch_names.state_dict(net, {"fc": "x"})
    with pytest.raises(ArgumentError, match="a name of its own for affine2"):
        torch_names.state_dict(net, {"affine1": "x"})
    with pytest.raises(ArgumentError, match="a name of its own for affine2"):
        torch_names.state_dict(net, {"affine1": "x", "affine2": "x"})
    with pytest.raises(ArgumentError, match=r"own1 is Own\(\), which PyTorch has no names for"):
        torch_names.state_dict(zk.Sequential([Own()], 2))
    with pytest.raises(ModelFileError, match="holds weights of 1 modules"):
        torch_names.load(net, {"a.weight": np.ones((3, 4))}, by_order=True)
    with pytest.raises(ModelFileError, match="there is no such file"):
        torch_names.load(net, tmp_path / "none.safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(ModelFileError, match="is no safetensors file"):
        torch_names.load(net, tmp_path / "w.safetensors")


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("ours_first", [True, False])
def test_pytorch_gives_the_same(ours_first: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="`make peers` installs PyTorch")
    from safetensors.torch import load_file, save_file

    net, module = images(4), module_of(torch.nn)
    path = tmp_path / "w.safetensors"
    if ours_first:
        torch_names.save(net, path)
        module.load_state_dict(load_file(path))
    else:
        with torch.no_grad():
            for array in module.state_dict().values():
                if array.is_floating_point():
                    array.uniform_(0.5, 1.5)
        save_file(module.state_dict(), path)
        torch_names.load(net, path)
    x = np.random.default_rng(0).normal(size=(5, 2, 4, 5)).astype(np.float32)
    theirs = module.eval()(torch.from_numpy(x)).detach().numpy()
    assert np.ptp(theirs) > 1e-3
    np.testing.assert_allclose(net.predict(x), theirs, rtol=1e-5, atol=1e-5)
