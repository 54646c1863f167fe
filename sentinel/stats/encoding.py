"""Does a feature hold the very outcomes it is judged by? Their means follow it closer than chance allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from sentinel.stats.arrays import Booleans, Floats
from sentinel.stats.chisquare import upper_tail
from sentinel.stats.estimate import NotEnough
from sentinel.stats.logistic import fit_line

LEAST_INFORMATION: Final = 0.5
"""Binomial variance of a value's judged positives, below which it is left out: its residual tells next to nothing."""
LEAST_VALUES: Final = 5
"""Values with that much information."""
LEAST_TOTAL: Final = 0.8
"""Dispersion about the mean of all. Below it outcomes are spread evenly by design (one choice a session, matched
pairs), whatever the feature."""
ENCODED_DISPERSION: Final = 0.5
"""Dispersion about the feature from which it may be an encoding,"""
ENCODED_P: Final = 1e-6
"""if chance gives it less often than this."""
PURE_END_P: Final = 0.05
"""Each end alone: chance that an honest rate of 0 (of 1) stands for so many rows without one exception."""
CALIBRATED_P: Final = 1e-3
"""From which the values between the ends count as the means of their outcomes."""
_ROUNDED: Final = 1e-4
"""Values that are all multiples of this are rounded numbers, not counts divided by counts."""
_REWEIGHTED: Final = 3
"""Times that the weights of the straight line are taken anew."""
_STRENGTHS: Final = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0)
"""Rows' worth of the mean of all that encoders are usually told to add to each group."""
_LARGEST_GROUP: Final = 300
"""Rows of a group up to which its size is guessed from the value."""
_TRIED: Final = 32
"""Values, the most frequent ones, that tell whether a guess is worth the others."""
_SAME: Final = 1e-7
"""Values that differ by less are the same: what 32-bit numbers keep; of values rounded to these digits, half a step."""
_SLACK: Final = 1.01
"""On that: sums of products are rounded too."""
_NEAR_WHOLE: Final = 1e-6
"""Steps by which a multiple of the step may miss a whole number of them."""
_DIGITS: Final = (4, 5, 6)
"""That values are tried to be rounded to."""
_LEAST_GUESSED: Final = 0.8
"""Share of values that a guess must fit,"""
_BY_CHANCE: Final = 0.1
"""and share that it may fit by chance: how many sizes are tried depends on it."""
_N_FITS: Final = 3
"""Lines that are tried: the p-value of the closest counts so many times."""


@dataclass(frozen=True, slots=True)
class Closeness:
    """How closely the outcomes of rows that share a value follow the value.

    Attributes
    ----------
    dispersion : float, >= 0
        Squared distance of the means from the line through them, in binomial variances of the judged rows: 1 or more
        for an honest feature.
    total : float, >= 0
        The same about the mean of all rows.
    p_value : float, 0..1
        Chance of a dispersion as low under independent outcomes.
    n_values : int
        Values that entered.
    n : int
        Judged rows with these values.
    """

    dispersion: float
    total: float
    p_value: float
    n_values: int
    n: int

    @property
    def is_encoded(self) -> bool:
        """Whether the feature was made from these outcomes."""
        return self.dispersion < ENCODED_DISPERSION and self.p_value < ENCODED_P and self.total >= LEAST_TOTAL


def closeness(
    values: Floats, n: Floats, positives: Floats, judged: Floats | None = None, priors: tuple[float, ...] = ()
) -> Closeness | NotEnough:
    """Test whether the mean outcome of the rows that share a value follows the value closer than chance allows.

    Parameters
    ----------
    values : float64 array, shape (n_values,), finite and distinct
    n, positives : float64 array, shape (n_values,)
        Rows with the value, and positive outcomes among them.
    judged : float64 array, shape (n_values,), optional
        Validation rows among them; default all. The others (training rows) may have been encoded with themselves,
        as is usual; only the validation rows' outcomes must be news to the feature.
    priors : tuple of float, optional
        Means towards which an encoder may have drawn small groups; default that of these rows.

    Returns
    -------
    Closeness, or NotEnough with too few values that repeat

    Notes
    -----
    Let value v have N rows with S positives, m of the rows judged, and let f be the line of S / N on v by weighted
    least squares: a straight line, one in the log-odds, and what v stands for if it is a smoothed mean of a small
    group. The closest counts, and its p-value three times. If the judged outcomes are independent given v, with any
    mean, the sum over G values

        X = sum (S - N f)^2 / (m f (1 - f))

    is at least a (non-central) chi-square with G - 2 degrees of freedom, whatever the other rows hold: a misfit,
    another mean of the judged rows and overdispersion only add to it. An encoding that holds all N outcomes has
    S = N f, and X near 0; where a share u of the rows that it holds is not at hand, and a share w is judged, X is near
    G u (1 - u) / w, which is G (1 - w) for validation rows alone.

    The binomial law is discrete and skewed. Each S is treated as known to half a row, which adds 1 / (12 m f (1 - f)),
    and the law is a gamma law with the binomial variance, sum 2 + (1 - 6 f (1 - f)) / (m f (1 - f)), where that is
    the larger one.

    ``benchmarks.encoded_features`` simulates: of honest features (counts, amounts, scores and log-odds rounded, entity
    attributes, lagged, out-of-fold and training-fitted encodings) far fewer than the level come below it, so it is
    conservative. What share of true encodings is found, by rows, groups and base rate, stands in the explanation of
    the verdict.

    Examples
    --------
    >>> cells = np.arange(20.0)
    >>> rows = np.full(20, 200.0)
    >>> closeness(cells / 20, rows, 10 * cells).is_encoded
    True
    """
    values, n, positives = (np.asarray(part, np.float64) for part in (values, n, positives))
    judged = n if judged is None else np.asarray(judged, np.float64)
    if len(values) < LEAST_VALUES:
        return NotEnough("too few distinct values", len(values), LEAST_VALUES)
    mean = float(positives.sum() / n.sum())
    if not 0.0 < mean < 1.0:
        return NotEnough("outcomes of one class", 1, 2)
    x = values / max(float(np.abs(values).max()), 1e-300)  # its squares stay finite
    x = (x - x.mean()) / max(float(x.std()), 1e-300)
    fits = [
        _straight(x, n, positives, mean),
        _logistic(x, n, positives),
        _smoothed(values, n, (*(priors or (mean,)), 0.5)),
    ]
    found = [_judge(fit, n, positives, judged, mean) for fit in fits if fit is not None]
    kept = [one for one in found if isinstance(one, Closeness)]
    return min(kept, key=lambda one: (one.p_value, one.dispersion)) if kept else found[0]


def _judge(fit: Floats, n: Floats, positives: Floats, judged: Floats, mean: float) -> Closeness | NotEnough:
    variance = fit * (1.0 - fit)
    told: Booleans = judged * np.minimum(variance, mean * (1.0 - mean)) >= LEAST_INFORMATION
    n_values = int(told.sum())
    if n_values < LEAST_VALUES:
        return NotEnough("too few values that repeat", n_values, LEAST_VALUES)
    n, positives, fit, information = n[told], positives[told], fit[told], (judged * variance)[told]
    freedom = n_values - 2
    statistic = float(((positives - n * fit) ** 2 / information).sum())
    total = float(((positives - n * mean) ** 2 / (judged[told] * mean * (1.0 - mean))).sum()) / (n_values - 1)
    spread = float((2.0 + (1.0 - 6.0 * variance[told]) / information).sum())
    gamma = min(float(freedom), 2.0 * freedom**2 / max(spread, 1e-300))
    reached = statistic + float((1.0 / (12.0 * information)).sum())
    p_value = min(_N_FITS * float(special.chdtr(gamma, reached * gamma / freedom)), 1.0)
    return Closeness(statistic / freedom, total, p_value, n_values, int(judged[told].sum()))


def _straight(x: Floats, n: Floats, positives: Floats, mean: float) -> Floats:
    """Means by a straight line, within what a proportion of so many rows can be."""
    edge = 1.0 / (float(n.sum()) + 2.0)
    least = mean * (1.0 - mean) / 10.0
    fit = np.full(len(x), mean)
    for _ in range(_REWEIGHTED):
        weights = n / np.maximum(fit * (1.0 - fit), least)
        centre = float((weights * x).sum() / weights.sum())
        level = float((weights * positives / n).sum() / weights.sum())
        spread = float((weights * (x - centre) ** 2).sum())
        slope = float((weights * (x - centre) * (positives / n - level)).sum()) / max(spread, 1e-300)
        fit = np.clip(level + slope * (x - centre), edge, 1.0 - edge)
    return fit


def _logistic(x: Floats, n: Floats, positives: Floats) -> Floats | None:
    line = fit_line(x, n, positives)
    if line is None or line.penalised:
        return None
    edge = 1.0 / (float(n.sum()) + 2.0)
    return np.asarray(np.clip(special.expit(line.intercept + line.slope * x), edge, 1.0 - edge))


def _smoothed(values: Floats, n: Floats, priors: tuple[float, ...]) -> Floats | None:
    """Means s / k by which each value is (s + r m) / (k + r), for the usual strengths r and one of the priors m.

    A line cannot follow these where groups are small and differ in size. What a value stands for is read off the value
    alone, never off its outcomes. None where the values are no such means.
    """
    values = np.clip(values, -1.0, 2.0)  # what lies outside of 0 to 1 fits in no case
    tried = values[np.argsort(-n, kind="stable")[:_TRIED]]
    same = next((0.5 * 10.0**-digits for digits in _DIGITS if _is_rounded(tried, 10.0**-digits)), _SAME)
    for prior in dict.fromkeys(priors):
        for strength in _STRENGTHS:
            if np.isfinite(_guess(tried, strength, prior, same)).mean() >= _LEAST_GUESSED:
                guessed = _guess(values, strength, prior, same)
                return np.where(np.isfinite(guessed), guessed, 0.0)  # without variance: it is left out
    return None


def _guess(values: Floats, strength: float, prior: float, same: float) -> Floats:
    """Of each value the mean s / k with the smallest k, NaN where there is none."""
    # A number fits a size k by chance with probability 2 (k + r) same: up to size K, about same K^2 in all.
    largest = min(_LARGEST_GROUP, math.isqrt(int(_BY_CHANCE / same)))
    sizes = np.arange(1.0, largest + 1.0)
    sums = np.outer(values, sizes + strength) - strength * prior
    whole = np.round(sums)
    fits = (np.abs(sums - whole) <= _SLACK * same * (sizes + strength)) & (whole >= 0.0) & (whole <= sizes)
    at = fits.argmax(axis=1)
    rows = np.arange(len(values))
    return np.where(fits[rows, at], whole[rows, at] / sizes[at], np.nan)


def pure_ends(values: Floats, n: Floats, positives: Floats) -> Closeness | None:
    """Find a mean of outcomes that holds the rows' own: 0 is never positive, 1 always, and what is between is true.

    Where most groups have a row or two, most values are 0 and 1, and only a part of each group is at hand, the means
    of the others vary as chance has it. But an honest rate of 0 out of few is not 0: it stands for all that rounds to
    it, up to half way to the next value.

    Parameters
    ----------
    values, n, positives : float64 array, shape (n_values,)
        As in `closeness`, of validation rows alone.

    Returns
    -------
    Closeness or None
        None where it is not so. ``p_value`` is the chance of such ends, were the mean at either a quarter of the way to
        the next value; ``dispersion`` is that of the values between, about themselves.

    Examples
    --------
    >>> thirds = np.array([0.0, 1 / 3, 1 / 2, 2 / 3, 1.0])
    >>> found = pure_ends(thirds, np.full(5, 600.0), np.array([0.0, 200, 300, 400, 600]))
    >>> found.dispersion, found.n_values
    (0.0, 5)
    """
    inner = (values > 0.0) & (values < 1.0)
    if values.min(initial=1.0) != 0.0 or values.max(initial=0.0) != 1.0 or int(inner.sum()) < LEAST_VALUES - 2:
        return None
    low, high = values == 0.0, values == 1.0
    if positives[low].sum() > 0 or (n - positives)[high].sum() > 0 or _is_rounded(values[inner]):
        return None
    steps = float(values[inner].min()), float(1.0 - values[inner].max())
    sizes = float(n[low].sum()), float(n[high].sum())
    chances = [math.exp(size * math.log1p(-step / 4.0)) for size, step in zip(sizes, steps, strict=True)]
    told = inner & (n * values * (1.0 - values) >= LEAST_INFORMATION)
    n_values = int(told.sum())
    if max(chances) > PURE_END_P or n_values < LEAST_VALUES - 2:
        return None
    v, rows, hits = values[told], n[told], positives[told]
    statistic = float(((hits - rows * v) ** 2 / (rows * v * (1.0 - v))).sum())
    mean = float(hits.sum() / rows.sum())
    if not 0.0 < mean < 1.0 or upper_tail(statistic, n_values) < CALIBRATED_P:
        return None
    about_mean = float(((hits - rows * mean) ** 2 / (rows * mean * (1.0 - mean))).sum())
    p_value = chances[0] * chances[1]
    if upper_tail(about_mean, n_values - 1) > ENCODED_P or p_value > ENCODED_P:
        return None
    return Closeness(statistic / n_values, about_mean / (n_values - 1), p_value, len(values), int(n.sum()))


def _is_rounded(values: Floats, step: float = _ROUNDED) -> bool:
    steps = values / step
    return bool((np.abs(steps - np.round(steps)) < _NEAR_WHOLE).all())
