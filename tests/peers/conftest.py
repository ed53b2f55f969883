"""The libraries that serve as oracles, each imported once; their own warnings are not ours."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

import pytest


def _library(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{name} is not here ({error}); `make peers` installs it")


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """Return PyTorch."""
    return _library("torch")


@pytest.fixture(scope="session")
def sklearn_networks() -> ModuleType:
    """Return scikit-learn's module of neural networks."""
    return _library("sklearn.neural_network")
