"""Checking one class of a file: which inputs and arguments to try, and what came of it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from zerokara._types import Array, Shape
from zerokara.check.book import input_names, own_copy, takes_targets
from zerokara.check.doctor import Examination, examine, retry_loss
from zerokara.check.factory import candidates, looks_like_images
from zerokara.check.findings import BrokenError, Finding
from zerokara.check.loading import names_in
from zerokara.check.nets import examine_network
from zerokara.check.targets import drawn_targets
from zerokara.errors import ArgumentError
from zerokara.layers import Layer, Loss
from zerokara.network import Network

USUAL_INPUT: Shape = (4, 3)
USUAL_IMAGES: Shape = (3, 2, 4, 6)
USUAL_SEQUENCES: Shape = (3, 4, 2)


@dataclass(frozen=True)
class Request:
    """What the command line asked for; every field is something that JSON can hold."""

    file: str
    names: list[str] | None = None
    inputs: list[list[int]] = field(default_factory=list)
    arrays: dict[str, list[int]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    target: str | None = None
    seed: int = 0


def check_name(module: ModuleType, name: str, request: Request) -> Examination:
    """Examine one class (or object) of the module.

    Raises:
        ArgumentError: no such name, arguments that cannot be guessed, or guessed shapes that
            forward does not take.
    """
    if not hasattr(module, name):
        near = ", ".join(names_in(module)) or "no class with a forward"
        raise ArgumentError(f"{request.file} has no {name}; it has {near}")
    thing = getattr(module, name)
    kind = thing if isinstance(thing, type) else type(thing)
    if issubclass(kind, Network):
        return _check_network(thing, kind, name, request)
    first: Examination | None = None
    for shapes in _input_shapes(kind, request):
        for arguments in _arguments(thing, kind, shapes, request):
            found = _at_inputs(thing, arguments, kind, name, shapes, request)
            if found.report is not None or not _may_be_the_shapes(found):
                return found
            first = first or found
    assert first is not None
    if request.inputs:
        return first
    raise ArgumentError(
        f"{name} does not take the shapes that were guessed ({first.conditions}): "
        f"{first.defects[0]}. Give --input SHAPE and, for what the constructor takes, --array "
        "NAME=SHAPE or --value NAME=VALUE"
    )


def _may_be_the_shapes(found: Examination) -> bool:
    """Whether it broke down in forward, or before, on arrays of shapes that do not fit."""
    first = found.defects[0] if found.defects else None
    fits = first is None or first.cause != "shapes do not fit"
    return not fits and not str(first).startswith("backward ")


def _arguments(
    thing: Any, kind: type, shapes: tuple[Shape, ...], request: Request
) -> list[dict[str, Any]]:
    """What to call the constructor with, the likeliest first; nothing for an object."""
    if not isinstance(thing, type):
        if not hasattr(thing, "forward") and not hasattr(thing, "backward"):
            raise ArgumentError(
                f"expected a class or an object with forward and backward, got a {kind.__name__}"
            )
        own_copy(thing)  # refused here, where that is no verdict
        return [{}]
    arrays = {key: tuple(shape) for key, shape in request.arrays.items()}
    return candidates(kind, shapes, arrays, request.values, request.seed, np.float64)


def _check_network(thing: Any, kind: type, name: str, request: Request) -> Examination:
    asked = tuple(tuple(shape) for shape in request.inputs)
    if isinstance(thing, Network):
        return examine_network(thing, name, asked, request.seed, request.target)
    shapes = asked or (USUAL_IMAGES if "input_dim" in request.values else USUAL_INPUT,)
    arguments = _arguments(thing, kind, shapes, request)[0]
    try:
        net = kind(**arguments)
    except TypeError as error:
        raise ArgumentError(f"{name} cannot be made with {arguments}: {error}") from None
    return examine_network(net, name, asked, request.seed, request.target)


def _at_inputs(
    thing: Any,
    arguments: dict[str, Any],
    kind: type,
    name: str,
    shapes: tuple[Shape, ...],
    request: Request,
) -> Examination:
    make = partial(_make, thing, arguments)
    file = str(Path(request.file).resolve())
    inputs = _draw(shapes, request.seed)
    is_loss = (
        bool(request.target)
        or issubclass(kind, Loss)
        or (
            callable(getattr(kind, "forward", None)) and takes_targets(kind.forward)  # type: ignore[attr-defined]
        )
    )
    said = _in_words(shapes, arguments)
    if not is_loss:
        found = examine(make, inputs, seed=request.seed, file=file, label=name)
        if found.report is None and found.causes == ["NaN or infinite"]:
            inputs = tuple(np.abs(x) + 0.25 for x in inputs)
            again = examine(make, inputs, seed=request.seed, file=file, label=name)
            if again.report is not None:
                found = again
                said += ", positive numbers alone"
        found.conditions = said
        return found
    targets = drawn_targets(inputs[0], request.seed)
    if request.target is not None and request.target in targets:
        kinds = [request.target]
    else:
        kinds = list(targets)
    tried: dict[str, Examination] = {}
    for target in kinds:
        found = examine(make, inputs, targets[target], seed=request.seed, file=file, label=name)
        found.conditions = f"{said}, targets: {target}"
        tried[target] = found
        if found.ok:
            break
    right = [target for target, found in tried.items() if found.ok]
    if right:
        best = tried[right[0]]
        for target, other in tried.items():
            # An error says at once that such targets are not taken; wrong numbers say nothing.
            if other.report is not None and target == "labels" and right[0] == "one-hot":
                best.defects.append(
                    Finding(
                        f"wrong numbers for {target}, and no error: it takes them for {right[0]}",
                        f"{target} taken for {right[0]}",
                        "t",
                    )
                )
        if right[0] != kinds[0] and not best.defects:
            best.notes.append(Finding(f"takes {right[0]}; {kinds[0]} do not fit it"))
        return best
    # The one that got furthest tells most.
    target = min(kinds, key=lambda each: _how_far(tried[each]))
    worst = tried[target]
    others = {each: t for each, t in targets.items() if each != target and each != "values"}
    if worst.report is None or not worst.report.ok:
        retry_loss(make, worst, inputs[0], target, others, request.seed)
    return worst


def _how_far(found: Examination) -> int:
    """0 where gradients were measured, 1 where a rule was broken, 2 where an error was raised."""
    if found.report is not None:
        return 0
    return 2 if {"shapes do not fit", "error in the code"} & set(found.causes) else 1


def _input_shapes(kind: type, request: Request) -> list[tuple[Shape, ...]]:
    """The shapes that were asked for; else those worth a try, the likeliest first."""
    given = tuple(tuple(shape) for shape in request.inputs)
    forward = getattr(kind, "forward", None)
    if not callable(forward):
        return [given or (USUAL_INPUT,)]
    usual = [USUAL_INPUT, USUAL_IMAGES, USUAL_SEQUENCES]
    if looks_like_images(kind):
        usual = [USUAL_IMAGES, USUAL_INPUT]
    if issubclass(kind, Layer):
        count = len(input_names(forward)) - 1  # without self; Add and Mul take any number
        takes_many = any(
            each.kind is inspect.Parameter.VAR_POSITIONAL
            for each in inspect.signature(forward).parameters.values()
        )
        count = 2 if takes_many else max(count, 1)
        return [given] if given else [(each,) * count for each in usual]
    parameters = inspect.signature(forward).parameters
    names = [name for name in input_names(forward) if name != "self"]
    required = [name for name in names if parameters[name].default is inspect.Parameter.empty]
    if names and len(given) > len(names):
        raise ArgumentError(
            f"--input was given {len(given)} times; {kind.__name__}.forward takes "
            f"{len(names)}: {', '.join(names)}"
        )
    if len(given) == 1:
        given = given * max(len(required), 1)
    if given and len(given) < len(required):
        raise ArgumentError(
            f"{kind.__name__}.forward takes {', '.join(required)}: add --input for "
            f"{required[len(given)]}"
        )
    return [given] if given else [(each,) * max(len(required), 1) for each in usual]


def _in_words(shapes: tuple[Shape, ...], arguments: dict[str, Any]) -> str:
    """What forward and the constructor were given."""
    said = ["input " + ", ".join("x".join(map(str, shape)) or "a number" for shape in shapes)]
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            said.append(f"{name} " + ("x".join(map(str, value.shape)) or "a number"))
        elif isinstance(value, (bool, int, float, str)):
            said.append(f"{name}={value}")
    return ", ".join(said)


def _draw(shapes: tuple[Shape, ...], seed: int) -> tuple[Array, ...]:
    """Both signs, and away from 0, where many functions have a kink."""
    rng = np.random.default_rng(seed)
    return tuple(
        np.asarray(rng.uniform(0.1, 2.0, shape) * rng.choice([-1.0, 1.0], shape))
        for shape in shapes
    )


def _make(thing: Any, arguments: dict[str, Any], dtype: Any) -> Any:
    """A new object: of a class by its constructor, of an object by a copy."""
    if not isinstance(thing, type):
        return own_copy(thing)
    cast = {
        name: value.astype(dtype) if isinstance(value, np.ndarray) else value
        for name, value in arguments.items()
    }
    try:
        return thing(**cast)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise  # from within the constructor
        said = f"{thing.__name__}({', '.join(cast)}) cannot be made: {error}"
        raise BrokenError(Finding(said, "wrong signature", "__init__")) from None
