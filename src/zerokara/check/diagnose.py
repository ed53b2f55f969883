"""diagnose: what would keep a network from learning, told before the first step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.check import symptoms
from zerokara.check.diagnosis import Diagnosis, Symptom
from zerokara.check.signals import signals
from zerokara.errors import ArgumentError, DtypeError, LabelError, ShapeError
from zerokara.layers import SoftmaxWithLoss
from zerokara.network import Network

ROWS = 256
"""So many samples, spread over all, go through the network."""

FIT_ROWS = 16
FIT_STEPS = 300
RATES = (0.01, 0.001)


def diagnose(net: Network, x: Any, t: Any) -> Diagnosis:
    """Look for what would keep a network from learning this data (book chapter 6).

    Looks at the scale of the inputs, the labels and their balance, the loss at the start against
    a guess's, dead and saturated units, weights that are all alike, gradients that vanish or
    explode by layer, and whether a copy of the network can learn a few samples by heart. The
    network is left as it is, bit for bit.

    Args:
        net: a network of one input, with a loss.
        x: (N, *input_shape), the samples to train on, or many of them.
        t: their targets, as the loss takes them.

    Returns:
        A diagnosis: `ok`, `findings`; `print` shows it in sentences.

    Raises:
        ArgumentError: no network, no loss, several inputs, no samples.
        ShapeError: inputs of another shape.
    """
    if not isinstance(net, Network):
        raise ArgumentError(f"diagnose: expected a network, got {type(net).__name__}")
    if net.loss_layer is None:
        raise ArgumentError("diagnose: the network has no loss; give it one, loss=...")
    if len(net.inputs) != 1:
        raise ArgumentError(f"diagnose: takes networks of one input, this has {len(net.inputs)}")
    values, targets = np.asarray(x), np.asarray(t)
    shape = next(iter(net.inputs.values())).shape
    if values.shape != (len(values) if values.ndim else 0, *shape):
        wanted = ("N", *shape)
        raise ShapeError(f"diagnose: x must be of shape {wanted}, got {values.shape}")
    if not len(values):
        raise ArgumentError("diagnose: needs at least one sample, got 0")
    subject = repr(net).strip("<>")
    found = symptoms.of_inputs(values)
    found += symptoms.of_weights(net) + symptoms.of_output_layer(net)
    classes = net.output_shape[-1] if net.output_shape else 1
    try:
        scores = np.empty((len(values), *net.output_shape), net.dtype)
        checked = np.asarray(net.loss_layer.check(scores, targets))
    except (LabelError, ShapeError, DtypeError) as error:
        advice = "Mend the targets; nothing else can be looked at until then"
        return Diagnosis(subject, (*found, Symptom("wrong", "t", str(error), advice)), ())
    labels = _labels(net, checked)
    found += symptoms.of_targets(labels, classes)
    if any(each.sentence.endswith(("infinite", "infinity")) for each in found):
        return Diagnosis(subject, tuple(found), ())
    rows = np.unique(np.linspace(0, len(values) - 1, min(ROWS, len(values))).astype(np.int64))
    twin = net.copy()
    loss, passed = signals(twin, values[rows], targets[rows])
    found += symptoms.of_first_loss(net, loss, classes)
    found += symptoms.of_activations(passed) + symptoms.of_gradients(passed)
    facts = [f"{len(values)} samples, values {values.min():g} to {values.max():g}"]
    facts.append(f"loss at the start {loss:.4g}")
    if labels is not None and classes > 1:
        facts[-1] += f" (a guess: ln({classes}) = {math.log(classes):.4g})"
    if not found:
        few = np.unique(np.linspace(0, len(values) - 1, min(FIT_ROWS, len(values))).astype(int))
        worse, fact = _learns_by_heart(net, values[few], targets[few])
        found += worse
        facts.append(fact)
    found.sort(key=lambda each: each.level != "wrong")
    return Diagnosis(subject, tuple(found), tuple(facts))


def _labels(net: Network, checked: Array) -> Array | None:
    if not isinstance(net.loss_layer, SoftmaxWithLoss):
        return None
    return checked if checked.ndim == 1 else np.asarray(checked.argmax(axis=1))


def _learns_by_heart(net: Network, x: Array, t: Array) -> tuple[list[Symptom], str]:
    """Whether Adam brings a copy's loss on a few samples down, at one of a few rates."""
    best, start = math.inf, math.nan
    for rate in RATES:
        twin = net.copy()
        flat = twin.flat_params
        mean, square = np.zeros(flat.shape), np.zeros(flat.shape)
        for step in range(1, FIT_STEPS + 1):
            # Dropout would keep even a good network from it.
            loss = float(twin.compute_gradient(x, t, training=False))
            start = loss if math.isnan(start) else start
            if not math.isfinite(loss):
                break
            best = min(best, loss)
            if loss <= 0.05 * start:
                fact = f"{len(x)} samples are learned by heart in {step} steps of Adam"
                return [], fact
            g = twin.flat_grads.astype(np.float64)
            mean += 0.1 * (g - mean)
            square += 0.001 * (g * g - square)
            scale = math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            flat -= (rate * scale * mean / (np.sqrt(square) + 1e-8)).astype(flat.dtype)
    # Half of it is within reach of anything that learns.
    if best <= 0.5 * start:
        return [], f"{FIT_STEPS} steps of Adam bring the loss of {len(x)} samples to {best:.3g}"
    said = (
        f"{len(x)} samples cannot be learned by heart: {FIT_STEPS} steps of Adam bring the loss "
        f"from {start:.3g} to {best:.3g} only"
    )
    advice = "Check each layer (zerokara check) and the labels, and give it more units"
    return [Symptom("doubtful", "net", said, advice)], said
