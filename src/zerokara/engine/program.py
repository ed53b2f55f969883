"""What a program is: slots in an arena, and a flat list of kernels that read and write them.

A plan is made by lowering.py, shortened by fusion.py, laid out by memory.py and handed to the
native core by assemble.py. It is plain data: printing it says what will run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from zerokara._types import Shape
from zerokara.layers import Layer


@dataclass(eq=False)
class Image:
    """That a slot holds its sample pixel by pixel, channels side by side, in a border of zeros."""

    border: tuple[int, int] = (0, 0)  #: rows above and below, columns left and right

    def reserve(self, rows: int, columns: int) -> None:
        """Windows reach so far past the image."""
        self.border = max(rows, self.border[0]), max(columns, self.border[1])


@dataclass(eq=False)
class Slot:
    """A place in the arena: one row of numbers for each sample of a batch."""

    name: str
    shape: Shape  #: of one sample
    image: Image | None = None  #: None: numbers in the order of `shape`

    @property
    def columns(self) -> int:
        return math.prod(self.shape)


@dataclass(eq=False)
class Kernel:
    """One call; `reads` and `writes` tell memory.py how long a slot is needed."""

    verb: ClassVar[str] = ""

    def reads(self) -> list[Slot]:
        return []

    def writes(self) -> list[Slot]:
        return []

    def words(self) -> str:
        """The call as a person reads it."""
        sources = ", ".join(slot.name for slot in self.reads())
        return f"{self.verb}({sources}) -> {', '.join(slot.name for slot in self.writes())}"


@dataclass(eq=False)
class Gather(Kernel):
    """Draw rows of a data set, converting and scaling them."""

    source: int
    name: str
    out: Slot
    verb = "gather"

    def writes(self) -> list[Slot]:
        return [self.out]

    def words(self) -> str:
        return f"gather rows of input {self.name!r}, convert and scale -> {self.out.name}"


@dataclass(eq=False)
class AffineUse:
    """One affine layer as kernels know it: where its parameters lie in the flat buffer."""

    name: str
    weights: int
    bias: int
    inputs: int
    outputs: int


@dataclass(eq=False)
class Affine(Kernel):
    """out = activation(x W + b)."""

    layer: AffineUse
    x: Slot
    out: Slot
    activation: str = "none"
    norm: Kernel | None = None  #: batch normalization folded in (inference)

    def reads(self) -> list[Slot]:
        return [self.x]

    def writes(self) -> list[Slot]:
        return [self.out]

    def words(self) -> str:
        use = self.layer
        fused = "" if self.norm is None else ", scaled and shifted"
        fused += "" if self.activation == "none" else f" + {self.activation}"
        return (
            f"{use.name}: {self.x.name} x W({use.inputs}, {use.outputs}) + b{fused}"
            f" -> {self.out.name}"
        )


@dataclass(eq=False)
class AffineBack(Kernel):
    """dx = dout W^T, times dropout's noise, times the gradient of the activation with output `y`.

    Behind ReLU the output of dropout, as `y`, and its factor do for both.
    """

    layer: AffineUse
    dout: Slot
    dx: Slot
    y: Slot | None = None
    activation: str = "none"
    noise: Slot | None = None
    factor: float = 1.0

    def reads(self) -> list[Slot]:
        return [slot for slot in (self.dout, self.noise, self.y) if slot is not None]

    def writes(self) -> list[Slot]:
        return [self.dx]

    def words(self) -> str:
        use = self.layer
        fused = "" if self.noise is None else f" x {self.noise.name}"
        fused += "" if self.factor == 1 else f" x {self.factor:.4g}"
        fused += "" if self.y is None else f" x {self.activation}'({self.y.name})"
        return (
            f"{use.name}: {self.dout.name} x W^T({use.outputs}, {use.inputs}){fused}"
            f" -> {self.dx.name}"
        )


@dataclass(eq=False)
class Entrywise(Kernel):
    """activate, curve, softmax, each also with _back, add or multiply, row by row.

    A curve is an activation whose gradient is that of its input, and may have a parameter.
    """

    kind: str
    a: Slot
    b: Slot | None
    out: Slot
    activation: str = "none"
    parameter: float = 0.0

    def reads(self) -> list[Slot]:
        return [self.a] if self.b is None else [self.a, self.b]

    def writes(self) -> list[Slot]:
        return [self.out]

    def words(self) -> str:
        names = ", ".join(slot.name for slot in self.reads())
        verb = dict.fromkeys(("activate", "curve"), self.activation)
        verb |= dict.fromkeys(("activate_back", "curve_back"), f"{self.activation}'")
        return f"{verb.get(self.kind, self.kind)}({names}) -> {self.out.name}"


@dataclass(eq=False)
class Loss(Kernel):
    """The loss of each row and, in the same pass, the gradient of the scores."""

    kind: str
    scores: Slot
    gradient: Slot

    def reads(self) -> list[Slot]:
        return [self.scores]

    def writes(self) -> list[Slot]:
        return [self.gradient]

    def words(self) -> str:
        return (
            f"{self.kind} loss of {self.scores.name} with the targets, and its gradient"
            f" -> {self.gradient.name}"
        )


@dataclass(eq=False)
class Call(Kernel):
    """A layer's own Python `forward`, `backward`, or a loss that has no kernel."""

    layer: Layer
    name: str
    direction: str  #: 'forward', 'backward' or 'loss'
    inputs: list[Slot | float]  #: a number is a constant of the graph
    outputs: list[Slot | None]  #: None: that gradient is not needed

    def reads(self) -> list[Slot]:
        return [slot for slot in self.inputs if isinstance(slot, Slot)]

    def writes(self) -> list[Slot]:
        return [slot for slot in self.outputs if slot is not None]

    def words(self) -> str:
        sources = ", ".join(getattr(i, "name", str(i)) for i in self.inputs)
        results = ", ".join(slot.name for slot in self.writes()) or "its parameters"
        return f"{self.name}: Python {self.direction}({sources}) -> {results}"


@dataclass(eq=False)
class Gradient:
    """dW = x^T dout, db = sums of dout, and the update of both while they are in the cache."""

    layer: AffineUse
    x: Slot
    dout: Slot

    def words(self) -> str:
        use = self.layer
        return (
            f"{use.name}: dW({use.inputs}, {use.outputs}) = {self.x.name}^T x {self.dout.name}, "
            f"db, update of W and b"
        )


@dataclass(eq=False)
class Range:
    """Parameters of a Python layer, whose gradients its `backward` leaves in the flat buffer."""

    name: str
    offset: int
    count: int

    def words(self) -> str:
        return f"{self.name}: update of {self.count:,} parameters from their gradients"


@dataclass
class Plan:
    """A whole program. Kernels run in order; then, in training, every gradient and range."""

    training: bool = False
    kernels: list[Kernel] = field(default_factory=list)
    gradients: list[Gradient] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    result: Slot | None = None
    # Filled by memory.py: where each slot begins and how far its rows lie apart, in numbers.
    places: dict[Slot, tuple[int, int]] = field(default_factory=dict)
    # And how each image lies in its row: its first pixel, and from line to line and pixel to pixel.
    lays: dict[Slot, tuple[int, int, int]] = field(default_factory=dict)
    arena_size: int = 0
    # Images that live within one segment have their places in a block that each thread has.
    local: set[Slot] = field(default_factory=set)
    local_size: int = 0
    max_rows: int = 0
    # Filled by fusion.py: what became one.
    fused: list[str] = field(default_factory=list)

    def slots(self) -> list[Slot]:
        """Every slot, in the order of its first use."""
        found: dict[Slot, None] = {}
        for kernel in self.kernels:
            found.update(dict.fromkeys([*kernel.reads(), *kernel.writes()]))
        return list(found)
