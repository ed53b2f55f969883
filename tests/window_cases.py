"""Convolution and pooling written as loops, one number after the other, and geometries for them.

Slow and plain on purpose: nothing here is shared with zerokara but the formulas of the book.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """Images and a window that fits them."""

    batch: int
    channels: int  # of one group
    groups: int
    filters: int  # of one group
    image: Pair
    size: Pair
    stride: Pair
    pad: Pair
    dilation: Pair

    @property
    def out(self) -> Pair:
        """How often the window fits, by counting."""
        counts = []
        for length, size, stride, pad, dilation in zip(
            self.image, self.size, self.stride, self.pad, self.dilation, strict=True
        ):
            last = length + 2 * pad - (size - 1) * dilation
            counts.append(len(range(0, last, stride)))
        return counts[0], counts[1]

    def places(self, oy: int, ox: int) -> list[tuple[int, int, int, int]]:
        """(i, j, y, x) of the window's entries at a place of the output, padding left out."""
        found = []
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                y = oy * self.stride[0] + i * self.dilation[0] - self.pad[0]
                x = ox * self.stride[1] + j * self.dilation[1] - self.pad[1]
                if 0 <= y < self.image[0] and 0 <= x < self.image[1]:
                    found.append((i, j, y, x))
        return found


@st.composite
def geometries(draw: st.DrawFn, pooling: bool = False) -> Geometry:
    """Sizes 1 to 9, windows that may step past themselves, padding that may be wider than them."""
    both = lambda low, high: (draw(st.integers(low, high)), draw(st.integers(low, high)))  # noqa: E731
    size = both(1, 5)
    geometry = Geometry(
        batch=draw(st.integers(0, 3)),
        channels=draw(st.integers(1, 3)),
        groups=1 if pooling else draw(st.integers(1, 3)),
        filters=1 if pooling else draw(st.integers(1, 3)),
        image=both(1, 9),
        size=size,
        stride=both(1, 7),
        pad=(
            (draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1)))
            if pooling
            else both(0, 6)
        ),
        dilation=(1, 1) if pooling else both(1, 3),
    )
    assume(min(geometry.out) >= 1)
    return geometry


def convolve(g: Geometry, x: Any, W: Any, b: Any, dout: Any) -> tuple[Any, ...]:
    """Return the output, and the gradients of x, W and b."""
    y = np.zeros((g.batch, g.groups * g.filters, *g.out))
    dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(b.shape)
    for n, f, oy, ox in np.ndindex(*y.shape):
        first = f // g.filters * g.channels
        y[n, f, oy, ox] = b[f]
        db[f] += dout[n, f, oy, ox]
        for c in range(g.channels):
            for i, j, iy, ix in g.places(oy, ox):
                y[n, f, oy, ox] += x[n, first + c, iy, ix] * W[f, c, i, j]
                dx[n, first + c, iy, ix] += dout[n, f, oy, ox] * W[f, c, i, j]
                dW[f, c, i, j] += dout[n, f, oy, ox] * x[n, first + c, iy, ix]
    return y, dx, dW, db


def pool(g: Geometry, x: Any, dout: Any, *, greatest: bool) -> tuple[Any, Any]:
    """Return the output and the gradient of x, of a maximum or of a mean over whole windows."""
    y, dx = np.zeros((g.batch, g.channels, *g.out), x.dtype), np.zeros(x.shape, x.dtype)
    for n, c, oy, ox in np.ndindex(*y.shape):
        seen = [(float(x[n, c, iy, ix]), iy, ix) for _, _, iy, ix in g.places(oy, ox)]
        if not greatest:
            y[n, c, oy, ox] = math.fsum(value for value, _, _ in seen) / math.prod(g.size)
            for _, iy, ix in seen:
                dx[n, c, iy, ix] += dout[n, c, oy, ox] / math.prod(g.size)
            continue
        best = seen[0]
        for entry in seen[1:]:
            if not math.isnan(best[0]) and (math.isnan(entry[0]) or entry[0] > best[0]):
                best = entry
        y[n, c, oy, ox] = best[0]
        dx[n, c, best[1], best[2]] += dout[n, c, oy, ox]
    return y, dx
