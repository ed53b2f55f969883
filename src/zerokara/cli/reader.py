"""A trained network with what it takes to read pictures: their size, scale and class names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from zerokara._types import Array, Shape
from zerokara.cli import rundir
from zerokara.errors import ArgumentError, DataError, ModelFileError, ShapeError

if TYPE_CHECKING:
    from zerokara.images import Picture
    from zerokara.network import Network

ROWS = 1024  # pictures of an IDX file that are asked about at a time


@dataclass(frozen=True)
class Answer:
    """What the network says of one picture."""

    image: str
    probabilities: dict[str, float]

    @property
    def best(self) -> str:
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def probability(self) -> float:
        return self.probabilities[self.best]

    def as_json(self) -> dict[str, Any]:
        return {
            "image": self.image,
            "class": self.best,
            "probability": self.probability,
            "probabilities": self.probabilities,
        }


@dataclass(frozen=True)
class Reader:
    """A network, the (height, width) of its pictures, the value of white, and its classes.

    A pixel of value ``white`` becomes ``white * scale``; training did the same.
    """

    net: Network
    size: Shape
    white: int
    scale: float
    classes: tuple[str, ...]
    note: Callable[[str], None]

    @classmethod
    def open(cls, model: str, *, note: Callable[[str], None]) -> Self:
        """Load a run directory, or a model file with the config.json beside it, if there is one.

        Args:
            model: the folder or the file.
            note: called with what had to be assumed.

        Raises:
            ModelFileError: the model is missing or damaged.
            DataError: config.json is damaged, or does not fit the model.
            ShapeError: the model does not take pictures.
        """
        from zerokara.interop.safetensors import load

        path = Path(model)
        if path.is_dir():
            path = path / rundir.MODEL
            if not path.exists():
                raise ModelFileError(
                    f"{model}: no run directory, it holds no {rundir.MODEL}; "
                    "give one that zerokara train wrote, or a .safetensors file"
                )
        net = load(path)
        size, outputs = _picture_size(net, path), math.prod(net.output_shape)
        beside = path.with_name(rundir.CONFIG)
        config = rundir.read_config(beside)
        if config is None:
            note(
                f"no {rundir.CONFIG} beside {path.name}: assuming that it was trained on pixels "
                "from 0 to 255 brought to 0 to 1"
            )
            return cls(net, size, 255, 1 / 255, tuple(map(str, range(outputs))), note)
        try:
            white, scale = int(config["input_white"]), float(config["input_scale"])
            classes = tuple(map(str, config["classes"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise DataError(
                f"{beside}: input_white, input_scale or classes is missing or damaged; "
                "delete the file to go on without it"
            ) from None
        if len(set(classes)) != outputs or not 1 <= white <= 255 or not 0 < scale < math.inf:
            raise DataError(
                f"{beside}: does not fit the model beside it ({outputs} classes); "
                "delete the file to go on without it"
            )
        return cls(net, size, white, scale, classes, note)

    def answer(self, reference: str, *, invert: bool) -> Iterator[Answer]:
        """What is on each picture of a PNG or IDX file.

        Raises:
            DataError, ArgumentError, ShapeError, MissingExtraError: as ``images.read_pictures`` and
                ``images.fit_size`` do.
        """
        from zerokara.images import read_pictures

        pictures = read_pictures(reference, background=255 if invert else 0)
        for start in range(0, len(pictures), ROWS):
            block = pictures[start : start + ROWS]
            x = np.stack([self._input(picture, invert) for picture in block])
            shape = next(iter(self.net.inputs.values())).shape
            for picture, row in zip(
                block, self.net.probabilities(x.reshape(-1, *shape)), strict=True
            ):
                chances = dict(zip(self.classes, map(float, row.ravel()), strict=True))
                yield Answer(picture.name, chances)

    def _input(self, picture: Picture, invert: bool) -> Array:
        from zerokara.images import fit_size

        fitted = fit_size(picture, self.size)
        if fitted is not picture:
            (height, width), (to_height, to_width) = picture.shape, self.size
            self.note(f"{picture.name}: resized from {width}x{height} to {to_width}x{to_height}")
        white = self.white if fitted.white is None else fitted.white
        if (brightest := int(fitted.pixels.max())) > white:
            raise ArgumentError(
                f"{picture.name}: has a pixel of {brightest}; the model was trained on 0 to {white}"
            )
        pixels = fitted.pixels.astype(np.float64)
        light = (white - pixels if invert else pixels) * (self.white / white)
        scaled: Array = light * self.scale
        return scaled


def _picture_size(net: Network, path: Path) -> Shape:
    """The (height, width) of the one-channel pictures that a network takes."""
    shapes = [node.shape for node in net.inputs.values()]
    if len(shapes) == 1 and len(net.output_shape) == 1:
        shape = shapes[0]
        if len(shape) == 3 and shape[0] == 1:
            return shape[1:]
        if len(shape) == 1 and math.isqrt(shape[0]) ** 2 == shape[0]:
            return (math.isqrt(shape[0]),) * 2
    raise ShapeError(
        f"{path}: takes inputs of shape {', '.join(map(str, shapes))} and gives "
        f"{net.output_shape}; expected square grey pictures, (side * side,) or "
        "(1, height, width), and one score for each class"
    )
