"""The table that `Network.summary` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zerokara.network import Network

HEADINGS = ("layer", "kind", "output shape", "parameters", "multiply-adds")


class Summary(str):
    """A text that shows itself in a console without `print`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    @classmethod
    def of(cls, network: Network) -> Summary:
        """The table of a network's layers; shapes and multiply-adds are those of one sample."""
        rows = []
        names = {layer: name for name, layer in network.layers.items()}
        total = 0
        for node in network.nodes:
            layer = node.layer
            if layer is None:
                continue
            source = network.shapes[node.inputs[0]] if node.inputs else ()
            shape = network.shapes[node]
            count = sum(array.size for array in layer.params.values())
            work = layer.multiply_adds(source, shape)
            total += work
            rows.append((names[layer], repr(layer), str(shape), f"{count:,}", f"{work:,}"))
        if network.loss_layer is not None:
            rows.append(("loss", repr(network.loss_layer), "()", "0", "0"))
        end = (
            "total",
            "",
            str(network.output_shape),
            f"{network.flat_params.size:,}",
            f"{total:,}",
        )
        widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, end, strict=True)]
        rule = "  ".join("-" * width for width in widths)
        lines = [_line(HEADINGS, widths), rule, *(_line(row, widths) for row in rows), rule]
        inputs = ", ".join(f"{name} {node.shape}" for name, node in network.inputs.items())
        return cls("\n".join([f"input: {inputs}", *lines, _line(end, widths), *_kept(network)]))


def _kept(network: Network) -> list[str]:
    """A line for the numbers that layers keep without learning them, where there are any."""
    # Not the seed and the count of Dropout, which are no numbers of the model.
    arrays = [
        (key, array.size)
        for layer in network.layers.values()
        for key, array in layer.state.items()
        if array.dtype.kind == "f"
    ]
    if not arrays:
        return []
    names = ", ".join(dict.fromkeys(key for key, _ in arrays))
    return [f"kept, not learned: {sum(size for _, size in arrays):,} ({names})"]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers (the last two columns) to the right."""
    padded = [
        cell.rjust(width) if place >= len(cells) - 2 else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
