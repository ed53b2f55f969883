"""Batch normalization as kernels: sums of columns in training, a scale and shift in inference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokara import layers
from zerokara.engine.norm_kernels import Normalize, NormalizeBack, NormUse, Rescale
from zerokara.engine.program import Image, Range, Slot
from zerokara.layers import Node

if TYPE_CHECKING:
    from zerokara.engine.lowering import Back, Lowerer


def batch_normalization(lower: Lowerer, node: Node, inputs: list[Slot]) -> tuple[Slot, Back]:
    """Rows feature by feature, images channel by channel."""
    layer = lower.layer(node)
    assert isinstance(layer, layers.BatchNormalization)
    x = lower.image(inputs[0]) if len(inputs[0].shape) == 3 else lower.flat(inputs[0])
    offset, name = lower.offsets[layer], lower.names[layer]
    use = NormUse(
        name,
        offset["gamma"],
        offset["beta"],
        layer.state["running_mean"],
        layer.state["running_var"],
        layer.momentum,
        layer.eps,
    )
    out = lower.slot(node, image=x.image is not None)
    if not lower.training:
        lower.add(Rescale(use, x, out))
        return out, lambda dout: [dout]
    normal = Slot(f"{name} normal", x.shape, None if x.image is None else Image())
    lower.add(Normalize(use, x, normal, out))

    def back(dout: Slot) -> list[Slot | None]:
        dx = lower.gradient(x) if lower.needs(node.inputs[0]) else None
        lower.add(NormalizeBack(use, dout, normal, dx))
        for key in ("gamma", "beta"):
            count = layer.params[key].size
            lower.plan.ranges.append(Range(f"{name}.{key}", offset[key], count))
        return [dx]

    return out, back
