from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

_Pair: TypeAlias = tuple[int, int]
_Size: TypeAlias = tuple[int, int, int]

def cpu_features() -> dict[str, bool]: ...
def isa() -> str: ...
def isas() -> list[str]: ...
def set_isa(name: str) -> None: ...
def max_threads() -> int: ...
def lanes(itemsize: int) -> int: ...
def gather_rows(
    source: npt.NDArray[Any], indices: npt.NDArray[Any], out: npt.NDArray[Any], scale: float
) -> None: ...

class Source:
    def __init__(self, rows: npt.NDArray[Any], scale: float = 1.0) -> None: ...

class OptimizerSettings:
    def __init__(
        self,
        kind: int,
        lr: float,
        weight_decay: float,
        clip_norm: float,
        decoupled: bool,
        keep1: float,
        keep2: float,
        eps: float,
        steps: int,
    ) -> None: ...

class Program32:
    def __init__(
        self,
        max_rows: int,
        arena_size: int,
        params: npt.NDArray[Any],
        grads: npt.NDArray[Any],
        state: Sequence[npt.NDArray[Any]],
    ) -> None: ...
    def slot(self, offset: int, row: int, columns: int) -> int: ...
    def layer(
        self, weights: int, bias: int, inputs: int, outputs: int, input: int, needs_back: bool
    ) -> int: ...
    def gather(self, source: int, to: int, may_alias: bool) -> None: ...
    def affine(self, layer: int, input: int, output: int, act: int, norm: int) -> None: ...
    def affine_back(self, layer: int, dout: int, dx: int, output: int, act: int) -> None: ...
    def elementwise(
        self, kind: int, a: int, b: int, out: int, act: int, curve: int, parameter: float
    ) -> None: ...
    def loss(self, kind: int, scores: int, gradient: int) -> None: ...
    def image(
        self,
        offset: int,
        row: int,
        size: _Size,
        origin: int,
        line: int,
        pixel: int,
        local: bool,
    ) -> int: ...
    def locals(self, size: int) -> None: ...
    def segment(self, kind: int) -> None: ...
    def normalization(
        self,
        gamma: int,
        beta: int,
        mean: npt.NDArray[Any],
        variance: npt.NDArray[Any],
        keep: float,
        take: float,
        eps: float,
    ) -> int: ...
    def column_sums(self, norm: int, x: int, normal: int) -> None: ...
    def normalize(self, norm: int, x: int, normal: int, out: int, act: int) -> None: ...
    def rescale(self, norm: int, x: int, out: int, act: int) -> None: ...
    def normalize_back(self, norm: int, dout: int, normal: int, dx: int) -> None: ...
    def to_image(self, source: int, to: int) -> None: ...
    def from_image(self, source: int, to: int) -> None: ...
    def convolution(
        self,
        weights: int,
        bias: int,
        x: int,
        given: _Size,
        out: _Size,
        size: _Pair,
        stride: _Pair,
        pad: _Pair,
        dilation: _Pair,
    ) -> int: ...
    def correlate(self, conv: int, out: int, act: int, norm: int) -> None: ...
    def correlate_pooled(
        self,
        conv: int,
        out: int,
        act: int,
        norm: int,
        given: tuple[int, int, int],
        out_size: tuple[int, int],
        pooled: int,
        winner: int,
    ) -> None: ...
    def correlate_back(self, conv: int, dout: int, dx: int, output: int, act: int) -> None: ...
    def filter_gradient(self, conv: int, dout: int, winner: int, output: int, act: int) -> None: ...
    def pool(
        self,
        greatest: bool,
        given: _Size,
        out_size: _Pair,
        size: _Pair,
        stride: _Pair,
        pad: _Pair,
        x: int,
        out: int,
        winner: int,
    ) -> None: ...
    def pool_back(
        self,
        greatest: bool,
        given: _Size,
        out_size: _Pair,
        size: _Pair,
        stride: _Pair,
        pad: _Pair,
        dout: int,
        dx: int,
        winner: int,
        output: int,
        act: int,
    ) -> None: ...
    def dropout(
        self,
        x: int,
        out: int,
        noise: int,
        ratio: float,
        factor: float,
        state: npt.NDArray[np.uint64] | None,
    ) -> None: ...
    def call(self, id: int) -> None: ...
    def gradient(self, layer: int, dout: int) -> None: ...
    def update_range(self, offset: int, count: int) -> None: ...
    def result(self, slot: int) -> None: ...
    def packed_size(self) -> int: ...
    def leaves_zeros_out(self) -> tuple[bool, bool]: ...
    def arena(self) -> npt.NDArray[Any]: ...
    def losses(self) -> npt.NDArray[Any]: ...
    def train(
        self,
        sources: Sequence[Source],
        labels: npt.NDArray[np.int64] | None,
        numbers: npt.NDArray[Any] | None,
        indices: npt.NDArray[np.int64],
        bounds: npt.NDArray[np.int64],
        settings: OptimizerSettings,
        rates: npt.NDArray[np.float64] | None,
        losses: npt.NDArray[np.float64],
        callback: Callable[[int, int], None] | None,
    ) -> int: ...
    def short_way(self, shape: Sequence[int], outputs: int, empty: Any, dtype: Any) -> None: ...
    def scores(self, x: Any) -> Any: ...
    def predict(
        self,
        sources: Sequence[Source],
        out: npt.NDArray[Any],
        callback: Callable[[int, int], None] | None,
    ) -> None: ...

class Program64(Program32): ...
