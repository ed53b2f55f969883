"""Best: the best model so far, in memory and, where there is a run directory, on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

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
        self.params = net.flat_params[:0]
        self.state: dict[tuple[str, str], Array] = {}

    def offer(self, epoch: int, score: float, measure: str) -> None:
        """Keep the network as it is now if its score is the greatest so far."""
        if self.epoch is not None and not score > self.score:
            return
        self.params = self.net.flat_params.copy()
        self.state = {key: array.copy() for key, array in layer_state(self.net).items()}
        self.epoch, self.score, self.measure = epoch, score, measure
        self.write()

    def restore(self) -> None:
        """Put the best model back into the network, if an epoch was kept."""
        if self.epoch is not None:
            fill(self.net, self.params, self.state)

    def write(self) -> None:
        """Write the network as it is now to the model file, if there is one."""
        if self.path is not None:
            from zerokara.interop.safetensors import save

            save(self.net, self.path)

    def write_again(self) -> None:
        """Write the best model to the model file, if there is one and it is gone."""
        if self.path is None or self.epoch is None or self.path.exists():
            return
        params = self.net.flat_params.copy()
        state = {key: array.copy() for key, array in layer_state(self.net).items()}
        try:
            self.restore()
            self.write()
        finally:
            fill(self.net, params, state)


def layer_state(net: Network) -> dict[tuple[str, str], Array]:
    """What the layers carry along beside parameters, by (layer, name)."""
    return {
        (name, key): array
        for name, layer in net.layers.items()
        for key, array in layer.state.items()
    }


def fill(net: Network, params: Array, state: dict[tuple[str, str], Array]) -> None:
    """Write parameters and state into the arrays that the network has."""
    np.copyto(net.flat_params, params)
    for (name, key), array in state.items():
        net.layers[name].state[key] = array
