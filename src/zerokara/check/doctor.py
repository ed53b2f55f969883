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
from zerokara.check.noise import kept_noise
from zerokara.check.report import Report
from zerokara.check.subjects import LayerSubject, Subject
from zerokara.layers import Layer

OTHER_CLASSES = 10
"""With so many classes a loss works that has the digits' ten written into it."""

HARMLESS = 1e-4
"""A loss may be off by so much where a constant such as 1e-7 stands in its logarithm."""

IN_THE_LOGARITHM = (
    "off by up to {:.0e} of an entry, as a constant such as 1e-7 inside the logarithm makes it, "
    "which backward leaves out: harmless"
)

NOT_WITHOUT_TRAINING = (
    "and with training off nothing can be measured: {}. Let it draw from np.random, or from a "
    "generator that it keeps"
)


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

    def take(self, report: Report) -> None:
        """Make the report of the gradients part of it, and what is wrong there a defect."""
        self.report = report
        found = [*report.causes, *report.problems]
        self.defects += sorted(found, key=_depth)
        explained = {cause.where for cause in report.causes}
        self.defects += [
            Finding(f"{row.worst}", where=row.name)
            for row in report.rows
            if row.wrong and row.name not in explained
        ]

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


def _depth(finding: Finding) -> int:
    """What is overwritten, and a dout that is ignored, spoil other numbers too: told first."""
    if finding.cause.endswith("overwritten"):
        return 0
    return 1 if finding.cause == "dout ignored" else 2


def subject_of(thing: Any, inputs: tuple[Any, ...], t: Any, training: bool, dtype: Any) -> Subject:
    """A subject around an object that the subject may change."""
    if isinstance(thing, Layer):
        given = inputs if t is None else (*inputs, t)
        return LayerSubject(thing, given, training, 0, dtype)
    return BookSubject(thing, inputs, t, training, dtype)


@kept_noise()
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

            tolerance = Settings().tolerance
            try:
                measured = _measure(fresh, seed, tolerance)
            except Exception as error:
                if not found.notes:
                    raise
                # Without training a backward need not work, as that of a Dropout.
                found.notes.append(Finding(NOT_WITHOUT_TRAINING.format(blame(error, "", file))))
                return found
            if not any(problem.cause == "not repeatable" for problem in measured.problems):
                break
            found.notes.append(
                Finding("draws fresh noise in training, so it was looked at with training off")
            )
        else:
            found.notes.clear()
        report = report_of(found.label, measured, tolerance)
        if t is not None and not contract and not report.ok and not report.problems:
            lenient = report_of(found.label, _measure(fresh, seed, HARMLESS), HARMLESS)
            if lenient.ok and lenient.worst is not None:
                report, tolerance = lenient, HARMLESS
                found.notes.append(Finding(IN_THE_LOGARITHM.format(lenient.worst.error)))
        found.take(report)
        subject = fresh()
        if isinstance(subject, BookSubject) and subject.left_out:
            names = ", ".join(subject.left_out)
            found.notes.append(Finding(f"no gradient is kept for {names}, so it was not measured"))
    except (Exception, SystemExit) as error:
        found.defects.append(blame(error, "", file))
        return found
    _ask_further(found, fresh, inputs, t, seed, contract, file, tolerance)
    return found


def _measure(fresh: Callable[[], Subject], seed: int, tolerance: float) -> Measured:
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
        return measure_all(fresh(), np.random.default_rng(seed), Settings(tolerance), fresh)


def _ask_further(
    found: Examination,
    make: Callable[..., Subject],
    inputs: tuple[Array, ...],
    t: Any,
    seed: int,
    contract: bool,
    file: str | None,
    tolerance: float,
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
        ask("with twice the dout", lambda: probes.dout_honoured(make, inputs, t, seed))
    try:
        with np.errstate(all="warn"):
            worse, notes = probes.large_inputs(make, inputs, t)
        found.defects += worse
        found.notes += notes
    except (Exception, SystemExit) as error:
        found.defects.append(blame(error, "with inputs of about 10,000", file))
    if wrong:
        return
    batch = {len(x) if x.ndim else 0 for x in inputs}
    if len(batch) == 1 and 0 not in batch:
        alone = len(inputs) == 1  # two matrices of a product share no batch axis
        ask(
            "with a batch of one",
            lambda: probes.batch_of_one(make, inputs, t, seed, tolerance),
            alone,
        )
        ask("with an empty batch", lambda: probes.empty_batch(make, inputs, t), False)
    ask("with zeros and ties", lambda: probes.ties(make, inputs, t, seed, tolerance))
    ask("with float32", lambda: probes.float32(make, inputs, t), contract)


@kept_noise()
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
        found = _measure(
            lambda: subject_of(make(np.float64), (x,), t, True, np.float64), seed, HARMLESS
        )
    except (Exception, SystemExit):
        return False
    return not found.problems and report_of("", found, HARMLESS).ok
