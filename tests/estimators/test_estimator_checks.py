"""scikit-learn's own checks of an estimator, every one of them."""

from __future__ import annotations

from unittest import SkipTest

import pytest

pytest.importorskip("sklearn.base", reason="zerokara.sklearn needs scikit-learn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from zerokara.sklearn import NetClassifier, NetRegressor

# The same cases in a list, for older ones are made on the way, which pytest will not have.
CHECKS = parametrize_with_checks([NetClassifier(), NetRegressor()])
NAMES, CASES = CHECKS.args


# Its checks cause warnings on purpose, and look at those that they are about themselves.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(NAMES, list(CASES), **CHECKS.kwargs)
def test_a_check_of_scikit_learn_passes(estimator, check, monkeypatch):
    # Without it scikit-learn leaves the check of array-API input out.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    try:
        check(estimator)
    except (SkipTest, pytest.skip.Exception) as skipped:
        pytest.fail(f"scikit-learn skipped its check: {skipped}")
