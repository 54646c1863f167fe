"""Names for the arrays that the statistics read and return."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64] | npt.NDArray[np.float64]
"""Events per cell. Whole numbers when counted; fractions when a counterfactual reweights them."""
Values = float | Floats
"""One number or an array of them, broadcast together."""

Booleans = npt.NDArray[np.bool_]
