"""Do scores mean what they say? Calibration from counts, positives and score sums per bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, Measured, NotEnough, variance_floor
from sentinel.stats.logistic import fit_line
from sentinel.stats.rates import rate

LOWEST_MEAN_SCORE: Final = 1e-6
"""Mean scores are clipped to [1e-6, 1 - 1e-6]: 13.8 on the log-odds scale, beyond any score worth a bin."""
MINIMUM_SCORES: Final = 2
"""Score bins in use that a slope needs: over one bin any slope fits, and the ridge alone would decide."""


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """Log-odds of the outcome = intercept + slope x log-odds of the score; (0, 1) is perfect.

    Attributes
    ----------
    intercept, slope : Estimate
    covariance : float
        Of the two.
    penalised : bool
        True if the outcomes were separable (or scores constant) and a ridge towards (0, 1) decided.
    """

    intercept: Estimate
    slope: Estimate
    covariance: float
    penalised: bool


def base_rate(positives: float, n: float, *, minimum: int = DEFAULT_MINIMUM) -> Measured:
    """Share of positive outcomes.

    Examples
    --------
    >>> base_rate(20, 100).value
    0.2
    """
    return rate(positives, n, minimum=minimum, reason="too few outcomes")


def calibration_line(
    counts: Counts, positives: Counts, score_sums: Floats, *, minimum_per_class: int = DEFAULT_MINIMUM
) -> CalibrationLine | NotEnough:
    """Intercept and slope of outcomes on the log-odds of the mean score per bin.

    Parameters
    ----------
    counts, positives : array, shape (n_bins,)
        Events and positive outcomes per bin.
    score_sums : float64 array, shape (n_bins,)
        Sum of the scores per bin.
    minimum_per_class : int
        Fewer positives or negatives than this (never fewer than one) is not enough.

    Returns
    -------
    CalibrationLine or NotEnough

    References
    ----------
    .. [1] Cox (1958), Two further applications of a model for binary regression, Biometrika 45:562-565.

    Examples
    --------
    >>> fit = calibration_line(np.array([100, 100]), np.array([25, 75]), np.array([25.0, 75.0]))
    >>> abs(fit.intercept.value) < 1e-12, round(fit.slope.value, 9)
    (True, 1.0)
    """
    size, n_positive = round(float(np.sum(counts))), round(float(np.sum(positives)))
    lacking = _lacks_a_class(size, n_positive, minimum_per_class)
    if lacking is not None:
        return lacking
    n_scores = int(np.count_nonzero(counts))
    if n_scores < MINIMUM_SCORES:
        return NotEnough("too few different scores for a slope", n_scores, MINIMUM_SCORES)
    scores = _mean_scores(counts, score_sums)
    line = fit_line(np.log(scores) - np.log1p(-scores), counts, positives)
    if line is None:
        return NotEnough("the calibration fit did not converge", size, size + 1)
    return CalibrationLine(
        intercept=Estimate(line.intercept, line.intercept_variance, size, n_positive),
        slope=Estimate(line.slope, line.slope_variance, size, n_positive),
        covariance=line.covariance,
        penalised=line.penalised,
    )


def expected_calibration_error(
    counts: Counts, positives: Counts, score_sums: Floats, *, minimum: int = DEFAULT_MINIMUM
) -> Measured:
    """Mean distance between outcome rate and mean score per bin, weighted by events.

    Biased upwards: about sum_b (n_b/n) sqrt(2 p (1-p) / (pi n_b)) for a perfect model. Sides of different size
    cannot be compared by it.

    Parameters
    ----------
    counts, positives : array, shape (n_bins,)
    score_sums : float64 array, shape (n_bins,)
    minimum : int, events

    Returns
    -------
    Estimate in 0..1 (variance given the scores, bins independent), or NotEnough

    Examples
    --------
    >>> expected_calibration_error(np.array([50, 50]), np.array([10, 45]), np.array([5.0, 45.0])).value
    0.05
    """
    size = float(np.sum(counts))
    needed = max(minimum, 1)
    if size < needed:
        return NotEnough("too few outcomes", round(size), needed)
    weights, distances, variances = _bins(counts, positives, score_sums)
    value = float((weights * np.abs(distances)).sum())
    variance = float((weights**2 * variances).sum())
    return Estimate(value, max(variance, variance_floor(size)), round(size), round(float(np.sum(positives))))


def _bins(counts: Counts, positives: Counts, score_sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Weight, distance and variance of the outcome rate, for the bins with events."""
    n = np.asarray(counts, dtype=np.float64)
    used = n > 0
    n, p, s = n[used], np.asarray(positives, dtype=np.float64)[used], score_sums[used]
    smoothed = (p + 0.5) / (n + 1.0)
    return n / n.sum(), (p - s) / n, smoothed * (1.0 - smoothed) / n


def _mean_scores(counts: Counts, score_sums: Floats) -> Floats:
    means = np.asarray(score_sums, dtype=np.float64) / np.maximum(np.asarray(counts, dtype=np.float64), 1.0)
    clipped: Floats = np.clip(means, LOWEST_MEAN_SCORE, 1.0 - LOWEST_MEAN_SCORE)
    return clipped


def _lacks_a_class(size: int, n_positive: int, minimum_per_class: int) -> NotEnough | None:
    needed = max(minimum_per_class, 1)
    scarce = min(n_positive, size - n_positive)
    if scarce >= needed:
        return None
    kind = "positive" if scarce == n_positive else "negative"
    return NotEnough(f"too few {kind} outcomes", scarce, needed)
