"""What choosing the best of several models on the rows that judge it gains by chance."""

from __future__ import annotations

import math
from typing import Final

from scipy.special import ndtri

CANDIDATE_CORRELATION: Final = 0.5
"""Between the estimates of two candidates: they are judged on the same rows and resemble each other."""


def expected_optimism(n_candidates: int, standard_error: float, correlation: float = CANDIDATE_CORRELATION) -> float:
    """Expected maximum of equally good candidates' estimates, above their common truth.

    Parameters
    ----------
    n_candidates : int, >= 1
    standard_error : float, >= 0
        Of one estimate.
    correlation : float in [0, 1)
        Between two of them.

    Returns
    -------
    float, >= 0, in the unit of the metric

    Notes
    -----
    ``standard_error * sqrt(1 - correlation) * a_K``, a_K the expected maximum of K standard normals by Blom's
    approximation Phi^-1((K - .375) / (K + .25)).

    References
    ----------
    .. [1] Blom (1958), Statistical estimates and transformed beta-variables, Wiley.

    Examples
    --------
    >>> expected_optimism(1, 0.02), round(expected_optimism(10, 0.02, 0.0) / 0.02, 2)
    (0.0, 1.55)
    """
    if n_candidates <= 1:
        return 0.0
    best = float(ndtri((n_candidates - 0.375) / (n_candidates + 0.25)))
    return standard_error * math.sqrt(1.0 - correlation) * best
