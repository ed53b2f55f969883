"""The table that every layer test walks: one entry a way of using a layer or a loss.

A new layer adds its entries here and nothing else: `test_layers.py` finds it, and fails as long
as a layer in `zerokara.layers.LAYERS` has no entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zerokara import layers
from zerokara._types import Array, Shape
from zerokara.layers import Layer, Loss


@dataclass(frozen=True)
class Case:
    """A layer to be tested.

    Attributes:
        name: unique, and what pytest calls the test.
        make: gives a new layer, not yet built.
        shapes: one sample's shape of every input, without the batch axis.
        classes: a loss whose targets are labels 0..classes-1; None for other targets.
        one_hot: the labels are given as one-hot rows.
        column_targets: (N,) targets for scores (N, 1).
        training: the mode in which gradients are measured; False where training draws noise.
    """

    name: str
    make: Callable[[], Layer]
    shapes: tuple[Shape, ...]
    classes: int | None = None
    one_hot: bool = False
    column_targets: bool = False
    training: bool = True

    def __str__(self) -> str:
        return self.name

    @property
    def is_loss(self) -> bool:
        return isinstance(self.make(), Loss)

    def inputs(
        self, rng: np.random.Generator, batch: int = 5, dtype: type = np.float64
    ) -> tuple[Array, ...]:
        """Arrays for `forward`: both signs, no zeros; for a loss scores and targets."""
        drawn = [
            (rng.uniform(0.1, 2.0, (batch, *shape)) * rng.choice([-1, 1], (batch, *shape)))
            for shape in self.shapes
        ]
        given = [array.astype(dtype) for array in drawn]
        return (*given, self.targets(rng, batch)) if self.is_loss else tuple(given)

    def targets(self, rng: np.random.Generator, batch: int) -> Array:
        """Targets for a batch of scores."""
        if self.classes is None:
            t = rng.uniform(0.0, 1.0, (batch, *self.shapes[0]))
            return t[:, 0] if self.column_targets else t
        labels = rng.integers(0, self.classes, batch)
        return np.eye(self.classes, dtype=np.int64)[labels] if self.one_hot else labels

    def built(self, dtype: type = np.float64, seed: int = 0) -> Layer:
        """A new layer with its parameters."""
        layer = self.make()
        if not self.is_loss:
            layer.build_many(self.shapes, np.random.default_rng(seed), dtype)
        return layer


CASES = (
    Case("add", layers.Add, ((3, 2), (3, 2))),
    Case("add-numbers", layers.Add, ((), ())),
    Case("affine", lambda: layers.Affine(3), ((4,),)),
    Case("affine-image", lambda: layers.Affine(3, init="he"), ((2, 3, 2),)),
    Case("affine-one-to-one", lambda: layers.Affine(1, init=0.5), ((1,),)),
    Case("average-pool", lambda: layers.AveragePool(2), ((2, 4, 6),)),
    Case("average-pool-overlap", lambda: layers.AveragePool((2, 3), 1, (1, 2)), ((2, 3, 4),)),
    Case("average-pool-apart", lambda: layers.AveragePool(2, (3, 4)), ((1, 6, 7),)),
    Case("batch-normalization", layers.BatchNormalization, ((4,),)),
    Case("batch-normalization-images", lambda: layers.BatchNormalization(0.5), ((3, 2, 4),)),
    Case("batch-normalization-one", lambda: layers.BatchNormalization(0, 1e-3), ((1,),)),
    Case("convolution", lambda: layers.Convolution(3, 3, pad=1), ((2, 4, 5),)),
    Case("convolution-one", lambda: layers.Convolution(2, 1), ((3, 2, 2),)),
    Case("convolution-whole", lambda: layers.Convolution(4, (3, 5), init="he"), ((2, 3, 5),)),
    Case("convolution-stride", lambda: layers.Convolution(2, (2, 3), (2, 1)), ((2, 5, 4),)),
    Case("convolution-past", lambda: layers.Convolution(2, 2, (3, 4)), ((1, 6, 7),)),
    Case("convolution-dilated", lambda: layers.Convolution(2, 2, 1, 1, (2, 3)), ((2, 4, 4),)),
    Case("convolution-groups", lambda: layers.Convolution(4, 2, groups=2), ((6, 3, 3),)),
    Case("convolution-depthwise", lambda: layers.Convolution(6, 3, 2, 1, groups=3), ((3, 5, 4),)),
    Case("conv-transpose", lambda: layers.ConvTranspose(2, 3), ((3, 2, 3),)),
    Case("conv-transpose-stride", lambda: layers.ConvTranspose(2, 3, 2, 1, 1), ((2, 3, 2),)),
    Case(
        "conv-transpose-rectangle",
        lambda: layers.ConvTranspose(1, (5, 3), (3, 2), (2, 1), (2, 0), init=0.3),
        ((2, 2, 3),),
    ),
    Case("dropout", lambda: layers.Dropout(0.3), ((4, 3),), training=False),
    Case("dropout-book", lambda: layers.Dropout(0.5, scale_at_test=True), ((6,),), training=False),
    Case("elu", layers.ELU, ((4, 2),)),
    Case("elu-steep", lambda: layers.ELU(2.5), ((3,),)),
    Case("flatten", layers.Flatten, ((2, 3, 2),)),
    Case("gelu", layers.GELU, ((4, 2),)),
    Case("gelu-tanh", lambda: layers.GELU("tanh"), ((4, 2),)),
    Case("global-average-pool", layers.GlobalAveragePool, ((3, 4, 2),)),
    Case("huber", lambda: layers.Huber(0.5), ((3,),)),
    Case("huber-column", layers.Huber, ((1,),), column_targets=True),
    Case("huber-images", lambda: layers.Huber(0.3), ((2, 3, 2),)),
    Case("identity", layers.Identity, ((3,),)),
    Case("identity-loss", layers.IdentityWithLoss, ((3,),)),
    Case("identity-loss-column", layers.IdentityWithLoss, ((1,),), column_targets=True),
    Case("layer-normalization", layers.LayerNormalization, ((5,),)),
    Case("layer-normalization-sequence", layers.LayerNormalization, ((3, 4),)),
    Case("layer-normalization-image", lambda: layers.LayerNormalization(1), ((2, 3, 2),)),
    Case("leaky-relu", layers.LeakyReLU, ((4, 2),)),
    Case("leaky-relu-steep", lambda: layers.LeakyReLU(1.5), ((3,),)),
    Case("max-pool", lambda: layers.MaxPool(2), ((2, 4, 6),)),
    Case("max-pool-overlap", lambda: layers.MaxPool((2, 3), 1, (1, 2)), ((2, 3, 4),)),
    Case("max-pool-ragged", lambda: layers.MaxPool(3, 2, 1), ((2, 6, 7),)),
    Case("max-pool-apart", lambda: layers.MaxPool(2, (3, 4)), ((1, 6, 7),)),
    Case("mean-absolute-error", layers.MeanAbsoluteError, ((3,),)),
    Case("mean-absolute-error-images", layers.MeanAbsoluteError, ((2, 2, 3),)),
    Case("mean-squared-error", layers.MeanSquaredError, ((3,),)),
    Case("mean-squared-error-column", layers.MeanSquaredError, ((1,),), column_targets=True),
    Case("mul", layers.Mul, ((3, 2), (3, 2))),
    Case("mul-numbers", layers.Mul, ((), ())),
    Case("relu", layers.ReLU, ((4, 2),)),
    Case("sigmoid", layers.Sigmoid, ((4, 2),)),
    Case("sigmoid-loss", layers.SigmoidWithLoss, ((3,),)),
    Case("sigmoid-loss-column", layers.SigmoidWithLoss, ((1,),), column_targets=True),
    Case("sigmoid-loss-vector", layers.SigmoidWithLoss, ((),)),
    Case("silu", layers.SiLU, ((4, 2),)),
    Case("softmax", layers.Softmax, ((5,),)),
    Case("softmax-sequence", layers.Softmax, ((2, 3),)),
    Case("softmax-loss", layers.SoftmaxWithLoss, ((4,),), classes=4),
    Case("softmax-loss-one-hot", layers.SoftmaxWithLoss, ((4,),), classes=4, one_hot=True),
    Case("softmax-loss-twenty", layers.SoftmaxWithLoss, ((20,),), classes=20),
    Case("softmax-loss-smooth", lambda: layers.SoftmaxWithLoss(0.1), ((4,),), classes=4),
    Case(
        "softmax-loss-weighted",
        lambda: layers.SoftmaxWithLoss(class_weight=[0.5, 2, 1, 3]),
        ((4,),),
        classes=4,
    ),
    Case(
        "softmax-loss-smooth-weighted",
        lambda: layers.SoftmaxWithLoss(0.2, [0.5, 2, 1.25]),
        ((3,),),
        classes=3,
        one_hot=True,
    ),
    Case("softplus", layers.Softplus, ((4, 2),)),
    Case("tanh", layers.Tanh, ((4, 2),)),
)
