"""Resuming with callbacks: what they carry, what they asked for, what they changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from resume_cases import Gone, Leave, Nap, images, train

import zerokara as zk
from zerokara.errors import ArgumentError
from zerokara.training import Callback


def test_a_stop_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    class Stop(Nap):
        def on_step_end(self, run: Any) -> None:
            run.stop = run.step == 14

    _, history = train("plain", tmp_path, callbacks=[Stop()])
    _, again = train("plain", tmp_path, callbacks=[Stop()])
    assert history.steps == again.steps == 14


def test_a_stop_is_kept_where_its_epoch_was_not_ended(tmp_path: Path) -> None:
    class Stop(Callback):
        every_step = True

        def __init__(self, gone: bool) -> None:
            self.gone = gone

        def on_step_end(self, run: Any) -> None:
            run.stop = run.step == 14 and self.gone

        def on_epoch_end(self, run: Any) -> None:
            if run.epoch == 2 and self.gone:
                raise Gone

    with pytest.raises(Gone):
        train("plain", tmp_path, callbacks=[Stop(True)], checkpoint_steps=7)
    _, history = train("plain", tmp_path, callbacks=[Stop(False)], checkpoint_steps=7)
    assert (history.steps, history.epochs) == (14, 2)


def test_callbacks_that_count_must_be_given_again(tmp_path: Path) -> None:
    naps = Nap()
    train("plain", tmp_path, callbacks=[naps, Leave(-1)])
    assert naps.seen == 57
    again = Nap()
    train("plain", tmp_path, callbacks=[again, Leave(-1)])
    assert again.seen == 57
    with pytest.raises(ArgumentError, match=r"callbacks are \['Leave'\], but .*'Nap', 'Leave'"):
        train("plain", tmp_path, callbacks=[Leave(-1)])
    train("plain", tmp_path / "b", callbacks=[Leave(-1)])
    train("plain", tmp_path / "b", callbacks=[])


def test_a_rate_that_a_callback_lowered_stays_low(tmp_path: Path) -> None:
    class Halve(Callback):
        def on_epoch_end(self, run: Any) -> None:
            run.optimizer.lr *= 0.5

    def fit(out: str, *callbacks: Callback) -> bytes:
        network = zk.models.TwoLayerNet(36, 5, 3)
        zk.fit(
            network,
            images(),
            optimizer=zk.SGD(lr=0.4, schedule=zk.schedules.Warmup(20)),
            batch_size=10,
            epochs=4,
            out=tmp_path / out,
            resume=True,
            callbacks=[Halve(), *callbacks],
        )
        return network.flat_params.tobytes()

    with pytest.raises(Gone):
        fit("run", Leave(23))
    assert fit("run") == fit("whole")
