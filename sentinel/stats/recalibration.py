"""Which kind of shift parts two sides: other scores, another base rate, or scores that mean something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy import special

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.calibration import LOWEST_MEAN_SCORE
from sentinel.stats.chisquare import ChiSquare, g_squared, upper_tail
from sentinel.stats.estimate import DEFAULT_MINIMUM, NotEnough
from sentinel.stats.pooling import LEAST_EXPECTED, pool_sides

ShiftKind = Literal["same", "covariate", "label", "concept"]

LEVEL: Final = 0.005
"""Chance of a false finding that each test is allowed."""
SLOPE_CHANGE: Final = 0.3
"""Log-odds per standard deviation of the score's log-odds: 28 of 32 real leaks changed by more, 5 of 23 others."""
LEVEL_CHANGE: Final = 0.2
"""Log-odds at equal scores: a base rate of .30 that becomes .34. With many events any change passes a test."""
SCORE_CHANGE: Final = 0.02
"""Excess population stability index: a normal score whose mean moves by .14 standard deviations."""

_RIDGE: Final = 1e-3
"""Events' worth of prior on each coefficient: keeps separable fits finite and moves no other by a visible digit."""
_MOST_STEPS: Final = 60
_CONVERGED: Final = 1e-10
"""Relative gain of likelihood, done and still promised, at which steps end."""
_SMALLEST_SCALE: Final = 1e-6
"""Of a step: when even this much of it gains nothing, only rounding is left."""
_LEAST_SPREAD: Final = 1e-9
"""Standard deviation of the log-odds below which all scores are one."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """Two nested likelihood-ratio tests of the outcome's log-odds on the score's, each with one degree of freedom.

    Attributes
    ----------
    level : float, log-odds
        How much likelier outcomes are live at equal scores, by one constant.
    slope : float, log-odds per log-odds of the score
        How much steeper outcomes follow the score live.
    standard_slope : float, log-odds
        The same per standard deviation of the offline score's log-odds.
    p_level, p_slope : float, 0..1
        Of no such change; that of the slope with the level free.
    """

    level: float
    slope: float
    standard_slope: float
    p_level: float
    p_slope: float


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """A test that two sides share a law, with the size of the difference.

    Attributes
    ----------
    p_value : float, 0..1
    excess : float
        Of the population stability index over its mean when nothing differs; about 0 then, of either sign.
    """

    p_value: float
    excess: float


def recalibration(
    offline: Counts,
    online: Counts,
    offline_scores: Floats,
    online_scores: Floats,
    *,
    minimum_per_class: int = DEFAULT_MINIMUM,
) -> Recalibration | NotEnough:
    """Test whether outcomes follow the score as they did offline, counting the error of both sides.

    Parameters
    ----------
    offline, online : array, shape (n_bins, 2)
        Events by score bin and outcome.
    offline_scores, online_scores : float64 array, shape (n_bins,), 0..1
        Mean score of each bin.
    minimum_per_class : int
        Fewer positives or negatives than this on a side is not enough.

    Returns
    -------
    Recalibration, all finite, or NotEnough

    Notes
    -----
    One joint fit: logit P(y) = c0 + c1 L + c2 L^2 + a live + d live L with L the standardised log-odds of the score.
    The square lets the offline curve be bent without that passing for a change. Separable outcomes and a single
    score have a defined result by a weak ridge: no change is found in what cannot be told.

    References
    ----------
    .. [1] Cox (1958), Two further applications of a model for binary regression, Biometrika 45:562-565.
    """
    for counts in (offline, online):
        scarce = int(np.min(np.sum(counts, axis=0)))
        if scarce < minimum_per_class:
            return NotEnough("too few outcomes of one class", scarce, minimum_per_class)
    x, spread = _standardised(offline, offline_scores, online_scores)
    cells = np.concatenate([offline, online]).astype(np.float64)
    used = cells.sum(axis=1) > 0
    live = np.repeat([0.0, 1.0], len(offline))
    design = np.stack([np.ones_like(x), x, x * x, live, live * x])[:, used]
    n, positives = cells[used].sum(axis=1), cells[used, 1]
    fits = [_fit(design[:k], n, positives) for k in (3, 4, 5)]
    (_, same), (levelled, level), (tilted, slope) = fits
    steeper = float(tilted[4])
    return Recalibration(
        level=float(levelled[3]),
        slope=steeper / spread if spread > _LEAST_SPREAD else 0.0,
        standard_slope=steeper,
        p_level=upper_tail(2.0 * (level - same), 1),
        p_slope=upper_tail(2.0 * (slope - level), 1),
    )


def homogeneity(first: Counts, second: Counts) -> Homogeneity | NotEnough:
    """Test that two histograms share one law, neighbouring bins pooled until both sides expect enough events.

    Parameters
    ----------
    first, second : array, shape (n_bins,)

    Returns
    -------
    Homogeneity or NotEnough

    Examples
    --------
    >>> homogeneity(np.array([50, 50]), np.array([100, 100])).p_value
    1.0
    """
    test = _pooled_test(np.asarray(first, np.float64), np.asarray(second, np.float64))
    if isinstance(test, NotEnough):
        return test
    return Homogeneity(test.p_value, _excess([test], [(float(np.sum(first)), float(np.sum(second)))]))


def homogeneity_by_outcome(first: Counts, second: Counts) -> Homogeneity | NotEnough:
    """Test that scores share one law given the outcome: the sum of the tests of both outcomes.

    Parameters
    ----------
    first, second : array, shape (n_bins, 2)

    Returns
    -------
    Homogeneity or NotEnough
    """
    tests: list[ChiSquare] = []
    for outcome in (0, 1):
        test = _pooled_test(np.asarray(first[:, outcome], np.float64), np.asarray(second[:, outcome], np.float64))
        if isinstance(test, NotEnough):
            return test
        tests.append(test)
    sizes = [(float(np.sum(first[:, y])), float(np.sum(second[:, y]))) for y in (0, 1)]
    freedom = sum(test.degrees_of_freedom for test in tests)
    return Homogeneity(upper_tail(sum(test.statistic for test in tests), freedom), _excess(tests, sizes))


def kind_of_shift(meaning: Recalibration, scores: Homogeneity, by_outcome: Homogeneity) -> ShiftKind:
    """Name the shift: each step asks for a small p-value and for a size that matters.

    Parameters
    ----------
    meaning : Recalibration
    scores : Homogeneity
        Of the scores of all predictions.
    by_outcome : Homogeneity
        Of the scores given the outcome.

    Returns
    -------
    str
        ``concept`` where scores mean something else, ``label`` where only the base rate has moved, ``covariate`` where
        only the scores have, ``same`` otherwise.
    """
    if meaning.p_slope < LEVEL and abs(meaning.standard_slope) > SLOPE_CHANGE:
        return "concept"
    if meaning.p_level < LEVEL and abs(meaning.level) > LEVEL_CHANGE:
        return "concept" if _differs(by_outcome) else "label"
    return "covariate" if _differs(scores) else "same"


def _differs(test: Homogeneity) -> bool:
    return test.p_value < LEVEL and test.excess > SCORE_CHANGE


def _standardised(offline: Counts, offline_scores: Floats, online_scores: Floats) -> tuple[Floats, float]:
    """Log-odds of the scores of both sides by the offline mean and standard deviation, and the latter."""
    means = np.concatenate([offline_scores, online_scores])
    odds = special.logit(np.clip(means, LOWEST_MEAN_SCORE, 1.0 - LOWEST_MEAN_SCORE))
    n, before = np.sum(offline, axis=1).astype(np.float64), odds[: len(offline)]
    mean = float((n * before).sum() / n.sum())
    spread = float(np.sqrt((n * (before - mean) ** 2).sum() / n.sum()))
    return (odds - mean) / (spread if spread > _LEAST_SPREAD else 1.0), spread


def _fit(design: Floats, n: Floats, positives: Floats) -> tuple[Floats, float]:
    """Coefficients of a logistic regression and its penalised log likelihood, by damped Newton steps."""
    ridge = np.full(len(design), _RIDGE)
    coefficients = np.zeros(len(design))
    reached = _likelihood(design, n, positives, coefficients, ridge)
    for _ in range(_MOST_STEPS):
        expected = special.expit(coefficients @ design)
        gradient = design @ (positives - n * expected) - ridge * coefficients
        information = (design * (n * expected * (1.0 - expected))) @ design.T + np.diag(ridge)
        step = np.linalg.solve(information, gradient)
        scale, ahead = 1.0, _likelihood(design, n, positives, coefficients + step, ridge)
        while ahead < reached and scale > _SMALLEST_SCALE:
            scale /= 2.0
            ahead = _likelihood(design, n, positives, coefficients + scale * step, ridge)
        gained = ahead - reached
        if gained < 0.0:
            break
        coefficients, reached = coefficients + scale * step, ahead
        if gained <= _CONVERGED * (1.0 + abs(reached)) and float(gradient @ step) <= _CONVERGED * (1.0 + abs(reached)):
            break
    return coefficients, reached


def _likelihood(design: Floats, n: Floats, positives: Floats, coefficients: Floats, ridge: Floats) -> float:
    odds = coefficients @ design
    fit = positives @ special.log_expit(odds) + (n - positives) @ special.log_expit(-odds)
    return float(fit) - 0.5 * float(ridge @ coefficients**2)


def _pooled_test(first: Floats, second: Floats) -> ChiSquare | NotEnough:
    scarce = min(float(first.sum()), float(second.sum()))
    if scarce < LEAST_EXPECTED:
        return NotEnough("too few events on one side", round(scarce), round(LEAST_EXPECTED))
    return g_squared(*pool_sides(first, second))


def _excess(tests: list[ChiSquare], sizes: list[tuple[float, float]]) -> float:
    """G2 is the stability index times n m / (n + m), to first order, and its mean the degrees of freedom."""
    events = sum(first * second / (first + second) for first, second in sizes)
    return sum(test.statistic - test.degrees_of_freedom for test in tests) / events
