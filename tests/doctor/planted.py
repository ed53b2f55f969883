"""Defects by kind: what is planted in which layers, and which causes name it.

`KINDS` is the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import book_layers as right
import numpy as np
import plants
from planting import forward_first, of_bias, of_input, of_weight, renamed

CONSTANT = ("constant factor",)
ONE = [right.Relu, right.Sigmoid, right.Tanh, right.Softmax]
WEIGHTED = [right.Affine, right.DictAffine]
SCALED = [right.BatchNorm, right.Scale]
LOSSES = [right.SoftmaxWithLoss, right.SquaredError]
ALL = [*ONE, *WEIGHTED, *SCALED, right.Convolution]


@dataclass(frozen=True)
class Kind:
    """A kind of defect, and the causes any of which names it rightly."""

    name: str
    causes: tuple[str, ...]
    plant: Callable
    layers: list


KINDS = [
    Kind("sign of dx", ("sign flipped",), of_input(lambda s, dx, d: -dx), [*ALL, *LOSSES]),
    Kind("sign of dW", ("sign flipped",), of_weight(lambda s, g, d: -g), [*WEIGHTED, *SCALED]),
    Kind("dW times N", CONSTANT, of_weight(lambda s, g, d: g * len(d)), [*WEIGHTED, *SCALED]),
    Kind("dW by N", CONSTANT, of_weight(lambda s, g, d: g / len(d)), [*WEIGHTED, *SCALED]),
    Kind("loss without 1/N", CONSTANT, of_input(lambda s, dx, d: dx * len(dx)), LOSSES),
    Kind("dx twice", CONSTANT, of_input(lambda s, dx, d: 2 * dx), [*ALL, *LOSSES]),
    Kind("dx half", CONSTANT, of_input(lambda s, dx, d: dx / 2), ALL),
    Kind("dx times 1.7", CONSTANT, of_input(lambda s, dx, d: 1.7 * dx), ALL),
    Kind("dW transposed", ("transposed",), of_weight(lambda s, g, d: g.T.copy()), WEIGHTED),
    Kind(
        "dx by W, not W.T",
        ("transposed",),
        of_input(lambda s, dx, d: d @ s.W),
        [right.Affine],
    ),
    Kind(
        "db not summed",
        ("not summed over the batch",),
        of_bias(lambda s, g, d: d),
        [right.Affine, *SCALED],
    ),
    Kind(
        "db of one row",
        ("not summed over the batch",),
        of_bias(lambda s, g, d: d[0]),
        [right.Affine, *SCALED],
    ),
    Kind("db a mean", CONSTANT, of_bias(lambda s, g, d: d.mean(axis=0)), [right.Affine, *SCALED]),
    Kind(
        "db over axis 1",
        ("wrong axis",),
        of_bias(lambda s, g, d: d.sum(axis=1)),
        [right.Affine, *SCALED],
    ),
    Kind(
        "db keeps a dimension",
        ("wrong shape",),
        of_bias(lambda s, g, d: g[None]),
        [right.Affine, *SCALED],
    ),
    Kind(
        "dx summed over the batch",
        ("wrong shape",),
        of_input(lambda s, dx, d: dx.sum(axis=0)),
        [*ONE, *WEIGHTED],
    ),
    Kind("softmax over axis 0", ("wrong axis",), plants.softmax_axis, [right.Softmax]),
    Kind("dout ignored", ("dout ignored",), plants.dout_ones, [*ALL, *LOSSES]),
    Kind("dout overwritten", ("dout overwritten",), plants.dout_cleared, ALL),
    Kind(
        "x overwritten by forward",
        ("input overwritten",),
        forward_first(lambda x: np.multiply(x, 0.5, out=x)),
        [*ALL, *LOSSES],
    ),
    Kind(
        "x overwritten by backward",
        ("input overwritten",),
        plants.saved_input_changed,
        [*ALL, *LOSSES],
    ),
    Kind(
        "W changed by backward",
        ("parameter overwritten",),
        plants.parameter_stepped,
        [*WEIGHTED, *SCALED, right.Convolution],
    ),
    Kind(
        "nothing returned", ("nothing returned",), of_input(lambda s, dx, d: None), [*ALL, *LOSSES]
    ),
    Kind(
        "db never set", ("nothing returned",), of_bias(lambda s, g, d: None), [*WEIGHTED, *SCALED]
    ),
    Kind("backword", ("misspelt method",), renamed("backward", "backword"), [*ALL, *LOSSES]),
    Kind("foward", ("misspelt method",), renamed("forward", "foward"), [*ALL, *LOSSES]),
    Kind(
        "first forward kept",
        ("stale cache",),
        plants.first_forward_kept,
        [right.Relu, *ONE[1:], *SCALED],
    ),
    Kind("nothing kept", ("cached value missing",), plants.nothing_kept, [*ONE[1:], *WEIGHTED]),
    Kind("gradients added up", ("gradients added up",), plants.added_up, [*WEIGHTED, *SCALED]),
    Kind("gradients swapped", ("gradient of another array",), plants.swapped, SCALED),
    Kind(
        "weight decay inside",
        ("weight decay added",),
        of_weight(
            lambda s, g, d: (
                g
                + 0.1
                * (
                    s.params["W"]
                    if hasattr(s, "params")
                    else getattr(s, "W", getattr(s, "gamma", None))
                )
            )
        ),
        [*WEIGHTED, right.Scale],
    ),
    Kind(
        "dx is dout",
        ("derivative forgotten",),
        of_input(lambda s, dx, d: d.copy()),
        [*ONE, *SCALED],
    ),
    Kind("dx zero", ("all zero",), of_input(lambda s, dx, d: 0 * dx), [*ALL, *LOSSES]),
    Kind("one NaN", ("NaN or infinite",), of_input(plants.one_nan), ALL),
    Kind("one entry off", ("cause unknown",), of_input(plants.one_entry), ALL),
    Kind(
        "float32 inside",
        ("wrong dtype",),
        of_input(lambda s, dx, d: dx.astype(np.float32)),
        [*ALL, *LOSSES],
    ),
    Kind("backward raises", ("shapes do not fit",), plants.raises, [*ALL, *LOSSES]),
    Kind(
        "two gradients for one",
        ("wrong number of gradients",),
        of_input(lambda s, dx, d: (dx, dx, dx)),
        [*ALL, *LOSSES],
    ),
    Kind(
        "softmax without shift",
        ("softmax without the shift",),
        plants.without_shift,
        [right.SoftmaxWithLoss, right.Softmax],
    ),
    Kind("ten classes", ("class count hard-coded",), plants.ten_classes, [right.SoftmaxWithLoss]),
    Kind(
        "ten in the divisor",
        ("class count hard-coded",),
        plants.ten_classes_divided,
        [right.SoftmaxWithLoss],
    ),
    Kind(
        "labels as rows",
        ("labels taken for one-hot",),
        plants.labels_as_rows,
        [right.SoftmaxWithLoss],
    ),
    Kind("seven at the kink", ("wrong at the kink only",), plants.at_kink, [right.Relu]),
    Kind("noise of its own", ("not repeatable",), plants.noisy, [*ALL, *LOSSES]),
    Kind(
        "wrong for one sample",
        ("batch of one",),
        plants.wrong_for_one,
        [*ONE, right.DictAffine, right.Scale],
    ),
    Kind("le-7", ("misspelt number",), plants.letter_for_digit, [*ALL, *LOSSES]),
    Kind(
        "attribute misspelt", ("cached value missing",), plants.misspelt_attribute, [*ALL, *LOSSES]
    ),
    Kind("backward wants x", ("wrong signature",), plants.wants_the_input, [*ALL, *LOSSES]),
    Kind("forward returns a list", ("wrong type",), plants.as_list, [*ALL, *LOSSES]),
]
