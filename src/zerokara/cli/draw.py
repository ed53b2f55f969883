"""``zerokara draw``: a network's computational graph as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zerokara.cli import datasets, rundir
from zerokara.errors import ArgumentError, ModelFileError

if TYPE_CHECKING:
    from zerokara.network import Network


def draw(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A run directory, or a .safetensors file.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="An .svg or .png file; by default MODEL-graph.svg."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAME",
            help="Show values and gradients of a test image: digits, mnist or fashion-mnist.",
        ),
    ] = None,
    index: Annotated[
        int | None, typer.Option("--index", metavar="I", help="Which image, from 0. Default: 0.")
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option("--data-dir", metavar="FOLDER", help="Where that data set's files are."),
    ] = None,
) -> None:
    """Draw a network: its layers with shapes and parameters, and, with --data, gradients.

    \b
    Examples:
      zerokara draw runs/20250101-120000-digits-two-layer
      zerokara draw net.safetensors --out net.png
      zerokara draw runs/mnist --data mnist --index 7
    """
    from zerokara.draw.drawing import check_ending
    from zerokara.draw.graph import draw as draw_graph
    from zerokara.interop.safetensors import load

    if data is None and (index is not None or data_dir is not None):
        raise ArgumentError("--index and --data-dir say which image of --data; give that too")
    if data is not None:
        datasets.data_set(data)
    path = _model_file(model)
    out = path.with_name(f"{path.stem}-graph.svg") if out is None else out
    check_ending("--out", out)
    net = load(path)
    if data is not None:
        _pass(net, data, index or 0, data_dir)
    draw_graph(net, out)
    typer.echo(out)


def _model_file(model: str) -> Path:
    path = Path(model)
    if not path.is_dir():
        return path
    if not (path / rundir.MODEL).exists():
        raise ModelFileError(
            f"{model}: no run directory, it holds no {rundir.MODEL}; "
            "give one that zerokara train wrote, or a .safetensors file"
        )
    return path / rundir.MODEL


def _pass(net: Network, data: str, index: int, root: str | None) -> None:
    """One forward and backward pass of a test image, whose numbers the picture then shows."""
    import numpy as np

    flatten = len(next(iter(net.inputs.values())).shape) == 1
    x, t = datasets.load(data, flatten=flatten, root=root)[1]
    if not 0 <= index < len(t):
        raise ArgumentError(f"--index {index}: {data} has test images 0 to {len(t) - 1}")
    net.compute_gradient(np.asarray(x[index : index + 1]), t[index : index + 1])
