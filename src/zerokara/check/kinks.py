"""Where several hidden kinks meet, a right gradient need not lie between the slopes of both sides.

An all-zero row and a bias of 0 put every ReLU of a layer at its kink at once. Moving one input
then turns some of them on to one side and the others to the other, while backward, rightly, takes
all of them as off. What tells this from a mistake is the neighbourhood: there the gradient takes
many values, and not just the two of a single kink.
"""

from __future__ import annotations

import numpy as np

from zerokara._types import Array
from zerokara.check.subjects import Subject

NEIGHBOURS = 16
DISTANCE = 1e-4
GROUPS = 100
"""Values that differ by less than this part of their span are the same one, bent a little."""


def hidden_kinks(
    subject: Subject,
    name: str,
    moving: slice,
    vector: Array,
    dout: Array,
    said: float,
    rng: np.random.Generator,
) -> bool:
    """Whether many kinks meet at the point, and `said` is in the range that their sides span.

    Args:
        subject: what is measured; its arrays are left as they were.
        name: one of them, of which `moving` are the entries along `vector` whose slope it is.
        dout: the weights of the outputs.
        said: the slope that backward gives at the point itself.
        rng: draws the neighbours.
    """
    before = {key: array.copy() for key, array in subject.arrays.items()}
    found = np.empty(NEIGHBOURS)
    try:
        with np.errstate(all="ignore"):
            for place in range(NEIGHBOURS):
                for key, array in subject.arrays.items():
                    nudge = DISTANCE * rng.standard_normal(array.shape)
                    array[...] = before[key] + nudge * np.maximum(1.0, np.abs(before[key]))
                subject.output()
                gradient = np.asarray(subject.gradients(dout.copy())[name], np.float64)
                found[place] = gradient.reshape(-1)[moving] @ vector
    finally:
        for key, array in subject.arrays.items():
            array[...] = before[key]
    low, span = float(found.min()), float(np.ptp(found))
    if not np.isfinite(span) or span == 0:
        return False
    values = len(np.unique(np.round((found - low) / span * GROUPS)))
    return values > 2 and low - span <= said <= low + 2 * span
