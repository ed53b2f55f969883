"""Checking a file's classes inside the child process: read it, make each, examine, tell."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from zerokara._types import Array, Shape
from zerokara.check.blame import blame
from zerokara.check.book import input_names, misspelt, own_copy, takes_targets
from zerokara.check.doctor import Examination, examine, retry_loss
from zerokara.check.factory import candidates, looks_like_images
from zerokara.check.findings import Finding
from zerokara.check.targets import drawn_targets
from zerokara.errors import ArgumentError
from zerokara.layers import Layer, Loss
from zerokara.network import Network

USUAL_INPUT: Shape = (4, 3)
USUAL_IMAGES: Shape = (3, 2, 4, 6)


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


def load(file: str) -> ModuleType:
    """Run the user's file as a module, as `python FILE` would but for its main part."""
    path = Path(file).resolve()
    sys.path.insert(0, str(path.parent))
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else "checked"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{file}: not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def names_in(module: ModuleType) -> list[str]:
    """The classes of a module that have forward or backward, or a name that looks like one."""
    found = []
    for name, kind in vars(module).items():
        if isinstance(kind, type) and kind.__module__ == module.__name__:
            if kind in (Layer, Loss, Network) or issubclass(kind, Network) or _is_base(kind):
                continue
            has = [callable(getattr(kind, each, None)) for each in ("forward", "backward")]
            near = [misspelt(kind, each) for each in ("forward", "backward")]
            if any(has) or all(near):
                found.append(name)
    return found


def _is_base(kind: type) -> bool:
    """A layer that leaves forward or backward to those derived from it."""
    if inspect.isabstract(kind):
        return True
    return issubclass(kind, Layer) and (
        kind.forward is Layer.forward and kind.backward is Layer.backward
    )


def check_name(module: ModuleType, name: str, request: Request) -> Examination:
    """Examine one class (or object) of the module.

    Raises:
        ArgumentError: no such name, or arguments that cannot be guessed.
    """
    if not hasattr(module, name):
        near = ", ".join(names_in(module)) or "no class with a forward"
        raise ArgumentError(f"{request.file} has no {name}; it has {near}")
    thing = getattr(module, name)
    file = str(Path(request.file).resolve())
    kind = thing if isinstance(thing, type) else type(thing)
    shapes = _input_shapes(kind, thing, request)
    if not isinstance(thing, type):
        made: list[Callable[[Any], Any]] = [lambda dtype: own_copy(thing)]
    else:
        choices = candidates(
            thing,
            shapes,
            {key: tuple(shape) for key, shape in request.arrays.items()},
            request.values,
            request.seed,
            np.float64,
        )
        made = [partial(_make, thing, given) for given in choices]
    made = made[:1] + [make for make in made[1:] if len(made) > 1]
    found = None
    for make in made:
        found = _at_inputs(make, kind, name, shapes, request, file)
        if found.report is not None:
            break
    assert found is not None
    return found


def _at_inputs(
    make: Callable[[Any], Any],
    kind: type,
    name: str,
    shapes: tuple[Shape, ...],
    request: Request,
    file: str,
) -> Examination:
    inputs = _draw(shapes, request.seed)
    is_loss = (
        bool(request.target)
        or issubclass(kind, Loss)
        or (
            callable(getattr(kind, "forward", None)) and takes_targets(kind.forward)  # type: ignore[attr-defined]
        )
    )
    said = "input " + ", ".join("x".join(map(str, shape)) or "a number" for shape in shapes)
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
    retry_loss(make, worst, inputs[0], target, others, request.seed)
    return worst


def _how_far(found: Examination) -> int:
    """0 where gradients were measured, 1 where a rule was broken, 2 where an error was raised."""
    if found.report is not None:
        return 0
    return 2 if {"shapes do not fit", "error in the code"} & set(found.causes) else 1


def _input_shapes(kind: type, thing: Any, request: Request) -> tuple[Shape, ...]:
    given = tuple(tuple(shape) for shape in request.inputs)
    if not given:
        given = (USUAL_IMAGES if looks_like_images(kind) else USUAL_INPUT,)
    forward = getattr(kind, "forward", None)
    if callable(forward) and not issubclass(kind, Layer):
        names = [name for name in input_names(forward) if name != "self"]
        required = [
            name
            for name in names
            if inspect.signature(forward).parameters[name].default is inspect.Parameter.empty
        ]
        if len(given) == 1 and len(required) > 1:
            given = given * len(required)
        if names and len(given) > len(names):
            raise ArgumentError(
                f"--input was given {len(given)} times; {kind.__name__}.forward takes "
                f"{len(names)}: {', '.join(names)}"
            )
        if len(given) < len(required):
            raise ArgumentError(
                f"{kind.__name__}.forward takes {', '.join(required)}: add --input for "
                f"{required[len(given)]}"
            )
    elif callable(forward) and getattr(kind, "__name__", "") in ("Add", "Mul") and len(given) == 1:
        given = given * 2
    return given


def _draw(shapes: tuple[Shape, ...], seed: int) -> tuple[Array, ...]:
    """Both signs, and away from 0, where many functions have a kink."""
    rng = np.random.default_rng(seed)
    return tuple(
        np.asarray(rng.uniform(0.1, 2.0, shape) * rng.choice([-1.0, 1.0], shape))
        for shape in shapes
    )


def _make(kind: Callable[..., Any], arguments: dict[str, Any], dtype: Any) -> Any:
    return kind(**_cast(arguments, dtype))


def _cast(arguments: dict[str, Any], dtype: Any) -> dict[str, Any]:
    return {
        name: value.astype(dtype) if isinstance(value, np.ndarray) else value
        for name, value in arguments.items()
    }


def failed_import(error: BaseException, file: str) -> Examination:
    """An examination of a file that does not even run."""
    path = str(Path(file).resolve())
    return Examination(Path(file).name, defects=[blame(error, "running the file", path)])
