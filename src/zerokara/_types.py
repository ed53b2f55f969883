"""Names for the types that every part shares."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
# In quotes: naming numpy.random here would load it, a quarter of what importing NumPy costs.
Seed: TypeAlias = "int | np.random.Generator"
