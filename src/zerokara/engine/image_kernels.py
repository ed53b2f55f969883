"""The kernels that work on images, and dropout, as a plan lists them."""

from __future__ import annotations

from dataclasses import dataclass

from zerokara._types import Array, Shape
from zerokara.engine.program import Kernel, Slot
from zerokara.layers.geometry import Window


@dataclass(eq=False)
class ToImage(Kernel):
    """A sample (channels, height, width) pixel by pixel."""

    x: Slot
    out: Slot

    def reads(self) -> list[Slot]:
        return [self.x]

    def writes(self) -> list[Slot]:
        return [self.out]

    def words(self) -> str:
        return f"{self.x.name} pixel by pixel -> {self.out.name}"


@dataclass(eq=False)
class FromImage(Kernel):
    """An image as one row, channel by channel."""

    x: Slot
    out: Slot

    def reads(self) -> list[Slot]:
        return [self.x]

    def writes(self) -> list[Slot]:
        return [self.out]

    def words(self) -> str:
        return f"{self.x.name} channel by channel -> {self.out.name}"


@dataclass(eq=False)
class ConvolutionUse:
    """One convolution as kernels know it: where its parameters lie, and its window."""

    name: str
    weights: int
    bias: int
    window: Window
    given: Shape  #: (channels, height, width)
    out: Shape  #: (filters, height, width)

    @property
    def filters(self) -> str:
        return f"W({self.out[0]}, {self.given[0]}, {self.window.size[0]}, {self.window.size[1]})"


@dataclass(eq=False)
class Correlate(Kernel):
    """out = activation(x correlated with W, + b).

    With `pooled`, the greatest of each 2x2 of `out` is what it gives; then `out` is at most working
    memory.
    """

    use: ConvolutionUse
    x: Slot
    out: Slot
    activation: str = "none"
    norm: Kernel | None = None  #: batch normalization folded in (inference)
    pooled: Pool | None = None

    def reads(self) -> list[Slot]:
        return [self.x]

    def writes(self) -> list[Slot]:
        return [self.out, *([] if self.pooled is None else self.pooled.writes())]

    def words(self) -> str:
        fused = "" if self.norm is None else ", scaled and shifted"
        fused += "" if self.activation == "none" else f" + {self.activation}"
        to = self.out
        if self.pooled is not None:
            fused, to = f"{fused}, greatest of 2x2", self.pooled.out
        start = f"{self.use.name}: windows of {self.x.name} x {self.use.filters} + b{fused}"
        return f"{start} -> {to.name}"


@dataclass(eq=False)
class CorrelateBack(Kernel):
    """dx from dout and W, times the gradient of the activation whose output was `y`."""

    use: ConvolutionUse
    dout: Slot
    dx: Slot
    y: Slot | None = None
    activation: str = "none"

    def reads(self) -> list[Slot]:
        return [self.dout] if self.y is None else [self.dout, self.y]

    def writes(self) -> list[Slot]:
        return [self.dx]

    def words(self) -> str:
        fused = "" if self.y is None else f" x {self.activation}'({self.y.name})"
        return (
            f"{self.use.name}: windows of {self.dout.name} x turned {self.use.filters}{fused}"
            f" -> {self.dx.name}"
        )


@dataclass(eq=False)
class FilterGradient(Kernel):
    """dW and db of each part of the batch; their sum and the update come after all kernels.

    With `pooled`, which would write `dout`, that is never looked at where it is 0.
    """

    use: ConvolutionUse
    x: Slot
    dout: Slot
    pooled: PoolBack | None = None

    def reads(self) -> list[Slot]:
        return [self.x, *([self.dout] if self.pooled is None else self.pooled.reads())]

    def words(self) -> str:
        use, back = self.use, self.pooled
        start = f"{use.name}: d{use.filters} and db from {self.x.name} and"
        if back is None:
            return f"{start} {self.dout.name}"
        fused = "" if back.y is None else f" x {back.activation}'({back.y.name})"
        return f"{start} {back.dout.name}{fused}, which the greatest of 2x2 alone get"


@dataclass(eq=False)
class Pool(Kernel):
    """The greatest number or the mean of each window; `winner` remembers which was the greatest."""

    name: str
    greatest: bool
    window: Window
    x: Slot
    out: Slot
    winner: Slot | None

    def reads(self) -> list[Slot]:
        return [self.x]

    def writes(self) -> list[Slot]:
        return [self.out] if self.winner is None else [self.out, self.winner]

    def words(self) -> str:
        what = "greatest" if self.greatest else "mean"
        height, width = self.window.size
        return f"{self.name}: {what} of {height}x{width} in {self.x.name} -> {self.out.name}"


@dataclass(eq=False)
class PoolBack(Kernel):
    """dx from dout, times the gradient of the activation whose output was `y`."""

    pool: Pool
    dout: Slot
    dx: Slot
    y: Slot | None = None
    activation: str = "none"

    def reads(self) -> list[Slot]:
        return [s for s in (self.dout, self.pool.winner, self.y) if s is not None]

    def writes(self) -> list[Slot]:
        return [self.dx]

    def words(self) -> str:
        fused = "" if self.y is None else f" x {self.activation}'({self.y.name})"
        name, dout = self.pool.name, self.dout.name
        return f"{name}: {dout} back to where it came from{fused} -> {self.dx.name}"


@dataclass(eq=False)
class Dropout(Kernel):
    """x times noise, which is 0 or `factor`; without a state, in inference, x times `factor`."""

    name: str
    x: Slot
    out: Slot
    noise: Slot | None  #: where the noise is kept, if anyone needs it
    ratio: float
    factor: float
    state: Array | None  #: the layer's own (seed, passes), counted up at each step

    def reads(self) -> list[Slot]:
        return [self.x]

    def writes(self) -> list[Slot]:
        return [self.out] if self.noise is None else [self.out, self.noise]

    def words(self) -> str:
        by = f"{self.factor:.4g}" if self.state is None else f"noise of {self.ratio:g} zeros"
        return f"{self.name}: {self.x.name} times {by} -> {self.out.name}"
