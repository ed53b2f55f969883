"""What an estimator's constructor was given, looked at when it fits: layers, optimizer, numbers."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from zerokara._types import Shape
from zerokara.errors import ArgumentError, DtypeError
from zerokara.layers import (
    ELU,
    GELU,
    Affine,
    Identity,
    Layer,
    LeakyReLU,
    Loss,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from zerokara.optimizers import OPTIMIZERS, Optimizer
from zerokara.schedules import SCHEDULES, Schedule
from zerokara.sequential import Sequential
from zerokara.training.callbacks import Callback

ACTIVATIONS: dict[str, type[Layer]] = {
    "elu": ELU,
    "gelu": GELU,
    "identity": Identity,
    "leaky_relu": LeakyReLU,
    "logistic": Sigmoid,  # scikit-learn's word
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "silu": SiLU,
    "softplus": Softplus,
    "tanh": Tanh,
}
"""What `activation` may be."""


def make_network(
    estimator: Any, input_shape: Shape, outputs: int, loss: Loss, dtype: Any, seed: int
) -> Sequential:
    """The estimator's network, with `outputs` scores.

    Raises:
        ArgumentError, DtypeError, ShapeError: layers or sizes that do not fit.
    """
    where = type(estimator).__name__
    if estimator.layers is not None:
        hidden = _copies(where, estimator.layers)
    else:
        kind = one_of(where, "activation", estimator.activation, ACTIVATIONS)
        hidden = []
        for size in hidden_sizes(where, estimator.hidden_layer_sizes):
            hidden += [Affine(size), kind()]
    last = hidden[-1] if hidden else None
    if isinstance(last, Affine):
        if last.outputs != outputs:
            raise ArgumentError(
                f"{where}: layers ends in {last!r}, and the targets need {outputs} outputs; "
                "leave the last Affine out, and the right one is added"
            )
    else:
        hidden.append(Affine(outputs))
    return Sequential(hidden, input_shape, loss=loss, rng=seed, dtype=dtype)


def words_of_layers(estimator: Any) -> str:
    """The parameters that a network is made from, for a warm start to compare."""
    if estimator.layers is not None:
        return f"layers={list(estimator.layers)!r}, input_shape={estimator.input_shape!r}"
    return (
        f"hidden_layer_sizes={estimator.hidden_layer_sizes!r}, activation={estimator.activation!r}"
    )


def hidden_sizes(where: str, given: Any) -> list[int]:
    """`hidden_layer_sizes` as a list: a number, or a row of them."""
    row = [given] if isinstance(given, int | np.integer) else given
    try:
        sizes = [operator.index(size) for size in row]
    except TypeError:
        sizes = [0]
    if any(size < 1 for size in sizes) or isinstance(given, bool | str):
        raise ArgumentError(
            f"{where}: hidden_layer_sizes must hold whole numbers from 1, such as (100, 50), "
            f"got {given!r}"
        )
    return sizes


def _copies(where: str, given: Any) -> list[Layer]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise DtypeError(
            f"{where}: layers must be a list of layers, such as [zk.Affine(50), zk.ReLU()], "
            f"got {type(given).__name__}"
        )
    for layer in given:
        if not isinstance(layer, Layer) or isinstance(layer, Loss):
            hint = f"; make one with {layer.__name__}(...)" if isinstance(layer, type) else ""
            raise DtypeError(f"{where}: layers holds {layer!r:.60}, which is no layer{hint}")
    # The list is the user's: the network gets layers of its own, at each fit anew.
    return [copy.deepcopy(layer) for layer in given]


def make_optimizer(estimator: Any) -> Optimizer:
    """A new optimizer: the one named or given, with the rate, schedule and so on given beside it.

    Raises:
        ArgumentError, DtypeError: an unknown name, no optimizer, a number out of its range.
    """
    where, given = type(estimator).__name__, estimator.optimizer
    beside = {
        "lr": estimator.lr,
        "weight_decay": estimator.weight_decay,
        "clip_norm": estimator.clip_norm,
        "schedule": _schedule(where, estimator.schedule),
    }
    overrides = {name: value for name, value in beside.items() if value is not None}
    if isinstance(given, Optimizer):
        arguments = given.config() | {"schedule": given.schedule} | overrides
        return type(given)(**arguments)
    names = {name.lower(): kind for name, kind in OPTIMIZERS.items()}
    if not isinstance(given, str):
        raise DtypeError(
            f"{where}: optimizer must be a name ({', '.join(names)}) or an optimizer such as "
            f"zk.Adam(lr=0.01), got {given!r:.60}"
        )
    made: Optimizer = one_of(where, "optimizer", given, names)(**overrides)
    return made


def _schedule(where: str, given: Any) -> Schedule | None:
    if given is None or isinstance(given, Schedule):
        return given
    if not isinstance(given, str):
        raise DtypeError(
            f"{where}: schedule must be a schedule such as zk.schedules.Cosine(), or a name, "
            f"got {given!r:.60}"
        )
    # Those that need no argument.
    names = {name.lower(): SCHEDULES[name] for name in ("Constant", "Cosine", "OneCycle")}
    made: Schedule = one_of(where, "schedule", given.replace("-", "").replace("_", ""), names)()
    return made


def one_of(where: str, name: str, given: Any, choices: dict[str, Any]) -> Any:
    """What the name means, whatever its case."""
    found = choices.get(given.lower()) if isinstance(given, str) else None
    if found is None:
        raise ArgumentError(f"{where}: {name} must be one of {', '.join(choices)}, got {given!r}")
    return found


def whole(where: str, name: str, given: Any) -> int:
    """A whole number from 1."""
    if not isinstance(given, int | np.integer) or isinstance(given, bool) or given < 1:
        raise ArgumentError(f"{where}: {name} must be a whole number from 1, got {given!r}")
    return int(given)


def number(where: str, name: str, given: Any, below: float = math.inf) -> float:
    """A number of 0 or more, below a bound."""
    if (
        not isinstance(given, int | float | np.integer | np.floating)
        or isinstance(given, bool)
        or not 0 <= given < below
    ):
        bound = "and finite" if below == math.inf else f"and below {below:g}"
        raise ArgumentError(f"{where}: {name} must be 0 or more {bound}, got {given!r}")
    return float(given)


def batch_rows(where: str, given: Any, count: int) -> int:
    """Samples in a batch; 'auto' is a tenth of the samples, 50 at least and 200 at most."""
    if isinstance(given, str) and given == "auto":
        return min(200, max(50, count // 10))
    if isinstance(given, str):
        raise ArgumentError(
            f"{where}: batch_size must be 'auto' or a whole number from 1, got {given!r}"
        )
    return whole(where, "batch_size", given)


def network_dtype(where: str, given: Any, data: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that was asked for, or that of the data."""
    if given is None:
        return data
    chosen: np.dtype[Any]
    try:
        chosen = np.dtype(given)
    except TypeError:
        chosen = np.dtype(object)
    if chosen not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ArgumentError(f"{where}: dtype must be 'float32', 'float64' or None, got {given!r}")
    return chosen


def user_callbacks(where: str, given: Any) -> tuple[Callback, ...]:
    """`callbacks`: none, one, or a row of them."""
    row = () if given is None else (given,) if isinstance(given, Callback) else tuple(given)
    for callback in row:
        if not isinstance(callback, Callback):
            raise DtypeError(
                f"{where}: callbacks holds {callback!r:.60}, which is no "
                "zerokara.training.Callback; scikit-learn's own go to set_callbacks"
            )
    return row
