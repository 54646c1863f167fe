"""Power sums of the log loss in each feature's bins and in the cells of chosen pairs: where weak slices are sought.

How many outcomes a feature's bin holds, ``feature_outcomes`` tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from sentinel.events.batch import I64
from sentinel.stats.losses import log_losses
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout, kept
from sentinel.summaries.rows import N_CODES, Rows
from sentinel.summaries.view import bit_scores, outcome_bits


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    # Features' bins, then the cells of pairs; the last axis holds the sum (scaled by 2^30) and that of squares (2^26).
    n_cells = int(layout.pair_offsets[-1])
    return {
        "weak_losses": ArraySpec((2, layout.n_feature_bins + n_cells)),
        "pair_outcomes": ArraySpec((n_cells,)),
    }


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    losses = log_losses(bit_scores(layout, rows), outcome_bits(layout, rows))
    n_features, n_bins = len(layout.features), layout.n_feature_bins
    cells = np.empty((len(rows), n_features + len(layout.pairs)), np.int64)
    np.add(rows["features"], layout.feature_offsets[:-1], out=cells[:, :n_features])
    if layout.pairs:
        found = pair_cells(layout, rows)
        yield Cells("pair_outcomes", found)
        np.add(found, n_bins, out=cells[:, n_features:])
    yield Cells("weak_losses", cells, fixed_point.encode(losses))
    cells += n_bins + int(layout.pair_offsets[-1])
    yield Cells("weak_losses", cells, fixed_point.encode(losses * losses, fixed_point.SQUARE_SCALE_BITS))


def pair_cells(layout: Layout, rows: Rows) -> I64:
    """The cell of each row within each pair.

    Parameters
    ----------
    layout : Layout
    rows : structured array, shape (n,)

    Returns
    -------
    int64 array, shape (n, n pairs)
        Flat indices into ``pair_outcomes``: cell (i, j) of a pair is that of group i of its first feature and j of its
        second, row by row, where the last of either stands for all bins in no group.
    """
    steps = kept(layout, "_pair_steps", _make_steps)
    bins = rows["features"]
    cells: I64 = steps.first[bins[:, steps.features[0]] + steps.starts]
    cells += steps.second[bins[:, steps.features[1]] + steps.starts]
    return cells


class _Steps(NamedTuple):
    """What each bin of the first feature of each pair adds to the cell, and each of the second; flat tables."""

    features: I64
    starts: I64
    first: I64
    second: I64


def _make_steps(layout: Layout) -> _Steps:
    first, second = np.empty((2, len(layout.pairs), N_CODES), np.int64)
    for j, pair in enumerate(layout.pairs):
        left, right = (_group_of_bin(groups) for groups in pair.groups)
        first[j] = layout.pair_offsets[j] + left * (len(pair.groups[1]) + 1)
        second[j] = right
    features = np.array([pair.features for pair in layout.pairs], np.int64).reshape(-1, 2).T
    starts = np.arange(len(layout.pairs)) * N_CODES
    return _Steps(features, starts, first.reshape(-1), second.reshape(-1))


def _group_of_bin(groups: tuple[tuple[int, int], ...]) -> I64:
    table = np.full(N_CODES, len(groups), np.int64)
    for group, (start, stop) in enumerate(groups):
        table[start:stop] = group
    return table


KIND = SummaryKind("weak", frozenset({"binary"}), _arrays, on_outcomes=_on_outcomes)
