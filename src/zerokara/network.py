"""Network: a graph of layers with one loss, one parameter buffer and one gradient buffer."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Seed, Shape
from zerokara.building import build_layers
from zerokara.errors import ArgumentError, DtypeError, OrderError
from zerokara.feeds import as_batches, output_gradient
from zerokara.graph import layer_names, sort_nodes
from zerokara.initializers import as_generator
from zerokara.layers import Constant, Input, Layer, Loss, Node, Parameters
from zerokara.storage import move_to_buffers
from zerokara.summary import Summary
from zerokara.trace import Trace

PREDICT_ROWS = 1024
"""Rows that `predict` works on at a time, so that its memory does not grow with the data."""


class Network:
    """A directed acyclic graph of layers that runs forward, backward and by mini-batches.

    Args:
        output: the node whose value is the network's output.
        loss: what `loss`, `gradient` and `accuracy` measure by; a graph may do without.
        rng: a seed or a generator, for the initial weights.
        dtype: float32 or float64. Inputs of other dtypes are converted.

    Attributes:
        params, grads: name to array, such as ``"affine1.W"``, in graph order. Each array is a view
            into `flat_params` or `flat_grads`; assigning writes into it.
        layers: name to layer, in graph order.
        dtype: of all parameters and results.
        trace: what the last `forward`, `loss` or `gradient` computed, for pictures of it.

    Raises:
        ShapeError: shapes that do not fit, naming the layer.
        ArgumentError: a layer used twice, two inputs of one name, no input at all.
    """

    # Makes a function that predicts faster than the layers' own maths, or None. The front door sets
    # it: a network must not know the engine.
    inference_compiler: ClassVar[Callable[[Network], Callable[[Any], Array] | None]]
    # Draws it as SVG, or None; set from there as well.
    picture: ClassVar[Callable[[Network], str | None]]

    def __init__(
        self,
        output: Node,
        *,
        loss: Loss | None = None,
        rng: Seed = 0,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.dtype = _network_dtype(dtype)
        self.output = output
        self.nodes = sort_nodes(output)
        self.inputs = {node.name: node for node in self.nodes if isinstance(node, Input)}
        names = layer_names(self.nodes)
        self.layers: dict[str, Layer] = {name: node.layer for name, node in names if node.layer}
        self.loss_layer = loss
        self._adopt_layers()
        self.shapes = build_layers(self.nodes, as_generator(rng), self.dtype)
        self.flat_params, self.flat_grads = move_to_buffers(self.layers.values(), self.dtype)
        self.params, self.grads = Parameters(), Parameters()
        for name, layer, key in self._named_parameters():
            self.params.bind(name, layer.params[key])
            self.grads.bind(name, layer.grads[key])
        self._inference: Callable[[Any], Array] | None = None
        self._asked_for_inference = False
        # What `backward` must fit: the batch of the last `forward`, or None before it.
        self._batch: tuple[int, bool] | None = None
        self.trace = Trace()

    @property
    def output_shape(self) -> Shape:
        """One sample's output shape."""
        return self.shapes[self.output]

    def forward(self, x: Any = None, *, training: bool = False, **named: Any) -> Array:
        """The output for a batch, or for one sample given without the batch axis.

        Args:
            x: the input of a network of one input, shape (N, *input_shape) or input_shape; or a
                mapping of names to arrays.
            named: the inputs by name.
            training: whether layers behave as in training.

        Returns:
            (N, *output_shape), or output_shape for one sample.

        Raises:
            ArgumentError: inputs missing or unknown.
            ShapeError: an input of another shape.
        """
        feeds, single = self.convert_inputs(x, named)
        out = self._run(feeds, training, keep=True)
        self._batch = (len(out), single)
        return np.asarray(out[0])[()] if single else out

    def backward(self, dout: npt.ArrayLike = 1.0) -> Any:
        """Gradients of the inputs by name, given the output's; fills `grads`.

        Must follow a `forward`, whose batch the gradient is for; `dout` has its output's shape.

        Raises:
            OrderError: before any forward.
            ShapeError: `dout` of another shape.
        """
        if self._batch is None:
            raise OrderError(f"{self!r}: backward was called before forward")
        rows, single = self._batch
        batch = output_gradient(self, dout, self.dtype, rows, self.output_shape, single)
        gradients = self._run_back(batch)
        if not single:
            return gradients
        return {name: np.asarray(g[0])[()] for name, g in gradients.items()}

    def predict(self, x: Any) -> Array:
        """The output in inference mode: scores of shape (N, *output_shape), or of one sample.

        Rows are worked on in blocks, so memory does not grow with N beyond the result.
        """
        if not self._asked_for_inference:
            self._asked_for_inference = True
            self._inference = Network.inference_compiler(self)
        if self._inference is not None:
            return self._inference(x)
        return self.predict_eagerly(x)

    def predict_eagerly(self, x: Any) -> Array:
        """`predict` on the layers' own maths, which a compiled program is measured against."""
        feeds, single = self.convert_inputs(x)
        rows = len(next(iter(feeds.values())))
        # Layers remember the last block alone.
        self._batch = (rows, single) if rows <= PREDICT_ROWS else None
        out = np.empty((rows, *self.output_shape), self.dtype)
        for start in range(0, rows, PREDICT_ROWS):
            block = slice(start, start + PREDICT_ROWS)
            out[block] = self._run({name: v[block] for name, v in feeds.items()}, False)
        return np.asarray(out[0])[()] if single else out

    def probabilities(self, x: Any) -> Array:
        """`predict` through the loss's output function: softmax, sigmoid or identity."""
        scores = self.predict(x)
        return self._loss().activate(scores)

    def loss(
        self,
        x: Any,
        t: npt.ArrayLike,
        *,
        training: bool = False,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Array:
        """The mean loss of a batch with its targets, a scalar of the network's dtype.

        With `sample_weight`, a number of 0 or more for each sample, it is the weighted mean: a
        weight of 2 counts as the sample repeated.
        """
        feeds, single = self.convert_inputs(x)
        self._batch = (len(next(iter(feeds.values()))), single)
        t = np.asarray(t)[np.newaxis] if single else np.asarray(t)
        scores = self._run(feeds, training, keep=True)
        # A loss of one's own need not know of weights.
        options = {} if sample_weight is None else {"sample_weight": np.asarray(sample_weight)}
        loss: Array = self._loss().forward(scores, t, training=training, **options)
        self.trace.loss = loss
        return loss

    def accuracy(self, x: Any, t: npt.ArrayLike) -> float:
        """The share of samples whose greatest score is at the right class, 0 to 1."""
        scores, t = self.predict(x), np.asarray(t)
        if scores.ndim == len(self.output_shape):
            scores, t = scores[np.newaxis], t[np.newaxis]
        if not len(scores):
            raise ArgumentError("accuracy: needs at least one sample, got 0")
        return float(np.mean(self._loss().correct(scores, t)))

    def gradient(
        self, x: Any, t: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, Array]:
        """The loss's gradient for every parameter, by backpropagation, as new arrays by name.

        `grads` and `flat_grads` hold the same numbers until the next call. This is a question and
        no step: what layers carry from pass to pass, such as the noise of Dropout, stays as it is.
        """
        with self._same_state():
            self.compute_gradient(x, t, sample_weight=sample_weight)
        return {name: array.copy() for name, array in self.grads.items()}

    def compute_gradient(
        self,
        x: Any,
        t: npt.ArrayLike,
        *,
        training: bool = True,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Array:
        """Fill `grads` by one forward and one backward pass and return the loss."""
        loss = self.loss(x, t, training=training, sample_weight=sample_weight)
        self._run_back(self._loss().backward(1.0))
        return loss

    def numerical_gradient(
        self,
        x: Any,
        t: npt.ArrayLike,
        h: float | None = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> dict[str, Array]:
        """The same gradient by central differences, in float64 whatever the network's dtype.

        Slow: two losses for every parameter. Works on a float64 copy, so a float32 network is
        measured without float32's rounding.
        """
        from zerokara.gradient import numerical_gradient

        shadow = self.astype(np.float64)

        def loss(_: Array) -> Array:
            with shadow._same_state():
                return shadow.loss(x, t, training=True, sample_weight=sample_weight)

        return {name: numerical_gradient(loss, array, h) for name, array in shadow.params.items()}

    def astype(self, dtype: npt.DTypeLike) -> Self:
        """A copy of the network, parameters and state included, in another float dtype."""
        # Nodes in graph order, each after its inputs: a copy of the last one alone would recurse
        # through the whole graph.
        memo: dict[int, Any] = {}
        for node in self.nodes:
            copy.deepcopy(node, memo)
        twin = copy.deepcopy(self, memo)
        twin.dtype = _network_dtype(dtype)
        for layer in twin.layers.values():
            layer.clear()
            for key, array in layer.state.items():
                layer.state.bind(key, array.astype(dtype) if array.dtype.kind == "f" else array)
        twin.flat_params, twin.flat_grads = move_to_buffers(twin.layers.values(), twin.dtype)
        for name, layer, key in twin._named_parameters():
            twin.params.bind(name, layer.params[key])
            twin.grads.bind(name, layer.grads[key])
        return twin

    def copy(self) -> Self:
        """An independent copy of the network."""
        return self.astype(self.dtype)

    def summary(self) -> Summary:
        """A table: layer, output shape, parameters, multiply-adds of one sample."""
        return Summary.of(self)

    def parameter_name(self, layer_name: str, key: str) -> str:
        """What a layer's parameter is called in `params`; models of the book override it."""
        return f"{layer_name}.{key}"

    def __getstate__(self) -> dict[str, Any]:
        # A program is bound to this very network's buffers: a copy makes its own.
        fresh = {"_inference": None, "_asked_for_inference": False, "trace": Trace()}
        return self.__dict__ | fresh

    def _repr_svg_(self) -> str | None:
        # How a notebook shows it.
        return Network.picture(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self.layers)} layers, {self.flat_params.size} params>"

    def _named_parameters(self) -> list[tuple[str, Layer, str]]:
        return [
            (self.parameter_name(name, key), layer, key)
            for name, layer in self.layers.items()
            for key in layer.params
        ]

    def _loss(self) -> Loss:
        if self.loss_layer is None:
            raise ArgumentError(
                f"{self!r} has no loss; give one when it is made, such as loss=SoftmaxWithLoss()"
            )
        return self.loss_layer

    @contextlib.contextmanager
    def _same_state(self) -> Iterator[None]:
        """Put back, at the end, what the layers carry from pass to pass."""
        kept = [
            (array, array.copy())
            for layer in self.layers.values()
            for array in layer.state.values()
        ]
        try:
            yield
        finally:
            for array, before in kept:
                array[...] = before

    def _adopt_layers(self) -> None:
        for layer in self.layers.values():
            if layer.adopted:
                raise ArgumentError(
                    f"{layer!r} already belongs to a network, whose buffer holds its parameters; "
                    "make a new layer, or copy the network with .copy()"
                )
        for layer in self.layers.values():
            layer.adopted = True

    def convert_inputs(
        self, x: Any, named: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Array], bool]:
        """Inputs by name as batches of the network's dtype, and whether one sample was given.

        Raises:
            ArgumentError, ShapeError, DtypeError: as `forward`.
        """
        return as_batches(self, self.inputs, self.dtype, x, named or {})

    def _run(self, feeds: Mapping[str, Array], training: bool, keep: bool = False) -> Array:
        values: dict[Node, Array] = {}
        for node in self.nodes:
            if isinstance(node, Input):
                values[node] = feeds[node.name]
            elif isinstance(node, Constant):
                values[node] = np.asarray(node.value, self.dtype)
            elif node.layer is not None:
                arguments = [values[source] for source in node.inputs]
                values[node] = node.layer.forward(*arguments, training=training)
        if keep:
            self.trace.keep_values(values)
        return values[self.output]

    def _run_back(self, dout: Array) -> dict[str, Array]:
        arriving: dict[Node, Array] = {self.output: dout}
        for node in reversed(self.nodes):
            if node.layer is None or node not in arriving:
                continue
            dout = arriving.pop(node)
            self.trace.keep_gradient(node, dout)
            leaving = node.layer.backward(dout)
            if not isinstance(leaving, tuple):
                leaving = (leaving,)
            for source, gradient in zip(node.inputs, leaving, strict=True):
                # A new array each time: a layer may have handed out dout itself to two sides.
                arriving[source] = arriving[source] + gradient if source in arriving else gradient
        for node in self.inputs.values():
            self.trace.keep_gradient(node, arriving[node])
        return {node.name: arriving[node] for node in self.inputs.values()}


def _network_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    chosen = np.dtype(dtype)
    if chosen not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise DtypeError(f"Network: dtype must be float32 or float64, got {chosen}")
    return chosen


Network.inference_compiler = staticmethod(lambda network: None)
Network.picture = staticmethod(lambda network: None)
