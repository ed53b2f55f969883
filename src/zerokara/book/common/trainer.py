"""``common.trainer``: the book's training loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.book.common.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from zerokara.errors import ArgumentError

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "Trainer", "np"]

OPTIMIZERS: dict[str, Any] = {
    kind.__name__.lower(): kind for kind in (SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam)
}


class Trainer:
    """Mini-batches drawn with replacement, one loss a step, accuracies once an epoch.

    Args:
        network: with `params`, `gradient(x, t)`, `loss(x, t)` and `accuracy(x, t)`.
        x_train, t_train, x_test, t_test: samples and targets.
        epochs, mini_batch_size: how long, and how many samples a step.
        optimizer: sgd, momentum, nesterov, adagrad, rmsprop or adam, in any case of letters.
        optimizer_param: its arguments; the learning rate 0.01 when left out.
        evaluate_sample_num_per_epoch: how many samples the accuracies look at; None: all.
        verbose: print each loss and each epoch's accuracies.

    Attributes:
        train_loss_list: one loss a step; train_acc_list, test_acc_list: one number an epoch.

    Raises:
        ArgumentError: an unknown optimizer.
    """

    def __init__(
        self,
        network: Any,
        x_train: Array,
        t_train: Array,
        x_test: Array,
        t_test: Array,
        epochs: int = 20,
        mini_batch_size: int = 100,
        optimizer: str = "SGD",
        optimizer_param: Mapping[str, Any] | None = None,
        evaluate_sample_num_per_epoch: int | None = None,
        verbose: bool = True,
    ) -> None:
        if optimizer.lower() not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise ArgumentError(f"Trainer: optimizer {optimizer!r} is unknown; expected {known}")
        self.network, self.verbose = network, verbose
        self.x_train, self.t_train = x_train, t_train
        self.x_test, self.t_test = x_test, t_test
        self.epochs, self.batch_size = epochs, mini_batch_size
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        settings = {"lr": 0.01} if optimizer_param is None else optimizer_param
        self.optimizer = OPTIMIZERS[optimizer.lower()](**settings)
        self.train_size = len(x_train)
        self.iter_per_epoch = max(self.train_size / mini_batch_size, 1)
        self.max_iter = int(epochs * self.iter_per_epoch)
        self.current_iter = self.current_epoch = 0
        self.train_loss_list: list[Any] = []
        self.train_acc_list: list[Any] = []
        self.test_acc_list: list[Any] = []

    def train_step(self) -> None:
        """One step; before the first step of an epoch is over, the accuracies."""
        drawn = np.random.choice(self.train_size, self.batch_size)
        x, t = self.x_train[drawn], self.t_train[drawn]
        self.optimizer.update(self.network.params, self.network.gradient(x, t))
        loss = self.network.loss(x, t)
        self.train_loss_list.append(loss)
        self._print(f"train loss:{loss}")
        if self._epoch_begins():
            self.current_epoch += 1
            few = slice(self.evaluate_sample_num_per_epoch)
            train = self.network.accuracy(self.x_train[few], self.t_train[few])
            test = self.network.accuracy(self.x_test[few], self.t_test[few])
            self.train_acc_list.append(train)
            self.test_acc_list.append(test)
            epoch = self.current_epoch
            self._print(f"=== epoch:{epoch}, train acc:{train}, test acc:{test} ===")
        self.current_iter += 1

    def train(self) -> None:
        """All steps, and the accuracy on the test data."""
        for _ in range(self.max_iter):
            self.train_step()
        test = self.network.accuracy(self.x_test, self.t_test)
        self._print("=============== Final Test Accuracy ===============")
        self._print(f"test acc:{test}")

    def _epoch_begins(self) -> bool:
        """Whether this step is the first of an epoch, whose steps need not be a whole number."""
        begun = self.current_iter // self.iter_per_epoch
        return self.current_iter == 0 or begun > (self.current_iter - 1) // self.iter_per_epoch

    def _print(self, line: str) -> None:
        if self.verbose:
            print(line)
