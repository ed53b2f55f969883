"""When a training writes its checkpoints, and when it answers Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from fit_cases import blobs, small_net

import zerokara as zk
from zerokara.training import loop
from zerokara.training.checkpoint import Checkpoint, write_checkpoint
from zerokara.training.interrupt import Interrupt
from zerokara.training.pace import WRITE_SHARE, Pace


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("zerokara.training.pace.time.perf_counter", lambda: self.now)


@pytest.mark.parametrize("every", [1, 3, 7])
def test_a_checkpoint_after_every_so_many_steps(
    every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def write(path: Path, checkpoint: Checkpoint) -> None:
        written.append(len(checkpoint.arrays["loss"]))
        write_checkpoint(path, checkpoint)

    monkeypatch.setattr(loop, "write_checkpoint", write)
    zk.fit(
        small_net(),
        blobs(),
        batch_size=2,
        epochs=3,
        out=tmp_path,
        checkpoint_steps=every,
        checkpoint_seconds=1e9,
    )
    # 19 steps an epoch; at the ends of epochs there may be one more.
    assert set(range(every, 58, every)) <= set(written)
    assert set(written) <= set(range(every, 58, every)) | {19, 38, 57}
    assert written == sorted(written)
    assert written[-1] == 57


def test_a_checkpoint_when_seconds_have_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace = Pace(None, 30.0, wanted=True)
    clock.now += 29
    assert not pace.step_is_due(5, False)
    clock.now += 1
    assert pace.step_is_due(6, False)
    assert not pace.step_is_due(6, True)  # the end of the epoch will see to it
    assert not Pace(2, 1.0, wanted=False).step_is_due(2, False)


def test_writing_takes_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace = Pace(None, 1.0, wanted=True)
    assert pace.epoch_is_due()
    with pace.writing():
        clock.now += 2
    clock.now += 2 / WRITE_SHARE - 1
    assert not pace.epoch_is_due()
    assert not pace.step_is_due(9, False)
    clock.now += 1
    assert pace.epoch_is_due()
    assert pace.step_is_due(9, False)


@pytest.fixture
def default_handler() -> Any:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_the_first_ctrl_c_waits_and_the_second_does_not(default_handler: None) -> None:
    with Interrupt() as interrupt:
        interrupt.check()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_handlers_of_others_are_left_alone(default_handler: None) -> None:
    def own(number: int, frame: Any) -> None:
        """Stand for a handler of the user's."""

    signal.signal(signal.SIGINT, own)
    with Interrupt():
        assert signal.getsignal(signal.SIGINT) is own
    assert signal.getsignal(signal.SIGINT) is own
    seen = []

    def in_a_thread() -> None:
        with Interrupt():
            seen.append(signal.getsignal(signal.SIGINT))

    signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
