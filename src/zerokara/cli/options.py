"""The options of ``zerokara train``: what config.json keeps, and what they mean."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerokara.cli import datasets, nets
from zerokara.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from zerokara.data.augment import Augment
    from zerokara.optimizers import Optimizer
    from zerokara.schedules import Schedule

SAMPLINGS = ("shuffle", "choice")
DTYPES = ("float32", "float64")
SCHEDULES = "constant, cosine, one-cycle, or step:EVERY[:FACTOR]"
AUGMENTS = ("shift", "rotate", "zoom", "elastic", "smooth", "flip")


@dataclass(frozen=True)
class Options:
    """One field an option; None is what suits data, network or optimizer."""

    data: str
    net: str
    data_dir: str | None = None
    hidden: int | None = None
    depth: int | None = None
    dropout: float | None = None
    epochs: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    accumulate: int = 1
    optimizer: str | None = None
    lr: float | None = None
    weight_decay: float | None = None
    clip_norm: float | None = None
    schedule: str = "constant"
    warmup: int = 0
    sampling: str = "shuffle"
    augment: str | None = None
    validation: float | None = None
    validation_seed: int | None = None
    patience: int | None = None
    seed: int = 0
    dtype: str = "float32"
    checkpoint_seconds: float = 30.0
    checkpoint_steps: int | None = None

    def filled(self) -> Options:
        """With what suits, where nothing was said.

        Raises:
            ArgumentError: an option that means nothing.
        """
        known, choice = datasets.data_set(self.data), nets.net(self.net)
        _one_of("--sampling", self.sampling, SAMPLINGS)
        _one_of("--dtype", self.dtype, DTYPES)
        for name, value in (("--depth", self.depth), ("--dropout", self.dropout)):
            if value is not None and not choice.deep:
                raise ArgumentError(f"{name} is not for --net {self.net}; take --net multi-layer")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ArgumentError(f"--dropout must be from 0 to below 1, got {self.dropout}")
        if self.validation_seed is not None and self.validation is None:
            raise ArgumentError("--validation-seed draws what --validation keeps out; give both")
        epochs, steps = self.epochs, self.steps
        if epochs is not None and steps is not None:
            raise ArgumentError("--epochs and --steps both say how long to train; give one of them")
        if epochs is None and steps is None:
            epochs, steps = (choice.epochs, None) if choice.epochs else (known.epochs, known.steps)
        if self.patience is not None and self.validation is None:
            raise ArgumentError(
                "--patience needs samples to judge by; add --validation 0.1, a share of the "
                "training data"
            )
        filled = replace(
            self,
            epochs=epochs,
            steps=steps,
            hidden=choice.hidden if self.hidden is None else self.hidden,
            batch_size=known.batch_size if self.batch_size is None else self.batch_size,
            optimizer=self.optimizer or choice.optimizer,
        )
        rule = filled.rule()
        filled.variants()
        return replace(filled, optimizer=type(rule).__name__, lr=rule.base_lr)

    def rule(self) -> Optimizer:
        """The optimizer, with its schedule."""
        from zerokara.optimizers import OPTIMIZERS, SGD

        by_name = {known.lower(): kind for known, kind in OPTIMIZERS.items()}
        name = self.optimizer or ""
        if name.lower() not in by_name:
            *first, last = OPTIMIZERS
            raise ArgumentError(
                f"--optimizer {name!r} is unknown; expected {', '.join(first)} or {last}"
            )
        kind = by_name[name.lower()]
        lr = self.lr
        if lr is None:
            of_sgd = datasets.data_set(self.data).lr
            lr = of_sgd if kind is SGD else inspect.signature(kind).parameters["lr"].default
        shared: dict[str, Any] = {"clip_norm": self.clip_norm, "schedule": self._schedule()}
        if self.weight_decay is not None:
            shared["weight_decay"] = self.weight_decay
        return kind(lr=lr, **shared)

    def _schedule(self) -> Schedule | None:
        from zerokara.schedules import Cosine, OneCycle, StepDecay, Warmup

        form, *words = self.schedule.split(":")
        chosen: Schedule | None = None
        try:
            if form == "step" and 1 <= len(words) <= 2:
                chosen = StepDecay(int(words[0]), *(float(word) for word in words[1:]))
            elif words or form not in ("constant", "cosine", "one-cycle"):
                raise ValueError
            elif form != "constant":
                chosen = Cosine() if form == "cosine" else OneCycle()
        except ArgumentError as error:
            raise ArgumentError(f"--schedule {self.schedule}: {error}") from None
        except ValueError:
            raise ArgumentError(
                f"--schedule {self.schedule!r} is unknown; expected {SCHEDULES}"
            ) from None
        return Warmup(self.warmup, chosen) if self.warmup else chosen

    def variants(self) -> Augment | None:
        """What varies the images."""
        from zerokara.data.augment import Augment

        if self.augment is None:
            return None
        numbers: dict[str, Any] = {}
        for word in self.augment.split(","):
            name, _, value = word.strip().partition("=")
            try:
                number = float(value)
            except ValueError:
                number = float("nan")
            if name not in AUGMENTS or number != number:
                raise ArgumentError(
                    f"--augment {word.strip()!r}: expected NAME=NUMBER, separated by commas, with "
                    f"the names {', '.join(AUGMENTS)}"
                )
            numbers[name] = number
        return Augment(**numbers)


def read_options(found: Any, path: Path) -> Options:
    """The options that config.json keeps.

    Raises:
        DataError: unknown ones, or values of another kind.
    """
    if not isinstance(found, Mapping):
        raise DataError(f"{path}: holds no options of a training")
    kinds = {each.name: str(each.type) for each in fields(Options)}
    for name, value in found.items():
        if name not in kinds:
            raise DataError(f"{path}: option {name!r} is unknown to this version")
        allowed = {"str": (str,), "int": (int,), "float": (int, float)}
        wanted = kinds[name].split(" | ")
        fits = value is None and "None" in wanted
        if not fits and (isinstance(value, bool) or not isinstance(value, allowed[wanted[0]])):
            raise DataError(f"{path}: option {name!r} must be {kinds[name]}, got {value!r:.60}")
    if not {"data", "net"} <= found.keys():
        raise DataError(f"{path}: does not say data and net")
    return Options(**found)


def _one_of(option: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ArgumentError(f"{option} {given!r} is unknown; expected {' or '.join(known)}")
