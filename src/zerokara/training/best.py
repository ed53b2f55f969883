"""Best: the best model so far, in memory and, where there is a run directory, on the disk."""

from __future__ import annotations

from pathlib import Path

from zerokara._types import Array
from zerokara.network import Network


class Best:
    """Keeps a copy of the parameters and the layers' state of the best epoch.

    Args:
        net: the network that is trained.
        path: the model file to write at each improvement, or None.
    """

    def __init__(self, net: Network, path: Path | None) -> None:
        self.net = net
        self.path = path
        self.epoch: int | None = None
        self.score = -float("inf")
        self.measure = ""  #: what the score is, in words
        self._params = net.flat_params[:0]
        self._state: dict[tuple[str, str], Array] = {}

    def offer(self, epoch: int, score: float, measure: str) -> None:
        """Keep the network as it is now if its score is the greatest so far."""
        if self.epoch is not None and not score > self.score:
            return
        self._params = self.net.flat_params.copy()
        self._state = {
            (name, key): array.copy()
            for name, layer in self.net.layers.items()
            for key, array in layer.state.items()
        }
        self.epoch, self.score, self.measure = epoch, score, measure
        self.write()

    def restore(self) -> None:
        """Put the best model back into the network, if an epoch was kept."""
        if self.epoch is None:
            return
        self.net.flat_params[...] = self._params
        for (name, key), array in self._state.items():
            self.net.layers[name].state[key] = array

    def write(self) -> None:
        """Write the network as it is now to the model file, if there is one."""
        if self.path is not None:
            from zerokara.interop.safetensors import save

            save(self.net, self.path)
