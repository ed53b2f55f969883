"""Resuming with other arguments, or from a file that is damaged, is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from resume_cases import CASES, Nap, images, net, train

import zerokara as zk
from zerokara.errors import ArgumentError, ModelFileError
from zerokara.training.checkpoint import NAME, Checkpoint, read_checkpoint, write_checkpoint

OTHERS: list[tuple[str, Callable[[], dict[str, Any]]]] = [
    ("batch_size is 9", lambda: {"batch_size": 9}),
    ("seed is 4", lambda: {"seed": 4}),
    ("sampling is 'choice'", lambda: {"sampling": "choice"}),
    ("accumulate is 2", lambda: {"accumulate": 2}),
    ("optimizer is ", lambda: {"optimizer": zk.Momentum(lr=0.2)}),
    ("optimizer is ", lambda: {"optimizer": zk.Nesterov(lr=0.1)}),
    ("augment is ", lambda: {"augment": zk.data.Augment(shift=1)}),
    ("validation samples is 0.2", lambda: {"validation": 0.2}),
    ("test samples is ", lambda: {"test": images(7)}),
    ("training samples is ", lambda: {"train": images(7)}),
    ("network is ", lambda: {"net": net()}),
    ("network is ", lambda: {"net": zk.models.TwoLayerNet(36, 6, 3)}),
    ("evaluate is False", lambda: {"evaluate": False}),
]


@pytest.mark.parametrize(("match", "change"), OTHERS)
def test_other_arguments_are_refused_and_change_nothing(
    match: str, change: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    train("plain", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    network, arguments = CASES["plain"]()
    arguments = {"net": network, "train": images(), "batch_size": 10, "seed": 3, **arguments}
    arguments |= {"callbacks": [Nap()], **change()}
    network = arguments["net"]
    params = network.flat_params.copy()
    with pytest.raises(ArgumentError, match=f"fit: resume: {match}.* was begun with"):
        zk.fit(arguments.pop("net"), arguments.pop("train"), out=tmp_path, resume=True, **arguments)
    assert np.array_equal(network.flat_params, params)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda c: c.arrays.pop("params"), "lacks 'params'"),
        (lambda c: c.arrays.pop("slot:v"), "lacks 'slot:v'"),
        (lambda c: c.arrays.update(best=c.arrays["best"][:-1]), r"'best' is float32 of shape"),
        (lambda c: c.arrays.update({"slot:v": c.arrays["slot:v"].astype("f8")}), "'slot:v' is fl"),
        (lambda c: c.arrays.update(loss=c.arrays["loss"][:-1]), "counts contradict"),
        (lambda c: c.arrays.update(loss=c.arrays["loss"] * np.nan), "its history: loss must be"),
        (lambda c: c.numbers.pop("best"), "best"),
        (lambda c: c.numbers["optimizer"].update(steps="many"), "'many'"),
        (lambda c: c.numbers["history"].update(epochs=-1), "its history: "),
        (lambda c: c.numbers["callbacks"].append({}), "name"),
    ],
)
def test_a_damaged_checkpoint_is_refused_and_changes_nothing(
    spoil: Callable[[Checkpoint], Any], match: str, tmp_path: Path
) -> None:
    train("plain", tmp_path)
    checkpoint = read_checkpoint(tmp_path / NAME)
    assert checkpoint is not None
    spoil(checkpoint)
    write_checkpoint(tmp_path / NAME, checkpoint)
    network, arguments = CASES["plain"]()
    before = network.flat_params.copy()
    with pytest.raises(ModelFileError, match=f"{NAME}: is a damaged checkpoint .*{match}"):
        zk.fit(
            network,
            images(),
            out=tmp_path,
            resume=True,
            **({"batch_size": 10, "callbacks": [Nap()], "seed": 3} | arguments),
        )
    assert np.array_equal(network.flat_params, before)


@pytest.mark.hostile
def test_files_that_are_no_checkpoint_are_refused(tmp_path: Path) -> None:
    train("plain", tmp_path)
    whole = (tmp_path / NAME).read_bytes()
    model = (tmp_path / "model.safetensors").read_bytes()
    for content in (b"", b"text", whole[:100], whole[:-1], whole[: len(whole) // 2], model):
        (tmp_path / NAME).write_bytes(content)
        with pytest.raises(ModelFileError, match=NAME):
            train("plain", tmp_path)
    (tmp_path / NAME).write_bytes(whole.replace(b'\\"format\\": 1', b'\\"format\\": 9'))
    with pytest.raises(ModelFileError, match="is of format 9, written by zerokara"):
        train("plain", tmp_path)
