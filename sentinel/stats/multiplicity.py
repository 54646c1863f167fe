"""Many hypotheses at once: which of them may be called findings."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from sentinel.stats.arrays import Booleans, Floats


def e_bh(log_evidence: Floats, false_share: float = 0.1) -> Booleans:
    """Findings among hypotheses, at most `false_share` of them false on average, however they depend.

    Parameters
    ----------
    log_evidence : float64 array, shape (n_hypotheses,), nats
        Log e-values of now. Running maxima are not e-values. A hypothesis without data has evidence 0.
    false_share : float, 0 < false_share < 1

    Returns
    -------
    bool array, shape (n_hypotheses,)

    Raises
    ------
    ValueError
        If false_share is not inside (0, 1).

    Notes
    -----
    Of m hypotheses the k* with the largest e-values, k* = max{k : e_(k) >= m / (k q)}, all of them compared
    in logs.

    References
    ----------
    .. [1] Wang & Ramdas (2022), False discovery rate control with e-values, JRSS B 84:822-852.

    Examples
    --------
    >>> e_bh(np.log([100.0, 1.0, 16.0, 0.5]), 0.1)  # 16 needs 4 / (2 * .1) = 20
    array([ True, False, False, False])
    >>> e_bh(np.log([100.0, 1.0, 20.1, 0.5]), 0.1)
    array([ True, False,  True, False])
    """
    if not 0.0 < false_share < 1.0:
        raise ValueError(f"false_share must be inside (0, 1), not {false_share!r}")
    found = np.zeros(log_evidence.shape, dtype=np.bool_)
    if log_evidence.size == 0:
        return found
    order = np.argsort(-log_evidence, kind="stable")
    ranks = np.arange(1, log_evidence.size + 1)
    needed = math.log(log_evidence.size / false_share) - np.log(ranks)
    enough = np.flatnonzero(log_evidence[order] >= needed)
    if enough.size:
        found[order[: enough[-1] + 1]] = True
    return found


def log_mean_evidence(log_evidence: Floats) -> float:
    """Log of the mean e-value: evidence against the hypothesis that none of them is a finding.

    Parameters
    ----------
    log_evidence : float64 array, shape (n_hypotheses,), nats
        Of the same look; any dependence.

    Returns
    -------
    float, nats; 0 (no evidence) without hypotheses

    Examples
    --------
    >>> round(log_mean_evidence(np.log([1.0, 3.0])), 9) == round(math.log(2.0), 9)
    True
    """
    if log_evidence.size == 0:
        return 0.0
    return float(special.logsumexp(log_evidence)) - math.log(log_evidence.size)
