"""The usual suspects: what mistake would make just these wrong numbers.

Each suspect is a function that looks at the evidence and answers with a sentence, or None.
`SUSPECTS` is asked from the top; the first answer counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from zerokara._types import Array
from zerokara.check.findings import UNKNOWN, Finding

CLOSE = 1e-5


@dataclass(frozen=True)
class Evidence:
    """A wrong gradient and all that stands around it.

    Attributes:
        name: the array it is the gradient of.
        said: what backward gave, of whatever shape.
        numeric: the measured gradient, of the array's shape.
        dout, out: the output's gradient and the output.
        arrays: every input and parameter.
        measured: the measured gradients of the others.
        inputs: which of the arrays are inputs.
        for_other_dout: what backward gives for twice that dout, and for another one.
        fresh: what a new object gives that has seen nothing else before; None if unknown.
    """

    name: str
    said: Array
    numeric: Array
    dout: Array
    out: Array
    arrays: Mapping[str, Array]
    measured: Mapping[str, Array]
    inputs: tuple[str, ...]
    for_other_dout: Array | None
    fresh: Array | None

    @property
    def batch(self) -> int:
        """How many samples the first input has."""
        first = self.arrays[self.inputs[0]]
        return len(first) if first.ndim else 1

    @property
    def is_input(self) -> bool:
        """Whether it is the gradient of an input, and not of a parameter."""
        return self.name in self.inputs


Suspect = Callable[[Evidence], str | None]


def near(one: Array, other: Array) -> bool:
    """Whether two arrays agree but for what a difference cannot tell; of one shape, not all 0."""
    if one.shape != other.shape or not one.size or not np.all(np.isfinite(one)):
        return False
    scale = float(np.max(np.abs(other)))
    return scale > 0 and float(np.max(np.abs(one - other))) <= CLOSE * scale


def stale(e: Evidence) -> str | None:
    if e.fresh is not None and near(e.fresh, e.numeric) and not near(e.fresh, e.said):
        return (
            "backward uses values of an earlier forward; a new object has it right. Let forward "
            "store what backward needs anew each time"
        )
    return None


def not_a_number(e: Evidence) -> str | None:
    if e.said.size and not np.all(np.isfinite(e.said)):
        count = int(np.sum(~np.isfinite(e.said)))
        return f"{count} of {e.said.size} entries are NaN or infinite: division by 0 or overflow"
    return None


def zero(e: Evidence) -> str | None:
    if e.said.size and not e.said.any():
        return "backward gives zeros only: it never fills this gradient, or fills a copy of it"
    return None


def dout_ignored(e: Evidence) -> str | None:
    if e.for_other_dout is not None and near(e.for_other_dout, e.said):
        if not e.dout.ndim and near(e.said * e.dout, e.numeric):
            return (
                "dout is ignored: backward is right where dout is 1, as at the end of a network, "
                "and nowhere else. Multiply by dout"
            )
        return "dout is ignored: another dout gives the same gradient. Multiply by it"
    return None


def sign(e: Evidence) -> str | None:
    return "the sign is flipped: multiply by -1" if near(e.said, -e.numeric) else None


def factor(e: Evidence) -> str | None:
    if e.said.shape != e.numeric.shape or not np.all(np.isfinite(e.said)):
        return None
    c = float(np.sum(e.said * e.numeric) / max(float(np.sum(e.numeric**2)), 1e-300))
    if abs(c) < 1e-9 or abs(c - 1) < 10 * CLOSE or not near(e.said, c * e.numeric):
        return None
    n = e.batch
    if n > 1 and abs(c - n) < CLOSE * n:
        return f"too large by the batch size, {n}: divide by it once"
    if n > 1 and abs(c * n - 1) < CLOSE:
        return f"too small by the batch size, {n}: a mean where a sum belongs, or divided twice"
    columns = e.numeric.size // n if n else 1
    if columns > 1 and abs(c - columns) < CLOSE * columns:
        return f"too large by {columns}, the entries of a sample: a mean over all divides by them"
    if columns > 1 and abs(c * columns - 1) < CLOSE:
        return f"too small by {columns}, the entries of a sample: divided by them, not by the batch"
    for value, words in ((2.0, "twice"), (0.5, "half")):
        if abs(c - value) < CLOSE:
            return f"{words} what it should be: a factor of {value:g} too many"
    return f"every entry is {c:.6g} times what it should be: a constant factor"


def transposed(e: Evidence) -> str | None:
    if e.said.ndim == 2 and e.numeric.ndim == 2:
        if near(e.said.T, e.numeric):
            return "it is transposed: use .T, or swap the factors of the product"
        if e.is_input and e.dout.ndim == 2:
            for name, array in e.arrays.items():
                square = array.ndim == 2 and array.shape[0] == array.shape[1]
                if square and name != e.name and near(e.said, e.dout @ array):
                    return f"it is dout @ {name}, and should be dout @ {name}.T: transposed"
    return None


def not_summed(e: Evidence) -> str | None:
    extra = e.said.ndim - e.numeric.ndim
    if e.is_input or e.numeric.ndim != 1:
        return None
    if extra > 0 and e.said.shape[-1:] == e.numeric.shape:
        over = tuple(range(extra))
        if near(e.said.sum(axis=over), e.numeric):
            return "it is not summed over the batch: use .sum(axis=0)"
    if e.dout.ndim == 2 and e.dout.shape[1:] == e.numeric.shape:
        for row in range(len(e.dout)):
            if near(e.said.reshape(-1), e.dout[row]):
                return f"it is not summed over the batch: it is row {row} of dout alone"
    return None


def wrong_axis(e: Evidence) -> str | None:
    if not e.is_input and e.numeric.ndim == 1 and e.dout.ndim > 1:
        for axis in range(e.dout.ndim):
            for keep in (False, True):
                guess = e.dout.sum(axis=axis, keepdims=keep)
                if near(e.said, guess) and not near(guess, e.numeric):
                    return f"a wrong axis: it is dout summed over axis {axis}"
    if e.is_input and e.out.shape == e.dout.shape and e.out.ndim > 1:
        product = e.dout * e.out
        for axis in range(e.out.ndim):
            guess = product - e.out * product.sum(axis=axis, keepdims=True)
            if near(e.said, guess):
                return f"a wrong axis: dout * y is summed over axis {axis}"
    return None


def shape_only(e: Evidence) -> str | None:
    if e.said.shape != e.numeric.shape and e.said.size == e.numeric.size:
        if near(e.said.reshape(e.numeric.shape), e.numeric):
            return f"the numbers are right; only the shape is not: reshape to {e.numeric.shape}"
    elif e.is_input and e.said.ndim < e.numeric.ndim and near(e.said, e.numeric.sum(axis=0)):
        return "it is summed over the batch, and each sample has a gradient of its own"
    return None


def of_another(e: Evidence) -> str | None:
    for name, other in e.measured.items():
        if name != e.name and near(e.said, other):
            return f"it is the gradient of {name}: the two are swapped"
    return None


def derivative_forgotten(e: Evidence) -> str | None:
    if e.is_input and near(e.said, e.dout):
        return "it is dout as it came: the derivative of the function is missing"
    return None


def decay(e: Evidence) -> str | None:
    if e.is_input or e.said.shape != e.numeric.shape:
        return None
    rest, array = e.said - e.numeric, e.arrays[e.name]
    if np.all(np.isfinite(rest)) and array.any():
        c = float(np.sum(rest * array) / np.sum(array**2))
        if near(rest, c * array):
            return f"{c:.6g} times {e.name} itself was added: a weight decay that is not in forward"
    return None


SUSPECTS: tuple[tuple[str, Suspect], ...] = (
    ("stale cache", stale),
    ("NaN or infinite", not_a_number),
    ("all zero", zero),
    ("dout ignored", dout_ignored),
    ("sign flipped", sign),
    ("constant factor", factor),
    ("transposed", transposed),
    ("wrong shape", shape_only),
    ("not summed over the batch", not_summed),
    ("gradient of another array", of_another),
    ("wrong axis", wrong_axis),
    ("derivative forgotten", derivative_forgotten),
    ("weight decay added", decay),
)


def explain(e: Evidence) -> Finding:
    """The likely cause of a wrong gradient."""
    for cause, suspect in SUSPECTS:
        sentence = suspect(e)
        if sentence is not None:
            return Finding(f"{e.name}: {sentence}", cause, e.name)
    if e.said.shape != e.numeric.shape:
        return Finding(
            f"{e.name}: the gradient has shape {e.said.shape}, expected {e.numeric.shape}",
            "wrong shape",
            e.name,
        )
    wrong = np.abs(e.said - e.numeric) > CLOSE * max(float(np.max(np.abs(e.numeric))), 1e-300)
    wrong &= np.isfinite(e.numeric)
    return Finding(
        f"{e.name}: cause unknown; {int(wrong.sum())} of {wrong.size} entries are off, and no "
        "usual mistake makes these numbers",
        UNKNOWN,
        e.name,
    )
