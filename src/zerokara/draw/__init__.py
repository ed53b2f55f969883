"""Pictures: what a training did, and what a network looks like.

The package can be called: `zerokara.draw(net)` is `zerokara.draw.graph.draw(net)`, and
`zerokara.draw.plots` is still a module of it.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerokara.draw.drawing import Drawing


class _CallablePackage(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Drawing:
        from zerokara.draw.graph import draw

        return draw(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage
