"""Weights that lie beside an ONNX file: only plain files inside its own folder are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_cases import onnx, small, write

from zerokara.errors import ModelFileError
from zerokara.interop import onnx as zonnx

pytestmark = pytest.mark.hostile


def external(made: Any, **entries: str) -> None:
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in entries.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "../secret.bin"}, "only a plain path inside the model's own folder"),
        ({"location": "/etc/hostname"}, "only a plain path"),
        ({"location": "a/../../secret.bin"}, "only a plain path"),
        ({"location": "C:\\secret.bin"}, "only a plain path"),
        ({"location": "file://x"}, "only a plain path"),
        ({"location": ""}, "only a plain path"),
        ({"location": "."}, "only a plain path"),
        ({}, "only a plain path"),
        ({"location": "link.bin"}, "lies behind the link 'link.bin'"),
        ({"location": "away/secret.bin"}, "lies behind the link 'away'"),
        ({"location": "hard.bin"}, "is no plain file, or a hard link"),
        ({"location": "pipe"}, "is no plain file"),
        ({"location": "none.bin"}, "cannot be read"),
        ({"location": "short.bin"}, r"bytes 0 to 48 of 'short.bin', which has 5"),
        ({"location": "good.bin", "offset": "20"}, "bytes 20 to 68 of 'good.bin', which has 64"),
        (
            {"location": "good.bin", "offset": "-1"},
            "offset of its external data is '-1', no number",
        ),
        ({"location": "good.bin", "length": "9" * 19}, "of external data where 48 are needed"),
        ({"location": "good.bin", "length": "4"}, "4 bytes of external data where 48"),
    ],
)
def test_external_data_stays_in_its_folder(
    entries: dict[str, str], message: str, tmp_path: Path
) -> None:
    folder, other = tmp_path / "model", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    for secret in (tmp_path / "secret.bin", other / "secret.bin", other / "third.bin"):
        secret.write_bytes(bytes(64))
    (folder / "good.bin").write_bytes(bytes(64))
    (folder / "short.bin").write_bytes(b"12345")
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "away").symlink_to(other)
    os.link(other / "third.bin", folder / "hard.bin")
    os.mkfifo(folder / "pipe")
    made = small()
    external(made, **entries)
    path = write(made, folder / "net.onnx")
    with pytest.raises(ModelFileError, match=message):
        zonnx.load(path)


def test_external_data_that_is_right_is_read(tmp_path: Path) -> None:
    made = small()
    external(made, location="in/good.bin", offset="8")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.bin").write_bytes(bytes(8) + np.arange(12, dtype="<f4").tobytes())
    net = zonnx.load(write(made, tmp_path / "net.onnx"))
    np.testing.assert_array_equal(net.params["affine1.W"].ravel(), np.arange(12))
