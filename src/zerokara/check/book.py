"""A class of the user's own as a subject: book style, with attributes or with dictionaries."""

from __future__ import annotations

import copy
import difflib
import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.check.findings import BrokenError, Finding
from zerokara.check.noise import Noise, attributes
from zerokara.check.subjects import Subject, as_gradients, as_numbers, as_output
from zerokara.errors import ArgumentError

MODES = ("training", "train_flg", "train", "is_training", "train_flag", "train_mode")
TARGETS = ("t", "target", "targets", "label", "labels", "y_true", "answer", "teacher")
GRADIENT_NAMES = ("d{}", "grad_{}", "{}_grad", "g{}", "d_{}")
LEARNED = re.compile(r"(W|b|w|weights?|bias|gamma|beta)\d*|W[xh]|W_?\w{1,2}")
NOT_LEARNED = {"x", "y", "t", "out", "dout", "mask", "loss", "running_mean", "running_var"}


class BookSubject(Subject):
    """An object with forward and backward, and gradients in dW, db or in grads.

    Args:
        thing: the object; this subject owns and changes it.
        inputs: the inputs of forward.
        t: targets of a loss, or None.
        training: given to forward where it has a switch such as train_flg.
        dtype: of all float arrays.
    """

    def __init__(
        self, thing: Any, inputs: tuple[Any, ...], t: Any, training: bool, dtype: npt.DTypeLike
    ) -> None:
        super().__init__(type(thing).__name__)
        recast(thing, np.dtype(dtype))
        self.thing = thing
        self.noise = Noise(thing)
        self.forward = method(thing, "forward")
        self.backward = method(thing, "backward")
        self.options = {
            name: training for name in MODES if name in inspect.signature(self.forward).parameters
        }
        self.is_loss = t is not None
        if t is not None:
            given = np.array(t)
            self.fixed["t"] = given.astype(dtype) if given.dtype.kind == "f" else given
        names = input_names(self.forward)
        if len(names) < len(inputs):
            names = [f"x{place + 1}" for place in range(len(inputs))]
        self.inputs = names[: len(inputs)]
        moving = {
            name: as_numbers(name, value, dtype)
            for name, value in zip(self.inputs, inputs, strict=True)
        }
        self.takes_dout = bool(inspect.signature(self.backward).parameters)
        _callable_with(self.forward, (*self.inputs, *self.fixed), self.options)
        _callable_with(self.backward, ("dout",) if self.takes_dout else (), {})
        self.scalar = False
        self.left_out: list[str] = []  # arrays that may be parameters, and have no gradient
        self.getters = self._parameters(moving)
        self.arrays = moving | {name: array for name, (array, _) in self.getters.items()}

    def output(self) -> Array:
        """One forward pass; a new array."""
        given = [self.arrays[name] for name in self.inputs]
        self.noise.repeat()
        out = self.forward(*given, *self.fixed.values(), **self.options)
        numbers = as_output(out)
        self.scalar = numbers.ndim == 0
        return numbers

    def gradients(self, dout: Array) -> dict[str, Any]:
        """One backward pass: copies of the gradients by the names of `arrays`."""
        # One number goes in as a number, as by backward(1).
        answer = self.backward(dout[()] if self.scalar else dout) if self.takes_dout else None
        if not self.takes_dout:
            answer = self.backward()
        parts = tuple(answer) if isinstance(answer, (tuple, list)) else (answer,)
        if answer is None:
            parts = (None,) * len(self.inputs)
        elif self.is_loss and len(parts) == len(self.inputs) + 1:
            parts = parts[:-1]  # a gradient of the targets, which nobody uses
        if len(parts) != len(self.inputs):
            raise BrokenError(
                Finding(
                    f"backward returned {len(parts)} gradients for {len(self.inputs)} inputs",
                    "wrong number of gradients",
                    "backward",
                )
            )
        found = dict(zip(self.inputs, parts, strict=True))
        return as_gradients(found | {name: get() for name, (_, get) in self.getters.items()})

    def _parameters(self, moving: dict[str, Array]) -> dict[str, tuple[Array, Callable[[], Any]]]:
        """Parameter name to its array and to what fetches its gradient."""
        held, thing = attributes(self.thing), self.thing
        params = held.get("params")
        if isinstance(params, dict) and params and hasattr(thing, "grads"):
            return {
                _free(str(key), moving): (value, partial(_held, thing, key))
                for key, value in params.items()
                if _is_float(value)
            }
        if isinstance(params, (list, tuple)) and params and hasattr(thing, "grads"):
            names = {id(value): name for name, value in held.items() if _is_float(value)}
            return {
                _free(names.get(id(value), f"params[{place}]"), moving): (
                    value,
                    partial(_held, thing, place),
                )
                for place, value in enumerate(params)
                if _is_float(value)
            }
        after = _attributes_after_backward(self, moving)
        found: dict[str, tuple[Array, Callable[[], Any]]] = {}
        for name, value in held.items():
            if not _is_float(value) or name in NOT_LEARNED or name in self.inputs:
                continue
            kept = [form.format(name) for form in GRADIENT_NAMES if form.format(name) in after]
            if kept or LEARNED.fullmatch(name):
                place = kept[0] if kept else f"d{name}"
                found[name] = (value, partial(getattr, thing, place, None))
            else:
                self.left_out.append(name)
        return found


def method(thing: Any, name: str) -> Callable[..., Any]:
    """A method by its name.

    Raises:
        BrokenError: there is none, and which other name looks like it.
    """
    found = getattr(thing, name, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    kind = type(thing).__name__
    near = misspelt(type(thing), name)
    if near:
        raise BrokenError(
            Finding(
                f"{kind} has no {name}, but a method {near}: misspelt, rename it to {name}",
                "misspelt method",
                near,
            )
        )
    raise BrokenError(Finding(f"{kind} has no {name}", "method missing", name))


def _callable_with(call: Callable[..., Any], names: tuple[str, ...], options: Any) -> None:
    signature = inspect.signature(call)
    try:
        signature.bind(*names, **options)
    except TypeError as error:
        name = call.__name__
        said = f"{name}{signature} cannot be called as {name}({', '.join(names)}): {error}; "
        if "too many" in str(error):
            said += "is self missing in its definition?"
        elif name == "backward":
            said += "remember in forward what else it needs, as in self.x = x"
        else:
            said += "give an --input for each array that it takes"
        raise BrokenError(Finding(said, "wrong signature", name)) from None


def misspelt(kind: type, name: str) -> str | None:
    """A method whose name looks like a slip of `name`."""
    others = [key for key in dir(kind) if not key.startswith("__") and key != name]
    others = [key for key in others if key not in ("forward", "backward")]
    near = difflib.get_close_matches(name, others, 1, 0.75)
    return near[0] if near else None


def input_names(forward: Callable[..., Any]) -> list[str]:
    """The names of forward's inputs, without targets and switches."""
    usual = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [
        name
        for name, parameter in inspect.signature(forward).parameters.items()
        if parameter.kind in usual and name not in MODES and name not in TARGETS
    ]


def takes_targets(forward: Callable[..., Any]) -> bool:
    """Whether forward has a parameter for targets: it is a loss."""
    return any(name in TARGETS for name in inspect.signature(forward).parameters)


def own_copy(thing: Any) -> Any:
    """A deep copy.

    Raises:
        ArgumentError: the object cannot be copied.
    """
    try:
        return copy.deepcopy(thing)
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        raise ArgumentError(
            f"gradcheck: {type(thing).__name__} cannot be copied ({error}), and a check must not "
            "change what it is given; check its class with: zerokara check FILE:NAME"
        ) from None


def recast(thing: Any, dtype: np.dtype[Any]) -> None:
    """Put float arrays of that dtype in the place of others; an array held twice stays one."""
    swapped: dict[int, tuple[Array, Array]] = {}
    for name, value in attributes(thing).items():
        fresh = _recast(value, dtype, swapped)
        if fresh is not value:
            setattr(thing, name, fresh)


def _recast(value: Any, dtype: np.dtype[Any], swapped: dict[int, tuple[Array, Array]]) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.dtype != dtype:
        # The old array is kept beside the new one, or its id could be given to another.
        return swapped.setdefault(id(value), (value, value.astype(dtype)))[1]
    if type(value) is dict:
        for key, item in value.items():
            value[key] = _recast(item, dtype, swapped)
    elif type(value) is list:
        value[:] = [_recast(item, dtype, swapped) for item in value]
    elif type(value) is tuple:
        return tuple(_recast(item, dtype, swapped) for item in value)
    return value


def _attributes_after_backward(subject: BookSubject, moving: dict[str, Array]) -> set[str]:
    """What attributes a copy has after one pass; those of now where that fails."""
    thing = subject.thing
    here = set(attributes(thing))
    try:
        twin = copy.deepcopy(thing)
        given = [array.copy() for array in moving.values()]
        Noise(twin).repeat()
        with np.errstate(all="ignore"):
            out = twin.forward(*given, *subject.fixed.values(), **subject.options)
            if subject.takes_dout:
                twin.backward(np.ones_like(out)[()])
            else:
                twin.backward()
    except Exception:  # the check proper comes to the same place and tells of it
        return here
    return here | set(attributes(twin))


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size > 0


def _held(thing: Any, key: Any) -> Any:
    try:
        return thing.grads[key]
    except (KeyError, IndexError, TypeError):
        return None


def _free(name: str, taken: dict[str, Array]) -> str:
    return f"params.{name}" if name in taken else name
