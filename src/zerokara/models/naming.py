"""The book's parameter names: W1, b1 for the first layer that has parameters, W2, b2, ..."""

from __future__ import annotations

from typing import Any

from zerokara.sequential import Sequential


class BookModel(Sequential):
    """A straight network that goes by the book's names and can be made again from `arguments`."""

    arguments: dict[str, Any]  #: what the constructor was given, as JSON can hold it

    def parameter_name(self, layer_name: str, key: str) -> str:
        learned = [name for name, layer in self.layers.items() if layer.params]
        return f"{key}{learned.index(layer_name) + 1}"
