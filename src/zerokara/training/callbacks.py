"""Callback: what a user's code may do while `fit` runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerokara.training.run import Run


class Callback:
    """Override what is needed; every method gets the `Run`, and setting ``run.stop`` ends it.

    `fit` calls its callbacks in the order in which they were given. One that counts something, and
    should go on counting when a killed training is resumed, has `state` and `restore` as well.
    """

    #: Whether `on_step_end` is wanted. Training then goes step by step, which is slower.
    every_step: bool = False

    def on_train_begin(self, run: Run) -> None:
        """Before the first step, when all arguments have been checked."""

    def on_chunk_end(self, run: Run) -> None:
        """After some steps, about ten times a second: for showing progress."""

    def on_step_end(self, run: Run) -> None:
        """After every step, where `every_step` is True."""

    def on_epoch_end(self, run: Run) -> None:
        """After an epoch, its evaluation and the writing of its files."""

    def on_train_end(self, run: Run) -> None:
        """At the end, also after Ctrl-C and when training failed."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it, as JSON can hold it; asked for between two steps."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave, before `on_train_begin`."""
