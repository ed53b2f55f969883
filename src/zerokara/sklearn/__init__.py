"""Networks as scikit-learn estimators: `NetClassifier` and `NetRegressor` (docs/sklearn.md).

The only room that imports a third party when it is imported itself; ``import zerokara`` leaves it
alone.
"""

from __future__ import annotations

from zerokara.errors import MissingExtraError

try:
    # What both estimators need and scikit-learn before 1.6 does not have.
    from sklearn.utils.validation import validate_data as _needed  # noqa: F401
except ImportError as error:
    raise MissingExtraError(
        f"zerokara.sklearn needs scikit-learn 1.6 or newer ({error}); "
        "install it with: pip install 'zerokara[sklearn]'"
    ) from None

from zerokara.sklearn.classifier import NetClassifier
from zerokara.sklearn.regressor import NetRegressor

__all__ = ["NetClassifier", "NetRegressor"]
