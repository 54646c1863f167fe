"""A change after launch: is there one, did the gap begin at launch or later, and when."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from sentinel.stats.arrays import Booleans, Counts, Floats, Values
from sentinel.stats.bayes import log_bayes_factor

BET_RATIOS: Final = (1.1, 1.25, 1.5, 2.0, 3.0)
"""Losses bet on, as multiples of the accepted one: nobody knows how bad a change will be."""
LARGEST_STAKE: Final = 0.9
"""Of the capital, that one event without loss may cost."""
LOSS_RANGE: Final = (1e-6, 1.0 - 1e-6)
"""The accepted loss is clipped to this, so that every bet pays something finite."""


class Prior(NamedTuple):
    """Probabilities, before any outcome, of no gap, a gap from launch on, and a gap that began later."""

    none: float = 0.9
    launch: float = 0.05
    later: float = 0.05


class Onset(NamedTuple):
    """Where the onset of a later gap lies among the splits: the likeliest, and the ends of an interval."""

    likeliest: int
    lower: int
    upper: int


class ChangePosterior(NamedTuple):
    """What is believed after the outcomes.

    Attributes
    ----------
    none, launch, later : float, 0..1, summing to 1
    at_split : float64 array, shape (n_splits,)
        Probability of each split, given that the gap began later; zeros where none can be judged.
    """

    none: float
    launch: float
    later: float
    at_split: Floats


def log_shiryaev_roberts(
    n: Floats,
    totals: Floats,
    accepted: float,
    *,
    squares: Floats | None = None,
    variance: float | None = None,
    ratios: tuple[float, ...] = BET_RATIOS,
) -> Floats:
    """Log of the betting e-Shiryaev-Roberts statistic on a loss in [0, 1], after each pane.

    While the mean loss stays at or below `accepted`, the expected number of panes until the statistic reaches A
    is at least A, whatever the law of the losses; and it reaches A within t panes with probability at most t / A.

    Parameters
    ----------
    n, totals : float64 array, shape (n_panes,)
        Events of each pane and the sum of their losses.
    accepted : float, 0..1
        The mean loss that is no change; a bound from above keeps the promise.
    squares : float64 array, shape (n_panes,), optional
        Sums of the squared losses. With them a loss of little spread is worth larger bets.
    variance : float, optional
        Of one loss while nothing has changed: sizes those bets. Any value is valid.
    ratios : tuple of float, > 1
        Losses bet on, as multiples of `accepted`.

    Returns
    -------
    float64 array, shape (n_panes,), nats, finite

    Notes
    -----
    A bet of l on losses x above m multiplies the capital by prod (1 + l (x - m)), of mean at most 1 while the mean
    of x is at most m. Of a pane only sums are known, and the larger of two lower bounds stands for the logarithm:
    the chord S ln(1 + l (1 - m)) + (n - S) ln(1 - l m), exact for losses of 0 and 1; and l (S - n m) +
    (ln(1 - l m) + l m) Q / m^2 with Q the sum of (x - m)^2, which is Fan's inequality. Capitals c_s that start
    at every pane s are added, R_t = (1 + R_(t-1)) L_t, and averaged over the bets l = (m1 - m) / v with v = m (1 - m)
    and, where the squares are known, also v = `variance`; m1 the loss bet on. Everything is computed in logarithms.

    References
    ----------
    .. [1] Shin, Ramdas & Rinaldo (2023), E-detectors: a nonparametric framework for sequential change detection,
       arXiv 2203.03532. There M_t is our statistic, the e-SR detector.
    .. [2] Fan, Grama & Liu (2015), Exponential inequalities for martingales with applications, for
       ln(1 + a y) >= a y + y^2 (ln(1 - a) + a), y >= -1, 0 <= a < 1. Here y = (x - m) / m and a = l m.

    Examples
    --------
    >>> one = np.ones(1)  # one sure loss where .1 is accepted: bet j makes m1 / m of it
    >>> bool(np.isclose(np.exp(log_shiryaev_roberts(one, one, 0.1))[0], np.mean(BET_RATIOS)))
    True
    """
    n, totals = np.asarray(n, np.float64), np.asarray(totals, np.float64)
    mean = float(np.clip(accepted, *LOSS_RANGE))
    gains = (np.asarray(ratios) - 1.0) * mean
    spreads = np.array([mean * (1.0 - mean)])
    if squares is not None and variance is not None:
        spreads = np.array([mean * (1.0 - mean), max(variance, mean * mean)])  # below that all bets are the largest
    bets = np.minimum((gains[:, None] / spreads).ravel(), LARGEST_STAKE / mean)
    growth = np.outer(totals, np.log1p(bets * (1.0 - mean))) + np.outer(n - totals, np.log1p(-bets * mean))
    if squares is not None:
        deviation = np.maximum(squares - 2.0 * mean * totals + n * mean * mean, 0.0)
        penalty = (np.log1p(-bets * mean) + bets * mean) / (mean * mean)
        growth = np.maximum(growth, np.outer(totals - n * mean, bets) + np.outer(deviation, penalty))
    capital = np.cumsum(growth, axis=0)
    started = np.logaddexp.accumulate(growth - capital, axis=0)
    return np.asarray(special.logsumexp(capital + started, axis=1) - math.log(bets.size))


def split_masses(splits: Counts) -> Floats:
    """Prior probability of the interval of onsets that each split stands for.

    Parameters
    ----------
    splits : int array, shape (n_splits,), ascending, >= 1
        Panes before each split. A split stands for the onsets after the one before it, itself included.

    Returns
    -------
    float64 array, shape (n_splits,), >= 0, summing to less than 1
        The rest belongs to onsets that are yet to come.

    Notes
    -----
    An onset of at most s panes has probability 1 - ln 2 / ln(s + 2): heavy-tailed like 1 / (s ln^2 s), summing to
    one over all time. The interval has the difference at its ends. The weight at one end times the length of the
    interval is no probability: it sums to far more than one, and then false alarms are the rule.

    Examples
    --------
    >>> split_masses(np.array([2, 6])).round(4)  # 1 - 1/2, 1/2 - 1/3
    array([0.5   , 0.1667])
    """
    ends = np.concatenate([[0.0], np.asarray(splits, np.float64)])
    return np.asarray(-np.diff(math.log(2.0) / np.log(ends + 2.0)))


def split_log_evidence(gap: Floats, variance: Floats, usable: Booleans, tau: Values, tolerance: Values = 0.0) -> Floats:
    """Log Bayes factor at each split that what came after is worse than what came before.

    Parameters
    ----------
    gap, variance : float64 array, shape (n_splits,)
        Before less after (after less before for a loss), and the sum of both variances.
    usable : bool array, shape (n_splits,)
        False where a side has too few events.
    tau, tolerance : float
        As in `log_bayes_factor`.

    Returns
    -------
    float64 array, shape (n_splits,), nats; 0, which is no evidence, where not usable
    """
    evidence = log_bayes_factor(np.where(usable, gap, 0.0), np.where(usable, variance, 1.0), tau, tolerance)
    return np.where(usable, evidence, 0.0)


def mixed_log_evidence(log_evidence: Floats, masses: Floats) -> float:
    """Log e-value of a change at any split.

    Parameters
    ----------
    log_evidence : float64 array, shape (n_splits,), nats
        Of each split; 0 where it cannot be judged yet.
    masses : float64 array, shape (n_splits,)
        From `split_masses`. What they leave to the future counts as no evidence.

    Returns
    -------
    float, nats; 0 without splits

    Examples
    --------
    >>> round(math.exp(mixed_log_evidence(np.log([7.0, 1.0]), np.array([0.5, 0.2]))), 9)  # 3.5 + .2 + .3
    4.0
    """
    rest = max(1.0 - float(masses.sum()), 0.0)
    terms = np.concatenate([log_evidence + np.log(np.maximum(masses, 1e-300)), [math.log(max(rest, 1e-300))]])
    return float(special.logsumexp(terms))


def pool(first: Values, first_variance: Values, second: Values, second_variance: Values) -> tuple[Floats, Floats]:
    """Two independent estimates of one quantity as one, weighted by their precision.

    Parameters
    ----------
    first, second : float or array
    first_variance, second_variance : float or array, > 0

    Returns
    -------
    (value, variance) : float64 arrays of the broadcast shape

    Examples
    --------
    >>> value, variance = pool(0.8, 0.01, 0.6, 0.03)
    >>> float(value.round(4)), float(variance.round(4))
    (0.75, 0.0075)
    """
    a, b = np.asarray(first_variance, np.float64), np.asarray(second_variance, np.float64)
    value = (np.asarray(first) * b + np.asarray(second) * a) / (a + b)
    return np.asarray(value), np.asarray(a * b / (a + b))


def change_posterior(
    log_launch: float, log_later: Floats, usable: Booleans, prior: Prior | None = None
) -> ChangePosterior:
    """No gap, a gap from launch on, or a gap that began later.

    Parameters
    ----------
    log_launch : float, nats
        Log Bayes factor of offline against all of live; 0 where it cannot be judged.
    log_later : float64 array, shape (n_splits,), nats
        Log Bayes factor at each split of offline pooled with live before it, against live after it.
    usable : bool array, shape (n_splits,)
        Splits that can be judged. The others take no part.
    prior : Prior, optional

    Returns
    -------
    ChangePosterior

    Notes
    -----
    Each Bayes factor is against the same hypothesis of one level throughout: a gap from launch leaves the contrast of
    live before and after a split as it is, a later one that of offline and live before it. A later onset is equally
    likely at every usable split.

    Examples
    --------
    >>> belief = change_posterior(math.log(18.0), np.zeros(0), np.zeros(0, bool))  # .9 x 1 : .05 x 18 : .05 x 1
    >>> round(belief.none, 4), round(belief.launch, 4), round(belief.later, 4)
    (0.4865, 0.4865, 0.027)
    """
    weights = prior or Prior()
    terms = np.where(usable, log_later, -np.inf)
    any_split = bool(usable.any())
    log_any = float(special.logsumexp(terms)) - math.log(int(usable.sum())) if any_split else 0.0
    with np.errstate(divide="ignore"):
        logs = np.log(np.array(weights, np.float64)) + np.array([0.0, log_launch, log_any])
    none, launch, later = special.softmax(logs).tolist()
    return ChangePosterior(none, launch, later, special.softmax(terms) if any_split else np.zeros(len(usable)))


def locate(at_split: Floats, level: float = 0.95) -> Onset:
    """The likeliest split, and the shortest central interval of splits with at least `level` of the probability.

    Parameters
    ----------
    at_split : float64 array, shape (n_splits,), summing to 1
    level : float, 0 < level < 1

    Returns
    -------
    Onset
        Indices of splits: below ``lower`` and above ``upper`` lies at most (1 - level) / 2 each.

    Examples
    --------
    >>> locate(np.array([0.01, 0.02, 0.9, 0.06, 0.01]))
    Onset(likeliest=2, lower=1, upper=3)
    """
    tail = (1.0 - level) / 2.0
    lower = int(np.searchsorted(np.cumsum(at_split), tail, side="right"))
    upper = at_split.size - 1 - int(np.searchsorted(np.cumsum(at_split[::-1]), tail, side="right"))
    return Onset(int(at_split.argmax()), lower, upper)
