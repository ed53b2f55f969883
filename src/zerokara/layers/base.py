"""The contract of every layer (docs/architecture.md, "The layer contract")."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import DtypeError, MissingMethodError, OrderError, ShapeError
from zerokara.layers.node import Node
from zerokara.layers.parameters import Parameters


class Layer:
    """A differentiable function of one or more arrays, with parameters of its own.

    To write one, give it `forward` and `backward`; with parameters, also `build`, which fills
    `self.params` by `self.add_param`. Arrays are (N, ...): a batch axis and one sample's shape.
    `forward` and `backward` must not write into what they are given, `backward` may be called
    twice with the same result, and a float dtype that comes in goes out.
    """

    params: Parameters  #: learned; updated in place
    grads: Parameters  #: the same keys and shapes; filled by backward
    state: Parameters  #: kept and saved but not learned, such as a running mean

    #: What suits the weights of a layer whose output goes into this one; see `initializers`. None
    #: where that is for what comes after this one to say.
    init_before: ClassVar[str | None] = "xavier"

    def __init__(self) -> None:
        self.params = Parameters()
        self.grads = Parameters()
        self.state = Parameters()
        self.adopted = False  # by a network, which keeps the parameters in its own buffer
        self._memory: Any = None

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        """Make the parameters for inputs of that shape (without batch axis) and tell the output's.

        A layer of several inputs overrides `build_many` instead.

        Raises:
            ShapeError: naming the layer and both shapes.
        """
        return input_shape

    def build_many(
        self, shapes: tuple[Shape, ...], rng: np.random.Generator, dtype: npt.DTypeLike
    ) -> Shape:
        """`build` for any number of inputs; a layer of one input need not know of it."""
        if len(shapes) != 1:
            raise ShapeError(f"{self!r}: takes 1 input, got {len(shapes)} of shapes {shapes}")
        return self.build(shapes[0], rng, dtype)

    # The types are open, for layers differ in how many inputs they take. What holds for all:
    # forward(*inputs: Array, training: bool = False) -> Array
    # backward(dout: Array) -> Array, or a tuple of them for several inputs
    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The output for these inputs; remembers what `backward` needs.

        Called with the keyword `training`, whether layers behave as in training.
        """
        raise MissingMethodError(f"{type(self).__name__} has no forward")

    def backward(self, *dout: Any) -> Any:
        """The gradient of each input, given the output's; fills `grads`."""
        raise MissingMethodError(f"{type(self).__name__} has no backward")

    def multiply_adds(self, input_shape: Shape, output_shape: Shape) -> int:
        """Multiplications with addition that one sample costs in forward."""
        return 0

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them; a model file keeps these."""
        return {}

    def add_param(self, name: str, value: Array) -> None:
        """Make `value` a learned parameter, with a gradient of zeros beside it."""
        self.params.bind(name, value)
        self.grads.bind(name, np.zeros_like(value))

    def clear(self) -> None:
        """Forget what the last forward remembered."""
        self._memory = None

    def __call__(self, *nodes: Node) -> Node:
        """A node of a graph: this layer applied to the given nodes."""
        for node in nodes:
            if not isinstance(node, Node):
                raise DtypeError(
                    f"{self!r} is called on nodes to make a graph, got {type(node).__name__}; "
                    "for arrays use .forward(x)"
                )
        return Node(self, nodes)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({arguments})"

    def _keep(self, memory: Any) -> None:
        self._memory = memory

    def _kept(self) -> Any:
        if self._memory is None:
            raise OrderError(f"{self!r}: backward was called before forward")
        return self._memory
