"""Where to cut scores and features into bins, so that binned metrics stay exact enough and faults stay visible."""

from __future__ import annotations

import math

import numpy as np

from sentinel.events.batch import F64

N_SCORE_QUANTILES = 64
"""Quantiles of all scores, and again of the positives' scores: on real streams the AUC is then within .008."""
MAX_SEPARATE_SCORES = 128
"""Up to so many distinct scores each have a bin of their own, and the AUC is exact."""
N_SLICE_EDGES = 31
N_FEATURE_BINS = 20
MAX_SEPARATE_VALUES = 32
"""Up to so many distinct values of a feature each have a bin of their own."""
ATOM_RATIO = 1 / N_FEATURE_BINS
"""A value with more of the mass than this has a bin of its own: a default that is served must show."""
_LARGEST = float(np.finfo(np.float64).max)
_GRID = tuple(1 / (1 + math.exp(-x)) for x in range(-9, 10))


def score_edges(scores: F64, positive_scores: F64) -> tuple[float, ...]:
    """Choose the inner edges of the score bins from offline scores.

    Parameters
    ----------
    scores, positive_scores : float64 array, any length
        A sample of all, and of those with a positive outcome. What is not in [0, 1] is left out.

    Returns
    -------
    tuple of float, ascending; bin i is [edges[i-1], edges[i])

    Notes
    -----
    The union of the quantiles of both samples: uniform bins are up to .2 wrong where positives are rare. Few
    distinct scores are split between the values. A score that repeats over several quantiles has a bin of its own.
    With at most two distinct scores a coarse grid, even in log-odds, is added: live scores may be others.

    Examples
    --------
    >>> score_edges(np.array([0.1, 0.3, 0.3, 0.7]), np.empty(0))
    (0.2, 0.5)
    """
    known = _probabilities(scores)
    edges = _hybrid_edges(known, _probabilities(positive_scores))
    return _ascending(np.append(edges, _GRID)) if len(np.unique(known)) <= 2 else _ascending(edges)


def predicted_edges(predicted: F64, high: F64) -> tuple[float, ...]:
    """Choose the inner edges of the bins of predicted numbers: those of `score_edges` without its range.

    Parameters
    ----------
    predicted, high : float64 array, any length
        A sample of all, and of those whose outcome is a high one. What is not finite is left out.

    Returns
    -------
    tuple of float, ascending

    Examples
    --------
    >>> predicted_edges(np.array([-10.0, 0.0, 0.0, 30.0, np.nan]), np.empty(0))
    (-5.0, 15.0)
    """
    return _ascending(_hybrid_edges(predicted[np.isfinite(predicted)], high[np.isfinite(high)]))


def _hybrid_edges(values: F64, chosen: F64) -> F64:
    """Quantiles of all values, and again of the chosen ones; between few distinct values."""
    known = np.sort(values)
    distinct = np.unique(known)
    if len(distinct) <= MAX_SEPARATE_SCORES:
        return between(distinct)
    cuts = [_quantile_cuts(known, N_SCORE_QUANTILES)]
    if len(chosen):
        cuts.append(_quantile_cuts(np.sort(chosen), N_SCORE_QUANTILES))
    edges: F64 = np.concatenate(cuts)
    inside: F64 = edges[(edges > distinct[0]) & (edges <= distinct[-1])]
    return inside


def slice_edges(edges: tuple[float, ...]) -> tuple[float, ...]:
    """Choose the coarser edges of the slices: a subset, evenly spread.

    Examples
    --------
    >>> slice_edges((0.1, 0.2))
    (0.1, 0.2)
    """
    if len(edges) <= N_SLICE_EDGES:
        return edges
    chosen = np.unique(np.rint(np.linspace(0, len(edges) - 1, N_SLICE_EDGES)).astype(np.int64))
    return tuple(edges[i] for i in chosen.tolist())


def feature_edges(values: F64, minimum: float, maximum: float) -> tuple[float, ...]:
    """Choose the edges of a numeric feature's bins.

    Parameters
    ----------
    values : float64 array, any length
        A sample; NaN and infinite values are left out.
    minimum, maximum : float
        Of all finite offline values: what lies outside is out of range. ``minimum > maximum`` says there is none.

    Returns
    -------
    tuple of float, strictly ascending, empty where no value is known

    Examples
    --------
    >>> feature_edges(np.array([1.0, 2.0, 2.0, 4.0]), 1.0, 4.0)
    (1.0, 1.5, 3.0, 4.0)
    """
    if minimum > maximum:
        return ()
    known = np.sort(values[np.isfinite(values)])
    distinct, counts = np.unique(known, return_counts=True)
    if len(distinct) <= MAX_SEPARATE_VALUES:
        inner = between(distinct)
        if len(distinct) == 1 and minimum < maximum:  # the sample missed the rest
            inner = np.array([distinct[0], _next_number(distinct[0])])
    else:
        atoms = distinct[counts > ATOM_RATIO * len(known)]
        levels = np.ceil(np.arange(1, N_FEATURE_BINS) / N_FEATURE_BINS * len(known)).astype(np.int64) - 1
        inner = np.concatenate([known[levels], atoms, _next_number(atoms)])
    inside = np.unique(inner[(inner > minimum) & (inner <= maximum)])
    alone = inside[-1] == maximum if len(inside) else minimum == maximum
    last = _next_number(maximum) if alone else maximum  # an atom's bin is [maximum, the next number]
    edges = np.unique(np.concatenate([[minimum], inside, [last]]))
    return tuple(edges.tolist()) if len(edges) > 1 else (float(np.nextafter(_LARGEST, 0.0)), _LARGEST)


def between(distinct: F64) -> F64:
    """Midpoints of ascending values; each lies above the lower and at or below the higher value."""
    low, high = distinct[:-1], distinct[1:]
    middle = low + (high / 2 - low / 2)
    return np.where((middle > low) & (middle <= high), middle, high)


def _next_number(values: F64 | float) -> F64:
    """The next larger number; the largest stays itself."""
    return np.asarray(np.nextafter(values, _LARGEST))


def _probabilities(scores: F64) -> F64:
    return scores[(scores >= 0.0) & (scores <= 1.0)]


def _quantile_cuts(ordered: F64, n_quantiles: int) -> F64:
    levels = np.ceil(np.arange(1, n_quantiles) / n_quantiles * len(ordered)).astype(np.int64) - 1
    cuts, repeats = np.unique(ordered[levels], return_counts=True)
    return np.concatenate([cuts, _next_number(cuts[repeats > 1])])


def _ascending(edges: F64) -> tuple[float, ...]:
    return tuple(np.unique(edges).tolist())
