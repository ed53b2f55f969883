"""The kernels of batch normalization as a plan lists them."""

from __future__ import annotations

from dataclasses import dataclass

from zerokara._types import Array
from zerokara.engine.program import Kernel, Slot


@dataclass(eq=False)
class NormUse:
    """One batch normalization: where its parameters lie, and its running values."""

    name: str
    gamma: int
    beta: int
    mean: Array
    variance: Array
    momentum: float
    eps: float


@dataclass(eq=False)
class Normalize(Kernel):
    """out = activation(normal * gamma + beta), by the batch's own mean and variance."""

    use: NormUse
    x: Slot
    normal: Slot
    out: Slot
    activation: str = "none"

    def reads(self) -> list[Slot]:
        return [self.x]

    def writes(self) -> list[Slot]:
        return [self.normal, self.out]

    def words(self) -> str:
        fused = "" if self.activation == "none" else f" + {self.activation}"
        return f"{self.use.name}: columns of {self.x.name} normalized{fused} -> {self.out.name}"


@dataclass(eq=False)
class NormalizeBack(Kernel):
    """dx, dgamma and dbeta, column by column."""

    use: NormUse
    dout: Slot
    normal: Slot
    dx: Slot | None

    def reads(self) -> list[Slot]:
        return [self.dout, self.normal]

    def writes(self) -> list[Slot]:
        return [] if self.dx is None else [self.dx]

    def words(self) -> str:
        to = "dgamma and dbeta" if self.dx is None else self.dx.name
        return f"{self.use.name}: columns of {self.dout.name} back -> {to}"


@dataclass(eq=False)
class Rescale(Kernel):
    """Batch normalization in inference: a scale and a shift for each column."""

    use: NormUse
    x: Slot
    out: Slot
    activation: str = "none"

    def reads(self) -> list[Slot]:
        return [self.x]

    def writes(self) -> list[Slot]:
        return [self.out]

    def words(self) -> str:
        fused = "" if self.activation == "none" else f" + {self.activation}"
        return f"{self.use.name}: {self.x.name} scaled and shifted{fused} -> {self.out.name}"
