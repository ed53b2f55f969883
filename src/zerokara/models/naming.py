"""The book's parameter names: W1, b1 for the first layer that has a W, gamma1 for a gamma, ..."""

from __future__ import annotations

import os
from typing import Any

from zerokara._types import Array
from zerokara.models.weights import copy_weights, read_weights, write_weights
from zerokara.sequential import Sequential


class BookModel(Sequential):
    """A straight network that goes by the book's names and can be made again from `arguments`."""

    arguments: dict[str, Any]  #: what the constructor was given, as JSON can hold it

    def parameter_name(self, layer_name: str, key: str) -> str:
        learned = [name for name, layer in self.layers.items() if key in layer.params]
        return f"{key}{learned.index(layer_name) + 1}"

    def load_params(self, path: str | os.PathLike[str]) -> None:
        """Take all parameters from a file, by the book's names, in the network's own dtype.

        Running means and variances are taken too where the file holds them (running_mean1,
        running_var1, ...), and else stay as they are.

        Args:
            path: a pickle such as the book's, from which nothing is run, or a .safetensors file.

        Raises:
            ModelFileError: no such file, damaged, something else than arrays in it, or names or
                shapes that are not the network's. The network is then as it was.
        """
        given = read_weights(path)
        running = self._running()
        wanted = dict(self.params)
        if any(name in given for name in running):
            wanted |= running
        copy_weights(path, given, wanted)

    def save_params(self, path: str | os.PathLike[str]) -> None:
        """Write all parameters by their names, and running means and variances like them.

        `zk.save` writes the architecture too.

        Args:
            path: ends in .safetensors.

        Raises:
            ArgumentError: another ending. Pickles are read and never written.
            ModelFileError: the file cannot be written.
        """
        write_weights(path, dict(self.params) | self._running())

    def _running(self) -> dict[str, Array]:
        """What normalizations keep beside their parameters, by names of the book's kind."""
        kept = [layer for layer in self.layers.values() if "running_mean" in layer.state]
        return {
            f"{key}{place}": layer.state[key]
            for place, layer in enumerate(kept, 1)
            for key in ("running_mean", "running_var")
        }
