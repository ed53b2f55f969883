"""NetRegressor: one quantity a sample, or several."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import column_or_1d

from zerokara._types import Array
from zerokara.errors import DtypeError, ShapeError
from zerokara.layers import Huber, IdentityWithLoss, Loss, MeanAbsoluteError
from zerokara.sklearn import parameters
from zerokara.sklearn.base import NetEstimator
from zerokara.sklearn.callbacks import with_callbacks

LOSSES: dict[str, type[Loss]] = {
    "absolute_error": MeanAbsoluteError,
    "huber": Huber,
    "squared_error": IdentityWithLoss,  # half of it, as in MLPRegressor; with a kernel
}
"""What `loss` may be, by scikit-learn's names."""


class NetRegressor(MultiOutputMixin, RegressorMixin, NetEstimator):
    """A neural network that estimates quantities, as a scikit-learn estimator.

    y has shape (N,), or (N, K) for K quantities a sample. Quantities far from the range -1 to 1
    are learned better when scaled: see `sklearn.compose.TransformedTargetRegressor`. Docs:
    docs/sklearn.md.

    Args:
        loss: 'squared_error' (half of it, summed over the outputs: `zk.IdentityWithLoss`),
            'absolute_error', 'huber', or a loss such as ``zk.Huber(delta=2)``.
        early_stopping: end when `patience` epochs after another had no lower loss of the validation
            samples, and keep the best parameters. These samples are X_val, y_val of `fit`, else
            the share `validation_fraction` of X.
        The others are those of `NetClassifier`.

    Attributes:
        n_outputs_: quantities a sample. The others are those of `NetClassifier`.
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        layers: Any = None,
        activation: Any = "relu",
        input_shape: Any = None,
        loss: Any = "squared_error",
        optimizer: Any = "adam",
        lr: Any = None,
        schedule: Any = None,
        weight_decay: Any = None,
        clip_norm: Any = None,
        batch_size: Any = "auto",
        epochs: Any = 100,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        patience: Any = 10,
        min_delta: Any = 0.0,
        warm_start: Any = False,
        dtype: Any = None,
        callbacks: Any = None,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.layers = layers
        self.activation = activation
        self.input_shape = input_shape
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.min_delta = min_delta
        self.warm_start = warm_start
        self.dtype = dtype
        self.callbacks = callbacks
        self.random_state = random_state

    @with_callbacks
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> Self:
        """Train a new network, or with `warm_start` the one that stands.

        Args:
            X: (N, features), a DataFrame, or with `layers` (N, ...).
            y: (N,) or (N, K) numbers.
            sample_weight: (N,), 0 or more; within a batch 2 is as good as the sample repeated.
            X_val, y_val: samples to validate by after each epoch.

        Raises:
            ArgumentError (ValueError), DtypeError (TypeError): parameters or data that do not fit.
            DivergedError (ArithmeticError): a loss was NaN or infinite.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """One epoch over these samples; the optimizer goes on where the last call left it.

        With `early_stopping` each call is an epoch of `patience`. When that is at its end the best
        parameters are put back, `stopped_early_` is True, and more calls change nothing.

        Raises:
            as `fit`.
        """
        return self._partial_fit(X, y, sample_weight, X_val, y_val)

    def predict(self, X: Any) -> Array:
        """The quantities, of the network's dtype: (N,) if y was so, else (N, K)."""
        scores = self._scores(X)
        return np.asarray(scores[:, 0] if self._one_axis else scores)

    @property
    def _outputs(self) -> int:
        outputs: int = self.n_outputs_
        return outputs

    def _loss(self) -> Loss:
        if isinstance(self.loss, Loss):
            return type(self.loss)(**self.loss.config())
        made: Loss = parameters.one_of(self._where, "loss", self.loss, LOSSES)()
        return made

    def _learn_targets(self, y: Any, classes: Any) -> None:
        t = self._numbers(y)
        self._one_axis = t.ndim == 1
        self.n_outputs_ = 1 if t.ndim == 1 else t.shape[1]

    def _targets(self, y: Any) -> Array:
        t = self._numbers(y)
        if self._one_axis != (t.ndim == 1) or t.size != len(t) * self.n_outputs_:
            now = "(N,)" if t.ndim == 1 else f"(N, {t.shape[1]})"
            before = "(N,)" if self._one_axis else f"(N, {self.n_outputs_})"
            raise ShapeError(f"{self._where}: y has shape {now}; it was fitted with shape {before}")
        return t

    def _numbers(self, y: Any) -> Array:
        """y as numbers, (N,) or (N, K) of two columns or more."""
        y = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
        if y.dtype.kind not in "fiub":
            try:
                y = y.astype(np.float64)
            except (TypeError, ValueError):
                raise DtypeError(
                    f"{self._where}: y must hold numbers, got dtype {y.dtype} with {y.ravel()[0]!r}"
                ) from None
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return np.asarray(y)
