"""The examples run as a reader would run them, and print the book's numbers."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zerokara

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
LESSONS = ("simple_net.py", "shop.py", "gates.py")
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def printed_by(name: str) -> str:
    """What an example prints in a process of its own, run from another folder."""
    source = Path(zerokara.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": str(source)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def loss_by_hand() -> float:
    """The same loss in scalar Python."""
    W = [[0.47355232, 0.9977393, 0.84668094], [0.85557411, 0.03563661, 0.69422093]]
    scores = [0.6 * W[0][k] + 0.9 * W[1][k] for k in range(3)]
    return math.log(sum(math.exp(score) for score in scores)) - scores[2]


def test_simple_net_prints_the_books_numbers() -> None:
    text = printed_by("simple_net.py")
    numbers = [float(number) for number in NUMBER.findall(text)]
    assert "best class 2" in text
    np.testing.assert_allclose(numbers[:3], [1.05414809, 0.63071653, 1.1328074], atol=1e-8)
    # The book prints its weights to 8 digits, so its loss is met to about as many.
    np.testing.assert_allclose(numbers[3], 0.92806853663411326, atol=1e-8, rtol=0)
    np.testing.assert_allclose(numbers[3], loss_by_hand(), rtol=1e-14)
    gradient = [0.21924763, 0.14356247, -0.36281009, 0.32887144, 0.2153437, -0.54421514]
    assert len(numbers) == 16
    np.testing.assert_allclose(numbers[4:10], gradient, atol=2e-8)  # by differences
    np.testing.assert_allclose(numbers[10:], gradient, atol=2e-8)  # by backpropagation


def test_shop_prints_price_and_gradients() -> None:
    assert printed_by("shop.py").splitlines() == [
        "price 715",
        "d price / d apple = 2.2",
        "d price / d apples = 110",
        "d price / d orange = 3.3",
        "d price / d oranges = 165",
        "d price / d tax = 650",
    ]


def test_gates_prints_the_truth_tables() -> None:
    assert printed_by("gates.py").splitlines() == [
        "a b  AND NAND OR XOR",
        "0 0   0   1   0   0",
        "0 1   0   1   1   1",
        "1 0   0   1   1   1",
        "1 1   1   0   1   0",
        "only a: [0, 0, 1, 0]",
    ]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_fits_on_a_screen(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 40


def test_conv_net_learns() -> None:
    printed = printed_by("conv_net.py")
    assert "Convolution(filters=30, size=3" in printed
    accuracy = re.search(r"accuracy (\d\.\d+)", printed)
    assert accuracy is not None
    assert float(accuracy[1]) > 0.95
