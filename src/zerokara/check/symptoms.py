"""The illnesses that can be seen before training: each function looks for one kind."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zerokara._types import Array
from zerokara.check.diagnosis import Symptom
from zerokara.check.signals import Signal
from zerokara.layers import Affine, Convolution, ReLU, Sigmoid, Softmax, SoftmaxWithLoss, Tanh
from zerokara.network import Network

RAW = 16.0
"""A greatest |x| above this is a scale that usual initial weights are not made for."""

DEAD = 0.9
SATURATED = 0.5
SMALLEST_STEP, GREATEST_STEP = 1e-4, 1e4
FEW = 20


def of_inputs(x: Array) -> list[Symptom]:
    """Inputs that are not finite, not scaled, or all the same."""
    values = np.asarray(x)
    if values.dtype.kind == "f" and not np.all(np.isfinite(values)):
        count = int(np.sum(~np.isfinite(values)))
        return [
            Symptom("wrong", "x", f"{count} values are NaN or infinite", "Remove or replace them")
        ]
    low, high = float(values.min()), float(values.max())
    if low == high:
        said = f"all values are {low:g}, so there is nothing to learn from"
        return [Symptom("wrong", "x", said, "Look at how the data was read")]
    span = f"values reach from {low:g} to {high:g}, mean {float(values.mean()):.3g}"
    if values.dtype == np.uint8 or (low >= 0 and 200 <= high <= 255):
        said = span + ": raw bytes of a picture"
        return [Symptom("wrong", "x", said, "Divide them by 255")]
    if max(abs(low), abs(high)) > RAW:
        advice = "Scale each column to mean 0 and deviation 1, or to 0..1"
        return [Symptom("doubtful", "x", span + ": not scaled", advice)]
    return []


def of_targets(labels: Array | None, classes: int) -> list[Symptom]:
    """Classes that are missing or far from balanced, where there are samples enough to tell."""
    if labels is None or classes < 2 or len(labels) < FEW * classes:
        return []
    counts = np.bincount(labels, minlength=classes)
    missing = np.flatnonzero(counts == 0).tolist()
    if missing:
        named = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        said = f"no sample of class {named} among {len(labels)}, and the network has {classes}"
        advice = "Check how labels are numbered (from 0), or give the network fewer outputs"
        return [Symptom("doubtful", "t", said, advice)]
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] >= 10 * counts[least]:
        said = f"class {most} has {counts[most]} samples and class {least} has {counts[least]}"
        advice = "Balance the classes, or do not judge by accuracy alone"
        return [Symptom("doubtful", "t", said, advice)]
    return []


def of_first_loss(net: Network, loss: float, classes: int) -> list[Symptom]:
    """A loss at the start that is not the one of a guess."""
    if not math.isfinite(loss):
        advice = "Scale the inputs and make the initial weights smaller"
        return [Symptom("wrong", "loss", f"it is {loss} before the first step", advice)]
    if not isinstance(net.loss_layer, SoftmaxWithLoss) or classes < 2:
        return []
    guess = math.log(classes)
    if loss > 3 * guess + 1:
        said = f"it is {loss:.3g} at the start; a guess among {classes} classes has {guess:.3g}"
        advice = "Make the initial weights smaller, or scale the inputs"
        return [Symptom("wrong", "loss", said, advice)]
    return []


def of_output_layer(net: Network) -> list[Symptom]:
    """A softmax before a loss that has its own."""
    last = net.output.layer
    if isinstance(last, Softmax) and isinstance(net.loss_layer, SoftmaxWithLoss):
        name = list(net.layers)[-1]
        said = "softmax is taken twice, here and in SoftmaxWithLoss"
        return [Symptom("wrong", name, said, "Leave this layer out")]
    return []


def of_activations(signals: Sequence[Signal]) -> list[Symptom]:
    """Dead ReLUs and saturated sigmoids."""
    found = []
    for signal in signals:
        units = signal.output.reshape(len(signal.output), -1)
        if isinstance(signal.layer, ReLU):
            dead = float(np.mean(~(units > 0).any(axis=0)))
            if len(units) >= FEW and dead >= DEAD:
                said = f"{dead:.0%} of its units are 0 for every one of {len(units)} samples: dead"
                advice = "Look at the bias before it, use smaller weights or init='he'"
                found.append(Symptom("wrong", signal.name, said, advice))
        elif isinstance(signal.layer, (Sigmoid, Tanh)):
            ends = (0.01, 0.99) if isinstance(signal.layer, Sigmoid) else (-0.98, 0.98)
            share = float(np.mean((units < ends[0]) | (units > ends[1])))
            if share >= SATURATED:
                said = f"{share:.0%} of its outputs lie at the ends of its range: saturated"
                advice = "Use smaller initial weights (init='xavier'), or scale the inputs"
                found.append(Symptom("wrong", signal.name, said, advice))
    return found


def of_weights(net: Network) -> list[Symptom]:
    """Weights that are not finite, all 0, or alike, so that all units stay alike."""
    found = []
    weighted = [
        (name, layer)
        for name, layer in net.layers.items()
        if isinstance(layer, (Affine, Convolution))
    ]
    for place, (name, layer) in enumerate(weighted):
        W = layer.params["W"]
        if not np.all(np.isfinite(W)):
            advice = "Make the network anew, or load other weights"
            found.append(Symptom("wrong", name, "W holds NaN or infinity", advice))
            continue
        rows = W.T if isinstance(layer, Affine) else W.reshape(len(W), -1)
        alike = len(rows) > 1 and bool(np.all(rows == rows[0]))
        # One layer of weights alone may begin at 0: its units have targets of their own.
        if alike and len(weighted) > 1:
            what = "0" if not W.any() else "the same in every unit"
            said = f"its weights are all {what}, so its units stay alike or learn nothing"
            if place < len(weighted) - 1 or not W.any():
                advice = "Begin with random weights (init='he' or 'xavier')"
                found.append(Symptom("wrong", name, said, advice))
    return found


def of_gradients(signals: Sequence[Signal]) -> list[Symptom]:
    """Gradients that vanish or explode between the last layer with weights and the first."""
    sizes: list[tuple[str, float]] = []
    for signal in signals:
        if signal.layer.params and signal.gradient is not None:
            size = float(np.sqrt(np.mean(np.square(signal.gradient, dtype=np.float64))))
            sizes.append((signal.name, size))
    if not sizes:
        return []
    bad = [name for name, size in sizes if not math.isfinite(size)]
    if bad:
        advice = "Scale the inputs and make the initial weights smaller"
        return [Symptom("wrong", bad[-1], "its gradient is NaN or infinite", advice)]
    if len(sizes) < 3:
        return []
    (first, near), (last, far) = sizes[0], sizes[-1]
    if far > 0 and near <= SMALLEST_STEP * far:
        said = f"its gradient is {near / far:.1e} times that of {last}: it vanishes on the way"
        advice = "Use ReLU with init='he', fewer layers, or greater initial weights"
        return [Symptom("wrong", first, said, advice)]
    if far > 0 and near >= GREATEST_STEP * far:
        said = f"its gradient is {near / far:.1e} times that of {last}: it explodes on the way"
        return [Symptom("wrong", first, said, "Use smaller initial weights (init='he')")]
    return []
