"""What a training was, for other programs: event files of TensorBoard, and pandas."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError, MissingExtraError
from zerokara.training import TensorBoard


def train(**options: Any) -> zk.History:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(40, 4)), rng.integers(0, 3, 40)
    net = zk.Sequential([zk.Affine(3)], 4, loss=zk.SoftmaxWithLoss())
    given = {"batch_size": 8, "epochs": 3, "optimizer": zk.SGD(lr=0.1), "test": (x, t)}
    return zk.fit(net, (x, t), validation=0.25, **(given | options))


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted, as the TFRecord format has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8 & 0xFFFFFFFF


def events(folder: Path) -> Iterator[Any]:
    """Every event of a folder's files, each record's checksums tried."""
    proto = pytest.importorskip("tensorboardX.proto.event_pb2", reason="needs tensorboardX")
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content = path.read_bytes()
        while content:
            (size,) = struct.unpack("<Q", content[:8])
            assert struct.unpack("<I", content[8:12])[0] == masked_crc(content[:8])
            data = content[12 : 12 + size]
            assert struct.unpack("<I", content[12 + size : 16 + size])[0] == masked_crc(data)
            yield proto.Event.FromString(data)
            content = content[16 + size :]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events(folder):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_tensorboard_gets_what_the_history_holds(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX")
    history = train(callbacks=[TensorBoard(tmp_path / "tb")])
    found = scalars(tmp_path / "tb")
    assert [step for step, _ in found["loss"]] == list(range(1, history.steps + 1))
    np.testing.assert_allclose([v for _, v in found["loss"]], history.loss, rtol=1e-6)
    for tag, values in (
        ("accuracy/train", history.train_accuracy),
        ("accuracy/test", history.test_accuracy),
        ("accuracy/validation", history.validation_accuracy),
        ("loss/validation", history.validation_loss),
    ):
        size = history.steps_per_epoch
        assert [step for step, _ in found[tag]] == [size, 2 * size, 3 * size]
        np.testing.assert_allclose([v for _, v in found[tag]], values, rtol=1e-6)


def test_every_so_many_steps_into_the_run_directory(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX")
    history = train(callbacks=[TensorBoard(every=4)], out=tmp_path / "run")
    steps = [step for step, _ in scalars(tmp_path / "run" / "tensorboard")["loss"]]
    assert steps == list(range(4, history.steps + 1, 4))


def test_a_resumed_training_writes_on(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX")
    out = tmp_path / "run"
    first = train(callbacks=[TensorBoard()], out=out, epochs=2)
    both = train(callbacks=[TensorBoard()], out=out, epochs=4, resume=True)
    steps = [step for step, _ in scalars(out / "tensorboard")["loss"]]
    assert steps == list(range(1, both.steps + 1))
    starts = [e.step for e in events(out / "tensorboard") if e.HasField("session_log")]
    assert first.steps + 1 in starts  # from there on older events are hidden


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
def test_tensorboards_own_reader(tmp_path: Path) -> None:
    name = "tensorboard.backend.event_processing.event_accumulator"
    reader = pytest.importorskip(name, reason="`make peers` installs tensorboard")
    history = train(callbacks=[TensorBoard(tmp_path)])
    read = reader.EventAccumulator(str(tmp_path))
    read.Reload()
    np.testing.assert_allclose([e.value for e in read.Scalars("loss")], history.loss, rtol=1e-6)
    assert [e.step for e in read.Scalars("loss")] == list(range(1, history.steps + 1))


def test_tensorboard_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX")
    with pytest.raises(ArgumentError, match="every must be 1 or more, got 0"):
        TensorBoard(tmp_path, every=0)
    with pytest.raises(ArgumentError, match="give a folder, or fit"):
        train(callbacks=[TensorBoard()])
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'zerokara\[tensorboard\]'"):
        TensorBoard(tmp_path)


def test_pandas() -> None:
    pytest.importorskip("pandas", reason="needs pandas")
    history = train()
    frame = history.to_pandas()
    assert list(frame.index) == [1, 2, 3]
    assert frame.index.name == "epoch"
    names = ["train_accuracy", "test_accuracy", "validation_loss", "validation_accuracy"]
    assert list(frame.columns) == ["steps", "loss", *names]
    for name in names:
        assert list(frame[name]) == getattr(history, name)
    size = history.steps_per_epoch
    assert list(frame["steps"]) == [size, 2 * size, 3 * size]
    np.testing.assert_allclose(frame["loss"], np.reshape(history.loss, (3, size)).mean(axis=1))


def test_pandas_of_what_was_not_measured() -> None:
    pytest.importorskip("pandas", reason="needs pandas")
    cut_short = zk.History([3.0, 2.0, 1.0], epochs=2, steps_per_epoch=2).to_pandas()
    assert list(cut_short.columns) == ["steps", "loss"]
    assert cut_short.to_numpy().tolist() == [[2, 2.5], [3, 1.0]]
    assert zk.History().to_pandas().empty


def test_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pip install pandas"):
        zk.History().to_pandas()
