"""What a check says of a mistake: a sentence, the short name of its cause, and the array."""

from __future__ import annotations

from typing import Any, Self

UNKNOWN = "cause unknown"


class Finding(str):
    """A sentence that knows which cause it names.

    Attributes:
        cause: a short name, such as ``"sign flipped"``; ``"cause unknown"`` where none was found.
        where: the array it is about, or an empty string.
    """

    cause: str
    where: str

    def __new__(cls, sentence: str, cause: str = UNKNOWN, where: str = "") -> Self:
        """A sentence with its cause."""
        made = super().__new__(cls, sentence)
        made.cause = cause
        made.where = where
        return made

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]
        return str(self), self.cause, self.where

    def as_json(self) -> dict[str, Any]:
        """The three parts under their names."""
        return {"sentence": str(self), "cause": self.cause, "where": self.where}

    @classmethod
    def from_json(cls, parts: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        return cls(str(parts["sentence"]), str(parts["cause"]), str(parts["where"]))


class BrokenError(Exception):
    """A checked object broke a rule so that nothing more can be measured of it."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding
