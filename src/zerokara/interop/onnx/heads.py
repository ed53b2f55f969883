"""What the file gives: label and probabilities of a classifier, else the network's output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zerokara._types import Shape
from zerokara.errors import ArgumentError
from zerokara.interop.onnx.writer import Writer
from zerokara.layers import SigmoidWithLoss, Softmax, SoftmaxWithLoss
from zerokara.network import Network

LABEL, PROBABILITIES, OUTPUT = "label", "probabilities", "output"


@dataclass(frozen=True)
class Head:
    """How scores become outputs: 'softmax', 'sigmoid', 'done' (a Softmax is there), or 'scores'."""

    kind: str
    shape: Shape

    @property
    def classes(self) -> int:
        """How many class names fit; 0 where there are no classes."""
        if self.kind == "scores":
            return 0
        return 2 if self.kind == "sigmoid" and self.shape in ((), (1,)) else self.shape[-1]

    def write(self, writer: Writer, scores: str) -> dict[str, tuple[Shape, bool]]:
        """Add the nodes and return the outputs: name to sample shape, and whether int64."""
        writer.where = "head"
        if self.kind == "scores":
            writer.call_output(scores, OUTPUT)
            return {OUTPUT: (self.shape, False)}
        if self.kind == "sigmoid":
            label, shape = self._signs(writer, scores)
            writer.call_output(label, LABEL)
            writer.call_output(writer.node("Sigmoid", scores), PROBABILITIES)
            return {LABEL: (shape, True), PROBABILITIES: (self.shape, False)}
        # Of the scores, for softmax may round two of them to the same probability.
        writer.call_output(writer.node("ArgMax", scores, axis=-1, keepdims=0), LABEL)
        if self.kind == "softmax":
            scores = writer.node("Softmax", scores, axis=-1)
        writer.call_output(scores, PROBABILITIES)
        return {LABEL: (self.shape[:-1], True), PROBABILITIES: (self.shape, False)}

    def _signs(self, writer: Writer, scores: str) -> tuple[str, Shape]:
        shape = self.shape
        if shape == (1,):
            import numpy as np

            axes = writer.tensor(np.array([1]), "axes")
            scores, shape = writer.node("Squeeze", scores, axes), ()
        above = writer.node("Greater", scores, writer.number(0))
        return writer.node("Cast", above, to=int(writer.onnx.TensorProto.INT64)), shape


def head_of(net: Network, scores: bool) -> Head:
    """The head that suits a network's loss, or its last layer where it has none."""
    shape, loss, last = net.output_shape, net.loss_layer, net.output.layer
    if scores or (loss is None and not (type(last) is Softmax and shape)):
        return Head("scores", shape)
    if isinstance(loss, SoftmaxWithLoss) and shape:
        return Head("softmax", shape)
    if isinstance(loss, SigmoidWithLoss):
        return Head("sigmoid", shape)
    return Head("done" if loss is None else "scores", shape)


def class_metadata(head: Head, classes: Sequence[Any] | None) -> dict[str, str]:
    """Class names as the file's metadata holds them: a JSON list of strings, by label.

    Raises:
        ArgumentError: another number of names than of classes, or names that are not unique.
    """
    if classes is None:
        return {}
    if isinstance(classes, str):
        raise ArgumentError(f"classes must be a list of names, got the string {classes!r:.60}")
    names = [str(name) for name in classes]
    if not head.classes:
        raise ArgumentError(
            "classes are for classifiers: a network with SoftmaxWithLoss or SigmoidWithLoss, or "
            "one that ends in Softmax; and not together with scores=True"
        )
    if len(names) != head.classes or len(set(names)) != len(names):
        raise ArgumentError(
            f"classes must be {head.classes} different names, got {len(names)}: "
            f"{', '.join(names)!s:.120}"
        )
    return {"classes": json.dumps(names, ensure_ascii=False)}
