"""The doctor: everything that is checked of one class, gathered into one examination."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.check import probes
from zerokara.check.blame import blame
from zerokara.check.book import BookSubject
from zerokara.check.findings import BrokenError, Finding
from zerokara.check.gradcheck import report_of
from zerokara.check.measuring import Measured, Settings, measure_all
from zerokara.check.report import Report
from zerokara.check.subjects import LayerSubject, Subject
from zerokara.layers import Layer

OTHER_CLASSES = 10
"""With so many classes a loss works that has the digits' ten written into it."""


@dataclass
class Examination:
    """What the doctor found.

    Attributes:
        label: the class.
        report: the measured gradients; None where nothing could be measured.
        defects: what is wrong, each with its likely cause.
        notes: what is worth knowing and no defect.
        conditions: at which inputs it was looked at.
    """

    label: str
    report: Report | None = None
    defects: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    conditions: str = ""

    @property
    def ok(self) -> bool:
        """Whether no defect was found and the gradients could be measured."""
        return not self.defects and self.report is not None and self.report.ok

    @property
    def verdict(self) -> str:
        """RIGHT, WRONG, or NOT PROVEN where nothing contradicts and too little is shown."""
        return "WRONG" if self.defects else "RIGHT" if self.ok else "NOT PROVEN"

    @property
    def causes(self) -> list[str]:
        """The short names of the causes, the surest first."""
        return list(dict.fromkeys(defect.cause for defect in self.defects))


def subject_of(thing: Any, inputs: tuple[Any, ...], t: Any, training: bool, dtype: Any) -> Subject:
    """A subject around an object that the subject may change."""
    if isinstance(thing, Layer):
        given = inputs if t is None else (*inputs, t)
        return LayerSubject(thing, given, training, 0, dtype)
    return BookSubject(thing, inputs, t, training, dtype)


def examine(
    make: Callable[[npt.DTypeLike], Any],
    inputs: tuple[Array, ...],
    t: Any = None,
    *,
    seed: int = 0,
    file: str | None = None,
    label: str | None = None,
) -> Examination:
    """Check one class in every way that the doctor knows.

    Args:
        make: makes a new object of it with float arrays of a dtype: a layer, a loss, or any
            object with forward and backward.
        inputs: of forward, float arrays whose first axis is the batch.
        t: targets of a loss, or None.
        seed: of the output gradients and directions.
        file: where the class is written, for errors inside it.
        label: what to call it, instead of its own name.
    """
    found = Examination(label or "?")
    try:
        thing = make(np.float64)
        found.label = label or type(thing).__name__
        contract = isinstance(thing, Layer)
        for training in (True, False):

            def fresh(
                inputs: tuple[Array, ...] = inputs,
                t: Any = t,
                dtype: npt.DTypeLike = np.float64,
                training: bool = training,
            ) -> Subject:
                return subject_of(make(dtype), inputs, t, training, dtype)

            measured = _measure(fresh, seed)
            if not any(problem.cause == "not repeatable" for problem in measured.problems):
                break
            found.notes.append(
                Finding("draws fresh noise in training, so it was looked at with training off")
            )
        else:
            found.notes.clear()
        found.report = report_of(found.label, measured, Settings().tolerance)
        found.defects += measured.causes + measured.problems
        explained = {cause.where for cause in measured.causes}
        found.defects += [
            Finding(f"{row.worst}", where=row.name)
            for row in found.report.rows
            if row.wrong and row.name not in explained
        ]
    except (Exception, SystemExit) as error:
        found.defects.append(blame(error, "the check at these inputs", file))
        return found
    _ask_further(found, fresh, inputs, t, seed, contract, file)
    return found


def _measure(fresh: Callable[[], Subject], seed: int) -> Measured:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        subject = fresh()
        first = subject.output()
        if not np.all(np.isfinite(first)):
            raise BrokenError(
                Finding(
                    "forward gives NaN or infinity for ordinary numbers: nothing to measure",
                    "NaN or infinite",
                    "forward",
                )
            )
        return measure_all(fresh(), np.random.default_rng(seed), Settings(), fresh)


def _ask_further(
    found: Examination,
    make: Callable[..., Subject],
    inputs: tuple[Array, ...],
    t: Any,
    seed: int,
    contract: bool,
    file: str | None,
) -> None:
    """The side questions; those about values only where the values are right so far."""

    def ask(doing: str, question: Callable[[], list[Finding] | None], strict: bool = True) -> None:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answer = question() or []
        except (Exception, SystemExit) as error:
            answer = [blame(error, doing, file)]
        (found.defects if strict else found.notes).extend(answer)

    wrong = bool(found.defects)
    if not any(defect.cause == "dout ignored" for defect in found.defects):
        ask("backward", lambda: probes.dout_honoured(make, inputs, t, seed))
    try:
        with np.errstate(all="warn"):
            worse, notes = probes.large_inputs(make, inputs, t)
        found.defects += worse
        found.notes += notes
    except (Exception, SystemExit) as error:
        found.defects.append(blame(error, "with inputs of about 10,000, it", file))
    if wrong:
        return
    batch = {len(x) if x.ndim else 0 for x in inputs}
    if len(batch) == 1 and 0 not in batch:
        alone = len(inputs) == 1  # two matrices of a product share no batch axis
        ask("a batch of one", lambda: probes.batch_of_one(make, inputs, t, seed), alone)
        ask("an empty batch", lambda: probes.empty_batch(make, inputs, t), False)
    ask("with zeros and ties, it", lambda: probes.ties(make, inputs, t, seed))
    ask("with float32, it", lambda: probes.float32(make, inputs, t), contract)


def retry_loss(
    make: Callable[[npt.DTypeLike], Any],
    found: Examination,
    x: Array,
    target: str,
    others: dict[str, Any],
    seed: int,
) -> None:
    """Why a loss with targets is wrong: it takes others, or another number of classes.

    Args:
        make: as for `examine`.
        found: a wrong examination; its surest cause is put first where one is found.
        x: the scores, (N, C).
        target: what kind of targets it was given.
        others: targets of the other kinds by their names.
        seed: as for `examine`.
    """
    if x.ndim != 2:
        return
    rng = np.random.default_rng(seed)
    wide = rng.standard_normal((len(x), OTHER_CLASSES))
    labels = rng.integers(0, OTHER_CLASSES, len(x))
    t = np.eye(OTHER_CLASSES)[labels] if target == "one-hot" else labels
    hopeful = target != "values" and x.shape[1] != OTHER_CLASSES
    if hopeful and _values_right(make, wide, t, seed):
        said = f"right with 10 classes, and wrong with {x.shape[1]}: 10 is written into it"
        found.defects.insert(0, Finding(said, "class count hard-coded", "t"))
        return
    for kind, t in others.items():
        if _values_right(make, x, t, seed):
            said = f"right with {kind}, and wrong with {target}: it takes {target} for {kind}"
            name = f"{target} taken for {kind}"
            found.defects.insert(0, Finding(said, name, "t"))
            return


def _values_right(make: Callable[[npt.DTypeLike], Any], x: Array, t: Any, seed: int) -> bool:
    try:
        found = _measure(lambda: subject_of(make(np.float64), (x,), t, True, np.float64), seed)
    except (Exception, SystemExit):
        return False
    return not found.problems and report_of("", found, 1e-7).ok
