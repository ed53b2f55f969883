"""What `diagnose` says: findings with a level, a place, a sentence and what to do."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Literal

Level = Literal["wrong", "doubtful"]

WIDTH = 80


@dataclass(frozen=True)
class Symptom:
    """One finding about a network and its data.

    Attributes:
        level: ``"wrong"`` where training will fail or mislead, ``"doubtful"`` where it may.
        where: ``"x"``, ``"t"``, ``"loss"`` or a layer's name.
        sentence: what was found, with its numbers.
        advice: what to do.
    """

    level: Level
    where: str
    sentence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.level}: {self.where}: {self.sentence}. {self.advice}."


@dataclass(frozen=True)
class Diagnosis:
    """The result of `diagnose`; true when nothing was found.

    Attributes:
        subject: the network in words.
        findings: what is wrong or doubtful, the surest first.
        facts: what was looked at and is well, in words.
    """

    subject: str
    findings: tuple[Symptom, ...]
    facts: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        count = len(self.findings)
        verdict = "healthy" if self.ok else f"{count} finding{'s' if count > 1 else ''}"
        lines = [f"diagnosis of {self.subject}: {verdict}"]
        for each in self.findings:
            lines += textwrap.wrap(str(each), WIDTH, initial_indent="  ", subsequent_indent="    ")
        for fact in self.facts:
            lines += textwrap.wrap(
                f"looked at: {fact}", WIDTH, initial_indent="  ", subsequent_indent="    "
            )
        return "\n".join(lines)
