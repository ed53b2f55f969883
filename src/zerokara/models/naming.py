"""The book's parameter names: W1, b1 for the first layer that has parameters, W2, b2, ..."""

from __future__ import annotations

import os
from typing import Any

from zerokara.models.weights import copy_weights, read_weights, write_weights
from zerokara.sequential import Sequential


class BookModel(Sequential):
    """A straight network that goes by the book's names and can be made again from `arguments`."""

    arguments: dict[str, Any]  #: what the constructor was given, as JSON can hold it

    def parameter_name(self, layer_name: str, key: str) -> str:
        learned = [name for name, layer in self.layers.items() if layer.params]
        return f"{key}{learned.index(layer_name) + 1}"

    def load_params(self, path: str | os.PathLike[str]) -> None:
        """Take all parameters from a file, by the book's names, in the network's own dtype.

        Args:
            path: a pickle such as the book's, from which nothing is run, or a .safetensors file.

        Raises:
            ModelFileError: no such file, damaged, something else than arrays in it, or names or
                shapes that are not the network's. The network is then as it was.
        """
        copy_weights(path, read_weights(path), self.params)

    def save_params(self, path: str | os.PathLike[str]) -> None:
        """Write all parameters by their names; `zk.save` writes the architecture too.

        Args:
            path: ends in .safetensors.

        Raises:
            ArgumentError: another ending. Pickles are read and never written.
            ModelFileError: the file cannot be written.
        """
        write_weights(path, self.params)
