"""A Summary as the histograms that a decomposition reads: what a bin is worth, and which slicing tells the mix."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from sentinel.stats.arrays import Floats
from sentinel.stats.chisquare import g_squared
from sentinel.stats.estimate import NotEnough
from sentinel.stats.histograms import Reading
from sentinel.stats.tilts import Slicing
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.losses import LOSSES
from sentinel.summaries.layout import Layout, SliceColumn

_LEAST_SCORE: Final = 0.0
_MOST_SCORE: Final = 1.0


class NamedSlicing(NamedTuple):
    """A slicing and the slice column that it is of."""

    name: str
    slicing: Slicing


def mean_scores(summary: Summary, unseen: Floats | None = None) -> Floats:
    """Mean score of the events with a known outcome in each bin.

    Parameters
    ----------
    summary : Summary
    unseen : float64 array, shape (n_score_bins,), optional
        What stands for bins without an outcome; unset, their middle.

    Returns
    -------
    float64 array, shape (n_score_bins,), 0..1
    """
    n = summary["outcomes"].sum(axis=1)
    means = fixed_point.decode(summary["score_sums"]) / np.maximum(n, 1)
    instead = _bin_middles(summary.layout) if unseen is None else unseen
    return np.clip(np.where(n > 0, means, instead), _LEAST_SCORE, _MOST_SCORE)


def reading_of(summary: Summary, scores: Floats) -> Reading:
    """What the events of each bin are worth on one side.

    Parameters
    ----------
    summary : Summary
        Of a binary task.
    scores : float64 array, shape (n_score_bins,), 0..1
        Its mean scores.

    Returns
    -------
    Reading
        Under which the side's own histogram has exactly its own mean losses and confusion table.

    Notes
    -----
    Losses are not counted by bin, only their sums by outcome. A loss is that of the bin's mean score plus what its
    sum over all bins lacks, spread evenly over the outcome's events: the bend of the loss within bins.
    """
    counts = summary["outcomes"].astype(np.float64)
    rough = Reading.of_scores(scores)
    return Reading(
        _corrected(rough.log_losses, counts, _loss_sums(summary, "log_loss")),
        _corrected(rough.brier_losses, counts, _loss_sums(summary, "brier")),
        _decided(summary, counts),
    )


def exogenous_slicing(offline: Summary, online: Summary) -> NamedSlicing | None:
    """The slice column whose mix has changed most surely.

    Parameters
    ----------
    offline, online : Summary
        Under one layout.

    Returns
    -------
    NamedSlicing, or None without a slice column that events carry

    Notes
    -----
    Columns are ranked by the Schwarz approximation of the log Bayes factor that their shares differ: (G2 - df ln n) / 2
    with G2 the homogeneity statistic of all offline and all live predictions, n the harmonic mean of both sizes.
    A column with many slots has to show more. Ties go to the first. Columns that are made from the score would take
    the score's own change for one of slices, and are left out: every column must be one that events carry.
    """
    layout = offline.layout
    carried = {name for name, _, _ in layout.columns}
    ranked = [
        (_change_of_mix(column.slots, start, offline, online), column, start)
        for column, start in zip(layout.slices, layout.slice_offsets.tolist(), strict=True)
        if carried.issuperset(column.columns)
    ]
    if not ranked:
        return None
    _, column, start = max(ranked, key=lambda item: item[0])
    return NamedSlicing(column.name, _slicing(column, start, offline, online))


def _bin_middles(layout: Layout) -> Floats:
    edges = np.clip(np.array([_LEAST_SCORE, *layout.score_edges, _MOST_SCORE]), _LEAST_SCORE, _MOST_SCORE)
    return np.asarray(0.5 * (edges[1:] + edges[:-1]))


def _change_of_mix(slots: tuple[str, ...], start: int, offline: Summary, online: Summary) -> float:
    rows = slice(start, start + len(slots))
    before, after = offline["slice_scores"][rows].sum(axis=1), online["slice_scores"][rows].sum(axis=1)
    test = g_squared(before, after)
    if isinstance(test, NotEnough):
        return 0.0
    first, second = float(before.sum()), float(after.sum())
    return 0.5 * (test.statistic - test.degrees_of_freedom * math.log(2.0 * first * second / (first + second)))


def _slicing(column: SliceColumn, start: int, offline: Summary, online: Summary) -> Slicing:
    rows = slice(start, start + len(column.slots))
    before, after = offline["slice_outcomes"][rows], online["slice_outcomes"][rows]
    predictions = online["slice_scores"][rows]
    used = before.any(axis=(1, 2)) | predictions.any(axis=1)
    return Slicing(before[used], after[used], predictions[used], offline.layout.coarse_bin)


def _loss_sums(summary: Summary, name: str) -> Floats:
    """Sum of a loss over the events of either outcome."""
    return fixed_point.decode(summary["losses"][0, :, LOSSES.index(name), 0])


def _corrected(losses: Floats, counts: Floats, sums: Floats) -> Floats:
    n = counts.sum(axis=0)
    return np.asarray(losses + np.where(n > 0, sums - (losses * counts).sum(axis=0), 0.0) / np.maximum(n, 1.0))


def _decided(summary: Summary, counts: Floats) -> Floats:
    """Share decided positive by bin and outcome: 1 above the threshold, what is left of the table in its own bin."""
    layout = summary.layout
    cut = int(np.searchsorted(layout.edges_array, layout.threshold, side="right"))
    decided = np.zeros_like(counts)
    decided[cut + 1 :] = 1.0
    left = summary["confusion"][0, 1] - counts[cut + 1 :].sum(axis=0)
    on_edge = cut > 0 and layout.score_edges[cut - 1] == layout.threshold
    unknown = 1.0 if on_edge else 0.5
    decided[cut] = np.where(counts[cut] > 0, np.clip(left / np.maximum(counts[cut], 1.0), 0.0, 1.0), unknown)
    return decided
