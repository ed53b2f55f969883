"""What every test may use: the real data where it is, a seeded generator, Hypothesis's settings."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# Shared machines are slow at times, so no deadline; in CI the same examples every time.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the folder of the real data sets: ZEROKARA_DATA, or beside the repository."""
    named = os.environ.get("ZEROKARA_DATA")
    beside = Path(__file__).resolve().parents[2] / "shared" / "datasets"
    root = Path(named) if named else beside
    if not root.is_dir():
        pytest.skip(f"no real data: {root} is no folder (set ZEROKARA_DATA to the one that has it)")
    return root


@pytest.fixture(scope="session")
def mnist_root(data_root: Path) -> Path:
    """Return the folder of the MNIST IDX files."""
    return _idx_folder(data_root / "mnist-10k")


@pytest.fixture(scope="session")
def fashion_root(data_root: Path) -> Path:
    """Return the folder of the Fashion-MNIST IDX files."""
    return _idx_folder(data_root / "fashion-mnist")


def _idx_folder(folder: Path) -> Path:
    if not any(folder.glob("train-images-idx3-ubyte*")):
        pytest.skip(f"no real data: {folder} holds no train-images-idx3-ubyte file")
    return folder


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Return a generator of the test's own: the same numbers each run, others in each test."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))
