"""Do scores mean what they say? Calibration from counts, positives and score sums per bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.chisquare import ChiSquare, upper_tail
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, Measured, NotEnough, variance_floor
from sentinel.stats.logistic import fit_line
from sentinel.stats.rates import rate

LOWEST_MEAN_SCORE: Final = 1e-6
"""Mean scores are clipped to [1e-6, 1 - 1e-6]: 13.8 on the log-odds scale, beyond any score worth a bin."""


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


MINIMUM_SCORES = 2
"""Score bins in use that a slope needs: over one bin any slope fits, and the ridge alone would decide."""


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

    Biased upwards: about sum_b (n_b/n) sqrt(2 p (1-p) / (pi n_b)) for a perfect model. Compare sides with
    `debiased_calibration_error`.

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


def debiased_calibration_error(
    counts: Counts, positives: Counts, score_sums: Floats, *, minimum: int = DEFAULT_MINIMUM
) -> Measured:
    """Mean squared distance between outcome rate and mean score per bin, less what sampling alone adds.

    Parameters
    ----------
    counts, positives : array, shape (n_bins,)
        Bins with a single event carry no information about their own noise and are left out.
    score_sums : float64 array, shape (n_bins,)
    minimum : int
        Events in bins of two or more.

    Returns
    -------
    Estimate, squared probability, -0.25..1 (near zero, and below it half of the time, for a perfect model),
    or NotEnough

    Notes
    -----
    E (ybar - s)^2 = (true distance)^2 + p (1 - p) / n, and ybar (1 - ybar) / (n - 1) is unbiased for the
    second term. Taking the positive part, bin by bin or of the sum, would bring the bias back; that is left
    to whoever displays it. Given the scores, Var d^2 = 4 D^2 v + 2 v^2, with v the variance of ybar and D the
    true distance, for whose square d^2 - v is unbiased; the sum of the first terms counts only if it is
    positive.

    References
    ----------
    .. [1] Broecker (2012), Estimating reliability and resolution of probability forecasts, Climate Dynamics
       39:655-667.
    .. [2] Kumar, Liang & Ma (2019), Verified uncertainty calibration, NeurIPS.

    Examples
    --------
    >>> exact = debiased_calibration_error(np.array([50, 50]), np.array([10, 45]), np.array([10.0, 45.0]))
    >>> round(exact.value, 6)  # -(.2 * .8 + .9 * .1) / 2 / 49
    -0.002551
    """
    several = np.asarray(counts) > 1
    counts, positives, score_sums = counts[several], positives[several], score_sums[several]
    size = float(np.sum(counts))
    needed = max(minimum, 2)
    if size < needed:
        return NotEnough("too few outcomes in bins of two or more", round(size), needed)
    weights, distances, variances = _bins(counts, positives, score_sums)
    n = np.asarray(counts, dtype=np.float64)
    seen = np.asarray(positives, dtype=np.float64) / n
    value = float((weights * (distances**2 - seen * (1.0 - seen) / (n - 1.0))).sum())
    chance = float((weights**2 * 2.0 * variances**2).sum())
    distant = float((weights**2 * 4.0 * (distances**2 - variances) * variances).sum())
    variance = chance + max(distant, 0.0)
    return Estimate(value, max(variance, variance_floor(size) ** 2), round(size), round(float(np.sum(positives))))


def calibration_test(
    counts: Counts, positives: Counts, score_sums: Floats, *, minimum_expected: float = 5.0
) -> ChiSquare | NotEnough:
    """Test that every outcome has its score as probability: sum (P - S)^2 / (n s (1 - s)) over bins.

    Neighbouring bins are pooled until each expects `minimum_expected` positives and negatives. Slightly
    conservative: scores that differ within a bin vary less than n s (1 - s).

    Parameters
    ----------
    counts, positives : array, shape (n_bins,)
        In ascending order of the score.
    score_sums : float64 array, shape (n_bins,)
    minimum_expected : float, > 0, events

    Returns
    -------
    ChiSquare with one degree of freedom a pooled bin (nothing was fitted), or NotEnough

    Examples
    --------
    >>> calibration_test(np.array([100, 100]), np.array([30, 50]), np.array([20.0, 50.0])).statistic
    6.25
    """
    size = round(float(np.sum(counts)))
    pooled = _pool(counts, positives, score_sums, minimum_expected)
    if pooled.size == 0:
        return NotEnough("too few expected positives or negatives", size, size + 1)
    n, p, s = pooled
    statistic = float(((p - s) ** 2 / (s * (1.0 - s / n))).sum())
    return ChiSquare(statistic, n.size, upper_tail(statistic, n.size), size)


def _pool(counts: Counts, positives: Counts, score_sums: Floats, minimum: float) -> Floats:
    """Rows n, P, S of pooled neighbours; what is left over at the end joins the last."""
    rows: list[list[float]] = []
    open_row = [0.0, 0.0, 0.0]
    for n, p, s in zip(counts.tolist(), positives.tolist(), score_sums.tolist(), strict=True):
        open_row = [open_row[0] + n, open_row[1] + p, open_row[2] + s]
        if min(open_row[2], open_row[0] - open_row[2]) >= minimum:
            rows.append(open_row)
            open_row = [0.0, 0.0, 0.0]
    if rows:
        rows[-1] = [kept + rest for kept, rest in zip(rows[-1], open_row, strict=True)]
    return np.array(rows, dtype=np.float64).T


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
