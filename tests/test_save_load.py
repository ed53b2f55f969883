"""Model files: every network comes back, and nothing that is damaged or hostile comes in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_cases import NETWORKS, Scale, model, straight

import zerokara as zk
from zerokara.architecture import describe, rebuild
from zerokara.errors import ArgumentError, ModelFileError


def output(net: zk.Network) -> np.ndarray:
    rng = np.random.default_rng(0)
    return net.predict({name: rng.normal(size=(5, *i.shape)) for name, i in net.inputs.items()})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", NETWORKS)
def test_comes_back_to_the_bit(make: Callable[..., zk.Network], dtype: Any, tmp_path: Path) -> None:
    net = make(dtype)
    zk.save(net, tmp_path / "net.safetensors")
    twin = zk.load(tmp_path / "net.safetensors")
    assert type(twin) is type(net)
    assert twin.dtype == net.dtype
    assert list(twin.params) == list(net.params)
    assert twin.flat_params.tobytes() == net.flat_params.tobytes()
    assert output(twin).tobytes() == output(net).tobytes()
    assert repr(twin.loss_layer) == repr(net.loss_layer)
    assert describe(twin) == describe(net)
    zk.save(twin, tmp_path / "again.safetensors")
    first, second = (tmp_path / n for n in ("net.safetensors", "again.safetensors"))
    assert first.read_bytes() == second.read_bytes()


@given(
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    shape=st.lists(st.integers(1, 4), min_size=0, max_size=3),
    seed=st.integers(0, 9),
)
def test_any_straight_network_comes_back(
    sizes: list[int], shape: list[int], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    layers = [kind for size in sizes for kind in (zk.Affine(size), zk.ReLU())]
    net = zk.Sequential(layers, tuple(shape), rng=seed)
    path = tmp_path_factory.mktemp("model") / "net.safetensors"
    zk.save(net, path)
    assert zk.load(path).flat_params.tobytes() == net.flat_params.tobytes()
    assert rebuild(json.loads(json.dumps(describe(net)))).summary() == net.summary()


def test_a_loaded_network_trains_on(tmp_path: Path) -> None:
    zk.save(model(), tmp_path / "m")
    x, t = np.random.default_rng(0).normal(size=(20, 6)), np.arange(20) % 3
    net, twin = model(), zk.load(tmp_path / "m")
    for each in (net, twin):
        zk.fit(each, (x, t), epochs=2, batch_size=5)
    assert net.flat_params.tobytes() == twin.flat_params.tobytes()


def test_fortran_order_is_not_scrambled(tmp_path: Path) -> None:
    W = np.arange(6, dtype=np.float32).reshape(2, 3)
    net = zk.Sequential([zk.Affine(3)], 2)
    fortran = np.asfortranarray(W)
    net.layers["affine1"].params.bind("W", fortran)
    assert not net.layers["affine1"].params["W"].flags.c_contiguous
    zk.save(net, tmp_path / "m")
    np.testing.assert_array_equal(zk.load(tmp_path / "m").params["affine1.W"], W)


def test_nan_and_inf_come_back(tmp_path: Path) -> None:
    net = model()
    net.params["W1"][0, :3] = np.nan, np.inf, -np.inf
    zk.save(net, tmp_path / "m")
    assert zk.load(tmp_path / "m").flat_params.tobytes() == net.flat_params.tobytes()


def test_layers_of_a_users_own(tmp_path: Path) -> None:
    net = zk.Sequential([zk.Affine(3), Scale(2.5)], 4)
    output(net)
    path = tmp_path / "m"
    zk.save(net, path)
    with pytest.raises(ModelFileError, match=r"layer 'Scale' is unknown.*layers=\{'Scale': ...\}"):
        zk.load(path)
    twin = zk.load(path, layers={"Scale": Scale})
    assert twin.params["scale1.a"] == 2.5
    assert twin.params["scale1.a"].shape == ()
    assert twin.layers["scale1"].state["seen"].tolist() == [5, 0]
    assert twin.layers["scale1"].state["seen"].dtype == np.int64
    for wrong in ({"Scale": Scale()}, {"Scale": dict}, {"Affine": Scale}):
        with pytest.raises(ArgumentError, match="load: layers"):
            zk.load(path, layers=wrong)  # type: ignore[arg-type]


def test_a_users_layer_with_the_name_of_ours_is_not_saved(tmp_path: Path) -> None:
    impostor = type("ReLU", (zk.Tanh,), {})
    with pytest.raises(ModelFileError, match="another class than zerokara's ReLU"):
        zk.save(zk.Sequential([impostor()], 3), tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_a_config_that_does_not_fit_the_constructor_is_said(tmp_path: Path) -> None:
    class Forgetful(Scale):
        def __init__(self, start: float) -> None:
            super().__init__(start)

        def config(self) -> dict[str, Any]:
            return {}

    class Strange(Scale):
        def config(self) -> dict[str, Any]:
            return {"start": {1, 2}}

    class Boundless(Scale):
        def config(self) -> dict[str, Any]:
            return {"start": 2**40}

    zk.save(zk.Sequential([Forgetful(1.0)], 3), tmp_path / "m")
    with pytest.raises(ModelFileError, match=r"Forgetful cannot be made with \{\}.*config\(\)"):
        zk.load(tmp_path / "m", layers={"Forgetful": Forgetful})
    with pytest.raises(ModelFileError, match=r"Strange.config\(\) cannot stand"):
        zk.save(zk.Sequential([Strange()], 3), tmp_path / "n")
    with pytest.raises(ModelFileError, match="which is above"):
        zk.save(zk.Sequential([Boundless()], 3), tmp_path / "n")


def test_a_class_of_ones_own_comes_back_plain(tmp_path: Path) -> None:
    class Mine(zk.models.TwoLayerNet):
        pass

    net = Mine(6, 4, 3)
    zk.save(net, tmp_path / "m")
    twin = zk.load(tmp_path / "m")
    assert type(twin) is zk.Sequential
    assert list(twin.params) == ["affine1.W", "affine1.b", "affine2.W", "affine2.b"]
    assert twin.flat_params.tobytes() == net.flat_params.tobytes()


def test_initial_values_by_a_function(tmp_path: Path) -> None:
    def ones(fan_in: int, fan_out: int, shape: Any, rng: Any, dtype: Any) -> np.ndarray:
        return np.ones(shape, dtype)

    net = zk.Sequential([zk.Affine(3, init=ones)], 2)
    zk.save(net, tmp_path / "m")
    np.testing.assert_array_equal(zk.load(tmp_path / "m").params["affine1.W"], np.ones((2, 3)))


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m"
    zk.save(model(), path)
    before = path.read_bytes()

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(ModelFileError, match=r"cannot be written \(No space left"):
        zk.save(straight(), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m"]


def test_wrong_places_and_things_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        zk.load(tmp_path / "none")
    with pytest.raises(ModelFileError, match="is a folder"):
        zk.load(tmp_path)
    with pytest.raises(ModelFileError, match="cannot be written"):
        zk.save(model(), tmp_path / "none" / "m")
    with pytest.raises(ArgumentError, match="expected a Network, got dict"):
        zk.save({}, tmp_path / "m")  # type: ignore[arg-type]


def test_safetensors_is_imported_only_when_used() -> None:
    code = "import sys, zerokara.interop.safetensors; print('safetensors' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
