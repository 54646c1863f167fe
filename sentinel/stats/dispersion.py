"""How much more the AUC differs between stretches of time than sampling explains: days are not alike."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.auc import auc_many, auc_variance_floor

N_STRETCHES: Final = (8, 12, 16, 24)
"""Stretches that a stream is cut into, at most. Several cuts, for one bad day falls into one stretch or astride two."""
LEAST_PER_CLASS: Final = 20
"""Outcomes of each class in a stretch: below, its AUC is far from normal."""
PRIOR_DISPERSION: Final = 2.5
"""Held until there are stretches to measure it on: real streams had 1 to 12."""
PRIOR_STRETCHES: Final = 4.0
"""Degrees of freedom that this is worth."""


def time_dispersion(counts: Counts) -> float:
    """Variance of the AUC between stretches of time over its sampling variance, one step taken out.

    Parameters
    ----------
    counts : int array, shape (n_panes, n_bins, 2)
        Outcomes of each pane by score bin and class (negative, positive), panes in order of time.

    Returns
    -------
    float, >= 1
        Multiplies the variance of an AUC over many stretches.

    Notes
    -----
    Panes are joined to stretches of about equal shares of the rarer class. Their AUCs are held against one level
    before and one after the split that suits them best: a single change, which is what a test of change looks for,
    adds nothing. If nothing but sampling is at work, the squared deviations over the sampling variances are chi-square
    with two degrees of freedom less than there are stretches (a little less than that, for the split is the one that
    suits best); their mean is the square of the Birge ratio, here
    with a prior of ``PRIOR_DISPERSION`` that is worth ``PRIOR_STRETCHES`` degrees, and averaged over several cuts. A
    stretch's variance is that of the placements in all of the stream (DeLong) over its own counts, so no stretch can
    look surer than it is by chance.

    References
    ----------
    .. [1] Birge (1932), The calculation of errors by the method of least squares, Physical Review 40:207-227.

    Examples
    --------
    >>> time_dispersion(np.zeros((3, 4, 2), np.int64))  # nothing known yet
    2.5
    """
    counts = np.asarray(counts, np.int64)
    return max(1.0, float(np.mean([_dispersion(counts, at_most) for at_most in N_STRETCHES])))


def _dispersion(counts: Counts, at_most: int) -> float:
    """Mean square over sampling variance at one cut, drawn to the prior."""
    stretches = _stretches(counts, at_most)
    freedom = len(stretches) - 2
    if freedom < 1:
        return PRIOR_DISPERSION
    area = auc_many(stretches[..., 1], stretches[..., 0])
    squares = _least_squares(area.values, _sampling_variances(counts.sum(axis=0), stretches))
    return (PRIOR_STRETCHES * PRIOR_DISPERSION + squares) / (PRIOR_STRETCHES + freedom)


def _stretches(counts: Counts, at_most: int) -> Counts:
    """Neighbouring panes together, until each stretch has its share of the rarer class; the rest joins the last."""
    by_class: Counts = counts.sum(axis=1).reshape(-1, 2)
    share = max(float(LEAST_PER_CLASS), by_class.sum(axis=0).min() / at_most)
    first = [0]
    held: Counts = np.zeros(2, np.int64)
    for at, pane in enumerate(by_class, start=1):
        held = held + pane
        if held.min() >= share:
            first.append(at)
            held = np.zeros(2, np.int64)
    starts = first[:-1]  # the last one opens a stretch that is not full
    return np.add.reduceat(counts, starts, axis=0) if starts else counts[:0]


def _sampling_variances(together: Counts, stretches: Counts) -> Floats:
    negatives, positives = together[:, 0].astype(np.float64), together[:, 1].astype(np.float64)
    n0, n1 = negatives.sum(), positives.sum()
    of_positives = (np.cumsum(negatives) - 0.5 * negatives) / n0
    of_negatives = (n1 - np.cumsum(positives) + 0.5 * positives) / n1
    area = float(positives @ of_positives) / n1
    spread1 = float(positives @ (of_positives - area) ** 2) / n1
    spread0 = float(negatives @ (of_negatives - area) ** 2) / n0
    m0, m1 = stretches.sum(axis=1).astype(np.float64).T
    return np.asarray(np.maximum(spread1 / m1 + spread0 / m0, auc_variance_floor(m1, m0)))


def _least_squares(values: Floats, variances: Floats) -> float:
    """Squared deviations over variances from one level before and one after the best split."""
    weights = 1.0 / variances
    centred = values - np.average(values, weights=weights)
    sums = np.cumsum(np.stack([weights, weights * centred, weights * centred**2]), axis=1)
    before, after = sums[:, :-1], sums[:, -1:] - sums[:, :-1]
    left, right = (w_xx - w_x**2 / w for w, w_x, w_xx in (before, after))
    return float(np.maximum(left + right, 0.0).min())
