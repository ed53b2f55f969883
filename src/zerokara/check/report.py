"""What `gradcheck` found, entry by entry, and how it tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from zerokara._types import Array
from zerokara.check.findings import Finding
from zerokara.errors import ZerokaraError

Index = tuple[int, ...] | str
Verdict = Literal["right", "wrong", "kink"]

HEADINGS = ("array", "shape", "measured", "right", "wrong", "at a kink", "worst error")


class GradientError(ZerokaraError, AssertionError):
    """A gradient was measured and is wrong; the message is the report."""


@dataclass(frozen=True)
class Entry:
    """One measured slope: what backpropagation says beside what the difference says.

    Attributes:
        name: the array, such as ``"x"`` or ``"affine1.W"``.
        index: the place in it, or ``"direction 3"``.
        analytic, numeric: the two numbers; at a kink `numeric` is the mean of both sides' slopes.
        error: their relative difference; infinite where one of them is NaN or infinite.
        verdict: right, wrong, or at a kink, where there is no slope to compare with.
    """

    name: str
    index: Index
    analytic: float
    numeric: float
    error: float
    verdict: Verdict

    def __str__(self) -> str:
        place = self.index if isinstance(self.index, str) else list(self.index)
        return (
            f"{self.name} at {place}: backward says {self.analytic:.9g}, the numerical "
            f"derivative is {self.numeric:.9g} (relative error {self.error:.1e})"
        )


@dataclass(frozen=True)
class Row:
    """What was found for one array.

    Attributes:
        measured: ``"every entry"``, or what was drawn of a large array.
        right, wrong, kinks: how many slopes ended so.
        worst: the greatest error away from kinks; None if all lie at kinks.
        analytic: the whole gradient as `backward` gave it.
        numeric: the measured one, NaN where nothing was measured.
        order: by which power of the step the Taylor remainder shrinks: 2 beside a right gradient,
            1 beside a wrong one; None where it is all rounding, as for a linear function.
    """

    name: str
    shape: tuple[int, ...]
    measured: str
    right: int
    wrong: int
    kinks: int
    worst: Entry | None
    analytic: Array = field(repr=False, compare=False)
    numeric: Array = field(repr=False, compare=False)
    order: float | None = None


@dataclass(frozen=True)
class Report:
    """The result of `gradcheck`; as a truth value it is `ok`, so that it can be asserted.

    Attributes:
        subject: what was checked.
        rows: one for each input and parameter.
        problems: rules of the layer contract that were broken, in words.
        tolerance: the relative error that was allowed.
        causes: for each wrong gradient the likely mistake, or that it is unknown.
    """

    subject: str
    rows: tuple[Row, ...]
    problems: tuple[Finding, ...]
    tolerance: float
    causes: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every slope agrees, no rule is broken and something could be measured."""
        return (
            bool(self.rows)
            and not self.problems
            and all(row.wrong == 0 and row.right > 0 for row in self.rows)
        )

    @property
    def worst(self) -> Entry | None:
        """The slope with the greatest error away from kinks; None if there is none."""
        found = [row.worst for row in self.rows if row.worst is not None]
        return max(found, key=lambda entry: entry.error, default=None)

    @property
    def kinks(self) -> int:
        """How many slopes lie at a kink and prove nothing."""
        return sum(row.kinks for row in self.rows)

    def raise_if_wrong(self) -> None:
        """Do nothing if all is well.

        Raises:
            GradientError: with this report as its message.
        """
        if not self.ok:
            raise GradientError(str(self))

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        wrong = self.problems or any(row.wrong for row in self.rows)
        verdict = "WRONG" if wrong else "right" if self.ok else "NOT PROVEN"
        lines = [f"gradient check of {self.subject}: {verdict}"]
        if self.rows:
            lines += _table([HEADINGS, *(_cells(row) for row in self.rows)])
        lines += [f"wrong: {row.worst}" for row in self.rows if row.wrong]
        lines += [f"wrong: {problem}" for problem in self.problems]
        lines += [f"likely cause: {cause}" for cause in self.causes]
        lines += [
            f"not proven: every slope of {row.name} lies at a kink; check it at other values"
            for row in self.rows
            if not row.right and not row.wrong
        ]
        if self.kinks:
            lines.append(
                f"note: {self.kinks} slopes lie at a kink, where the two sides disagree and "
                "there is nothing to compare with"
            )
        lines += [
            f"note: all gradients of {row.name} are 0, on both sides: that proves little"
            for row in self.rows
            if row.right and not row.wrong and not row.analytic.any()
        ]
        return "\n".join([*lines, f"allowed: relative error {self.tolerance:g}"])


def _cells(row: Row) -> tuple[str, ...]:
    worst = "-" if row.worst is None else f"{row.worst.error:.1e}"
    return (
        row.name,
        str(row.shape),
        row.measured,
        str(row.right),
        str(row.wrong),
        str(row.kinks),
        worst,
    )


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
