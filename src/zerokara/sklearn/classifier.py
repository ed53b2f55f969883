"""NetClassifier: one class a sample, or several labels of 0 and 1."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin

from zerokara import functions
from zerokara._types import Array
from zerokara.errors import ArgumentError, LabelError
from zerokara.layers import Loss, SigmoidWithLoss, SoftmaxWithLoss
from zerokara.sklearn import arrays, labels, parameters
from zerokara.sklearn.base import NetEstimator
from zerokara.sklearn.callbacks import with_callbacks
from zerokara.training.validation import MONITORS


class NetClassifier(ClassifierMixin, NetEstimator):
    """A neural network that tells classes apart, as a scikit-learn estimator.

    Classes are numbers, strings or bools; the loss is softmax with cross-entropy. With y of shape
    (N, K) of 0 and 1 every sample may have several of K labels; the loss is then the binary
    cross-entropy of K sigmoids. Docs: docs/sklearn.md.

    Args:
        hidden_layer_sizes: neurons of the hidden layers; () is a linear model.
        layers: or the hidden layers themselves, such as ``[zk.Convolution(8, 3), zk.ReLU()]``. The
            last `Affine`, to the scores, is added. They are copied at each fit.
        activation: after each hidden layer: 'relu', 'tanh', 'sigmoid', 'gelu', ...
        input_shape: with `layers`, what a row of X is folded into, such as (1, 28, 28); by default
            the shape that X has.
        optimizer: a name ('sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam', 'adamw') or
            an optimizer, of which a fresh copy is used.
        lr, schedule, weight_decay, clip_norm: if given, the optimizer's. A schedule is an object of
            `zk.schedules` or 'cosine' or 'one-cycle', over the length of the fit.
        batch_size: samples in a batch; 'auto' is a tenth of the samples, 50 to 200.
        epochs: how often each sample is looked at.
        class_weight: a mapping of labels to weights, or 'balanced'; for several labels a list of
            mappings.
        label_smoothing: of `zk.SoftmaxWithLoss`.
        early_stopping: end when `patience` epochs after another were no better by the validation
            samples, and keep the best parameters. These samples are X_val, y_val of `fit`, else
            the share `validation_fraction` of X.
        monitor: 'accuracy' or 'loss' of the validation samples is what tells better from worse.
        min_delta: what counts as better is more than this.
        warm_start: `fit` goes on with the network and the optimizer's state of the last `fit`.
        dtype: 'float32' or 'float64'; by default that of X, and float64 for integers.
        callbacks: objects of `zerokara.training.Callback`.
        random_state: a seed, a generator or None, as everywhere in scikit-learn.

    Attributes:
        classes_: the labels, sorted; for several labels a sample their numbers from 0.
        network_: the `zk.Sequential`; optimizer_: its optimizer, state included.
        history_: a `zk.History` of all epochs since the network was made; loss_curve_: the mean
            loss of each; n_iter_: how many; stopped_early_: whether patience ended them.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
    """

    _by_classes = True

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        layers: Any = None,
        activation: Any = "relu",
        input_shape: Any = None,
        optimizer: Any = "adam",
        lr: Any = None,
        schedule: Any = None,
        weight_decay: Any = None,
        clip_norm: Any = None,
        batch_size: Any = "auto",
        epochs: Any = 100,
        class_weight: Any = None,
        label_smoothing: Any = 0.0,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        patience: Any = 10,
        min_delta: Any = 0.0,
        monitor: Any = "accuracy",
        warm_start: Any = False,
        dtype: Any = None,
        callbacks: Any = None,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.layers = layers
        self.activation = activation
        self.input_shape = input_shape
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.epochs = epochs
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.min_delta = min_delta
        self.monitor = monitor
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
            y: (N,) labels, or (N, K) of 0 and 1.
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
        classes: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """One epoch over these samples; the optimizer goes on where the last call left it.

        With `early_stopping` each call is an epoch of `patience`. When that is at its end the best
        parameters are put back, `stopped_early_` is True, and more calls change nothing.

        Args:
            classes: all labels that there will be; for the first call. Several labels a sample
                need it not.

        Raises:
            as `fit`; LabelError (ValueError): a label that is not among the classes.
        """
        known = None if classes is None else np.unique(np.asarray(classes))
        if not hasattr(self, "network_"):
            if known is None and not labels.has_rows(self._where, y):
                raise ArgumentError(
                    f"{self._where}: the first partial_fit needs classes, all labels that there "
                    "will be, such as classes=np.unique(y)"
                )
        elif known is not None and not np.array_equal(known, self.classes_):
            raise LabelError(
                f"{self._where}: partial_fit got the classes {labels.few(known)}; since the first "
                f"call they are {labels.few(self.classes_)}"
            )
        return self._partial_fit(X, y, sample_weight, X_val, y_val, known)

    def predict(self, X: Any) -> Array:
        """The class of each sample, (N,); or labels of 0 and 1, (N, K)."""
        scores = self._scores(X)
        if self._multilabel:
            return (scores > 0).astype(np.int64)
        chosen: Array = self.classes_[scores.argmax(axis=1)]
        return chosen

    def decision_function(self, X: Any) -> Array:
        """The scores before softmax or sigmoid, float64: (N, C), (N, K) for several labels.

        For two classes (N,): the score of the second less that of the first, whose sigmoid is
        its probability.
        """
        scores = self._scores(X).astype(np.float64)
        if self._multilabel or len(self.classes_) != 2:
            return scores
        return np.asarray(scores[:, 1] - scores[:, 0])

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, float64 (N, C), whose rows sum to 1; or of each label."""
        scores = self._scores(X).astype(np.float64)
        activate = functions.sigmoid if self._multilabel else functions.softmax
        return np.asarray(activate(scores))

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`, exact also where that is too small for a float."""
        scores = self._scores(X).astype(np.float64)
        if self._multilabel:
            return np.asarray(-np.logaddexp(0, -scores))
        return np.asarray(functions.log_softmax(scores))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def _outputs(self) -> int:
        return len(self.classes_)

    def _loss(self) -> Loss:
        smoothing = parameters.number(
            self._where, "label_smoothing", self.label_smoothing, below=1.0
        )
        if not self._multilabel:
            return SoftmaxWithLoss(label_smoothing=smoothing)
        if smoothing:
            raise ArgumentError(f"{self._where}: label_smoothing is for one class a sample")
        return SigmoidWithLoss()

    def _monitor(self) -> str:
        monitor: str = parameters.one_of(
            self._where, "monitor", self.monitor, {name: name for name in MONITORS}
        )
        return monitor

    def _weights_of_classes(self, t: Array, weight: Array | None, stream: bool) -> Array | None:
        if stream and isinstance(self.class_weight, str):
            raise ArgumentError(
                f"{self._where}: class_weight={self.class_weight!r} needs all samples at once, "
                "which partial_fit does not see; give a mapping of labels to weights"
            )
        if self._multilabel:
            return arrays.label_weights(self._where, self.class_weight, t, weight)
        return arrays.class_weights(self._where, self.class_weight, self.classes_, t, weight)

    def _learn_targets(self, y: Any, classes: Any) -> None:
        rows = labels.has_rows(self._where, y)
        if rows:
            count = labels.as_rows(self._where, y, None).shape[1]
            found = np.arange(count)
        else:
            found = np.unique(labels.as_column(y)) if classes is None else classes
        self.classes_, self._multilabel = found, rows

    def _targets(self, y: Any) -> Array:
        rows = labels.has_rows(self._where, y)
        if rows != self._multilabel:
            before, now = ("(N, K) of 0 and 1", "(N,)") if not rows else ("(N,)", "(N, K)")
            raise LabelError(f"{self._where}: y was {before} when it was fitted, now it is {now}")
        if rows:
            return labels.as_rows(self._where, y, len(self.classes_))
        return labels.numbered(self._where, labels.as_column(y), self.classes_)

    def _refuse_other_targets(self, t: Array) -> None:
        if not self._multilabel and len(np.unique(t)) < len(self.classes_):
            raise LabelError(
                f"{self._where}: warm_start goes on with the classes that it was fitted with, "
                f"{labels.few(self.classes_)}, and some are not in y; partial_fit may be given "
                "samples of some of them"
            )
