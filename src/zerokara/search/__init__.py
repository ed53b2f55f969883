"""Search: good hyperparameters by trial (the book's section 6.5), with Optuna.

`search` tries; what it leaves is a folder that says everything, and a `Result`. Optuna is the extra
``zerokara[search]``, imported when a search begins.
"""

from __future__ import annotations

from zerokara.search.result import Result, Tried
from zerokara.search.running import search

__all__ = ["Result", "Tried", "search"]
