"""A network of ours in the user's file: its gradients, at inputs that suit it."""

from __future__ import annotations

import numpy as np

from zerokara._types import Array, Shape
from zerokara.check.doctor import Examination
from zerokara.check.findings import Finding
from zerokara.check.gradcheck import report_of
from zerokara.check.measuring import Settings, measure_all
from zerokara.check.subjects import NetworkSubject
from zerokara.check.targets import drawn_targets
from zerokara.errors import ArgumentError
from zerokara.layers import Loss, SoftmaxWithLoss
from zerokara.network import Network

BATCH = 2
SETTINGS = Settings(max_entries=12, directions=2, sampled=3)
"""Networks are large: most of their arrays are measured along directions and at some entries."""


def examine_network(
    net: Network, label: str, asked: tuple[Shape, ...], seed: int, target: str | None
) -> Examination:
    """Check a network, in training and, where it draws fresh noise, without.

    Args:
        net: is left as it is.
        label: what to call it.
        asked: shapes of its inputs with their batch axis; none for a small batch.
        seed: of inputs, targets and directions.
        target: ``"labels"``, ``"one-hot"`` or ``"values"``; None for what the loss usually takes.

    Raises:
        ArgumentError: shapes that are not the network's.
    """
    shapes = {name: (BATCH, *node.shape) for name, node in net.inputs.items()}
    if asked:
        wanted = [("N", *shape[1:]) for shape in shapes.values()]
        if [shape[1:] for shape in asked] != [shape[1:] for shape in shapes.values()]:
            raise ArgumentError(f"--input: {label} takes {', '.join(map(_words, wanted))}")
        shapes = dict(zip(shapes, asked, strict=True))
    rng = np.random.default_rng(seed)
    feeds = {
        name: rng.uniform(0.1, 2.0, shape) * rng.choice([-1.0, 1.0], shape)
        for name, shape in shapes.items()
    }
    rows = next(iter(shapes.values()))[0]
    t = None
    if net.loss_layer is not None:
        t = _targets(net.loss_layer, np.empty((rows, *net.output_shape)), seed, target)
    found = Examination(label)
    for training in (True, False):
        subject = NetworkSubject(net, feeds, t, training)
        measured = measure_all(subject, np.random.default_rng(seed), SETTINGS)
        report = report_of(label, measured, SETTINGS.tolerance)
        if not any(problem.cause == "not repeatable" for problem in report.problems):
            break
    found.take(report)
    found.conditions = "input " + ", ".join(map(_words, shapes.values()))
    if found.defects:
        found.notes.append(Finding("check its layers one by one to find where it comes from"))
    return found


def _targets(loss: Loss, scores: Array, seed: int, target: str | None) -> Array:
    drawn = drawn_targets(scores, seed)
    usual = "labels" if isinstance(loss, SoftmaxWithLoss) else "values"
    kind = target or usual
    if kind not in drawn:
        raise ArgumentError(f"--target: scores of shape {scores.shape} take {', '.join(drawn)}")
    return np.asarray(drawn[kind])


def _words(shape: tuple[object, ...]) -> str:
    return "x".join(map(str, shape))
