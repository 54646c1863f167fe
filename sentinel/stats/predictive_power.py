"""What one binned feature alone says of an outcome: concordance, information value, predictive power score."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

from sentinel.stats.arrays import Counts, Floats

PSEUDOCOUNT: Final = 0.5
"""Events added to each cell, so that an empty one stays finite."""


def concordance_parts(tables: Counts) -> tuple[Floats, Floats]:
    """Pairs of events with different outcomes that the bins put in the right order, ties half, and all such pairs.

    Parameters
    ----------
    tables : array, shape (..., n_bins, n_kinds)
        Events by bin, in the order of what the feature promises, and by outcome, in its own order.

    Returns
    -------
    (won, pairs) : float64 arrays, shape (...)
        Their ratio is the concordance: with two kinds the area under the ROC curve, 0.5 of a feature that knows
        nothing.

    References
    ----------
    .. [1] Harrell, Califf, Pryor, Lee & Rosati (1982), Evaluating the yield of medical tests, JAMA 247:2543-2546.

    Examples
    --------
    >>> won, pairs = concordance_parts(np.array([[30, 10], [10, 30]]))
    >>> float(won / pairs)
    0.75
    """
    cells = np.asarray(tables, np.float64)
    lower = np.cumsum(cells, axis=-1) - cells  # of a lower outcome, in the same bin
    beaten = np.cumsum(lower, axis=-2) - 0.5 * lower
    won = np.einsum("...bk,...bk->...", cells, beaten)
    n = cells.sum(axis=-2)
    pairs = np.einsum("...k,...k->...", n, np.cumsum(n, axis=-1) - n)
    return won, pairs


def information_value(table: Counts) -> float:
    """Symmetrised divergence of the feature's law between both outcomes, beyond what chance alone brings about.

    Parameters
    ----------
    table : array, shape (n_bins, 2)
        Events by bin and outcome.

    Returns
    -------
    float, nats
        0 on average where the feature knows nothing (then below 0 half of the time), and without one of the outcomes.

    Notes
    -----
    sum (p1 - p0) ln(p1 / p0), each cell with half an event more, less (k - 1)(1/n1 + 1/n0) for k bins in use.

    References
    ----------
    .. [1] Kullback & Leibler (1951), Ann. Math. Stat. 22:79-86, their J(1, 2).

    Examples
    --------
    >>> round(information_value(np.array([[9000, 1000], [1000, 9000]])), 2)  # .8 ln 9 twice
    3.51
    """
    used = np.asarray(table, np.float64)[np.asarray(table).sum(axis=1) > 0]
    n = used.sum(axis=0)
    if len(used) < 2 or n.min() <= 0:
        return 0.0
    shares = (used + PSEUDOCOUNT) / (n + PSEUDOCOUNT * len(used))
    value = float(((shares[:, 1] - shares[:, 0]) * np.log(shares[:, 1] / shares[:, 0])).sum())
    return value - (len(used) - 1) * float((1.0 / n).sum())


def explained_entropy(table: Counts) -> float:
    """Share of the outcome's entropy that the feature takes away, beyond what chance alone brings about.

    Parameters
    ----------
    table : array, shape (n_bins, n_kinds)

    Returns
    -------
    float, at most 1
        0 on average where the feature knows nothing, and where the outcome never changes.

    Notes
    -----
    Theil's uncertainty coefficient I / H, with (k - 1)(c - 1) / 2n taken off the mutual information I.

    References
    ----------
    .. [1] Theil (1970), Am. J. Sociol. 76:103-154; Miller (1955), Note on the bias of information estimates.

    Examples
    --------
    >>> round(explained_entropy(np.diag([5000, 5000, 5000])), 3)
    1.0
    """
    cells = np.asarray(table, np.float64)
    cells = cells[cells.sum(axis=1) > 0][:, cells.sum(axis=0) > 0]
    if min(cells.shape) < 2:
        return 0.0
    n = float(cells.sum())
    parts = [float(special.entr(part / n).sum()) for part in (cells, cells.sum(axis=1), cells.sum(axis=0))]
    known = parts[1] + parts[2] - parts[0] - (cells.shape[0] - 1) * (cells.shape[1] - 1) / (2.0 * n)
    return float(known / parts[2])


def predictive_power(reference: Counts, judged: Counts, values: Floats | None = None) -> float:
    """Predictive power score: how far a guess by the bin alone is better than one without it, 0 to 1.

    Parameters
    ----------
    reference, judged : array, shape (..., n_bins, n_kinds)
        Events by which each bin's guess is chosen, and other events that it is judged by; leading axes are folds.
    values : float64 array, shape (n_kinds,), optional
        Of kinds that are steps of a number; without, they are classes.

    Returns
    -------
    float, 0..1

    Notes
    -----
    Classes: each bin says its commonest class; (F - F0) / (1 - F0) with F the F1 of all classes weighted by their
    size, F0 the better of always saying the commonest class and of saying classes by their shares. Numbers: each bin
    says its median; 1 - MAE / MAE0, MAE0 that of the median of all. The published score fits a decision tree; bins of
    equal size are its tree with all the leaves given.

    References
    ----------
    .. [1] Wetschoreck, Krabel & Krishnamurthy (2020), ppscore, doi:10.5281/zenodo.4091345.

    Examples
    --------
    >>> table = np.array([[90, 10], [10, 90]])
    >>> round(predictive_power(table, table), 6)  # F = .9, F0 = .5
    0.8
    """
    reference, judged = (np.asarray(part, np.float64) for part in (reference, judged))
    overall = reference.sum(axis=-2, keepdims=True)
    seen = np.where(reference.sum(axis=-1, keepdims=True) > 0, reference, overall)
    if values is not None:
        return _power_of_numbers(seen, overall, judged, values)
    n_kinds = judged.shape[-1]
    guess = seen.argmax(axis=-1).ravel()
    confusion = np.zeros((n_kinds, n_kinds))
    np.add.at(confusion, guess, judged.reshape(-1, n_kinds))
    shares = confusion.sum(axis=0) / max(float(confusion.sum()), 1.0)
    most = float(shares[int(overall.reshape(-1, n_kinds).sum(axis=0).argmax())])
    naive = max(2.0 * most**2 / (1.0 + most), float((shares**2).sum()))
    if naive >= 1.0 or not shares.any():
        return 0.0
    size = confusion.sum(axis=0) + confusion.sum(axis=1)
    f1 = 2.0 * np.diag(confusion) / np.maximum(size, 1.0)
    return max((float((shares * f1).sum()) - naive) / (1.0 - naive), 0.0)


def _power_of_numbers(seen: Floats, overall: Floats, judged: Floats, values: Floats) -> float:
    error = _errors(seen, judged, values)
    naive = _errors(np.broadcast_to(overall, seen.shape), judged, values)
    return max(1.0 - error / naive, 0.0) if naive > 0.0 else 0.0


def _errors(chosen_by: Floats, judged: Floats, values: Floats) -> float:
    half = np.cumsum(chosen_by, axis=-1) >= 0.5 * chosen_by.sum(axis=-1, keepdims=True)
    guess = values[half.argmax(axis=-1)]
    return float((judged * np.abs(guess[..., None] - values)).sum())
