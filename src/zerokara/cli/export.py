"""``zerokara export``: a trained network as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerokara.cli import rundir
from zerokara.errors import ArgumentError, DataError, ModelFileError

if TYPE_CHECKING:
    from zerokara.interop.onnx import Preprocessing
    from zerokara.network import Network

ENDINGS = {"onnx": ".onnx", "safetensors": "-torch.safetensors"}


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A run directory, or a .safetensors file.", show_default=False
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="onnx|safetensors",
            help="safetensors: weights by PyTorch's names and in its layouts.",
        ),
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="By default MODEL.onnx or MODEL-torch.safetensors."
        ),
    ] = None,
    pixels: Annotated[
        bool,
        typer.Option(
            "--pixels",
            help="ONNX that takes pixels as bytes (uint8): the scaling of the training, else "
            "1/255, goes into the file.",
        ),
    ] = False,
    mean: Annotated[
        str | None,
        typer.Option(
            "--mean", metavar="M[,M...]", help="Taken off inside the file; one for all or each."
        ),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option("--std", metavar="S[,S...]", help="Divided by inside the file, after --mean."),
    ] = None,
    scores: Annotated[
        bool,
        typer.Option("--scores", help="Only the network's scores, no label and probabilities."),
    ] = False,
) -> None:
    """Write a network for other programs, and compare ONNX Runtime's answers with its own.

    The class names of a run directory stand in the ONNX file's metadata.

    \b
    Examples:
      zerokara export runs/mnist --to onnx
      zerokara export runs/mnist --pixels --out mnist.onnx
      zerokara export net.safetensors --to safetensors
    """
    from zerokara.interop.safetensors import load

    if to not in ENDINGS:
        raise ArgumentError(f"--to: expected {' or '.join(ENDINGS)}, got {to!r}")
    if to != "onnx" and (pixels or scores or mean is not None or std is not None):
        raise ArgumentError("--pixels, --mean, --std and --scores are for --to onnx")
    numbers = {"mean": _numbers("--mean", mean), "std": _numbers("--std", std)}
    path = _model_file(model)
    out = path.with_name(path.stem + ENDINGS[to]) if out is None else out
    if out.suffix != f".{to}":
        raise ArgumentError(f"--out {out}: must end in .{to}")
    if out.exists() and out.samefile(path):
        raise ArgumentError(f"--out {out}: is the model itself")
    net = load(path)
    if to == "onnx":
        _to_onnx(net, path, out, pixels, numbers, scores)
    else:
        from zerokara.interop import torch_names

        torch_names.save(net, out)
    typer.echo(out)


def _to_onnx(
    net: Network, path: Path, out: Path, pixels: bool, numbers: dict[str, Any], scores: bool
) -> None:
    from zerokara.interop import onnx

    config = rundir.read_config(path.with_name(rundir.CONFIG)) or {}
    done = onnx.save(
        net,
        out,
        classes=None if scores else _classes(config, net),
        preprocessing=_preprocessing(pixels, numbers, config),
        scores=scores,
    )
    typer.echo(done)


def _preprocessing(
    pixels: bool, numbers: dict[str, Any], config: dict[str, Any]
) -> Preprocessing | None:
    from zerokara.interop.onnx import Preprocessing

    if pixels:
        scale = config.get("input_scale", 1 / 255)
        return Preprocessing("uint8", scale, **numbers)
    if any(value is not None for value in numbers.values()):
        return Preprocessing(**numbers)
    return None


def _classes(config: dict[str, Any], net: Network) -> list[str] | None:
    """The class names beside the model, where they fit it."""
    names = config.get("classes")
    if names is None:
        return None
    if not isinstance(names, list) or len(names) != net.output_shape[-1:][0]:
        raise DataError(
            f"{rundir.CONFIG}: its classes do not fit the model beside it; delete the file to go "
            "on without it"
        )
    return [str(name) for name in names]


def _numbers(option: str, text: str | None) -> float | list[float] | None:
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentError(
            f"{option}: expected numbers with commas between, got {text!r}"
        ) from None
    return values[0] if len(values) == 1 else values


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
