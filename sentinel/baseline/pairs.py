"""Which pairs of features are worth watching for weak slices: those whose loss offline is not the sum of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from sentinel.baseline.profile import OUTCOME, SCORE, Profile
from sentinel.baseline.slicing import most_frequent
from sentinel.events.batch import F64, I64, Bool
from sentinel.stats.losses import log_losses
from sentinel.summaries.layout import N_SPECIAL, FeatureBins, FeaturePair
from sentinel.summaries.rows import bin_numbers

N_PAIRS: Final = 5
"""Pairs counted: 25 cells of 24 bytes each, 3 KB a pane."""
N_GROUPS: Final = 4
"""Groups of a feature within a pair: quarters of a number, the commonest categories."""
MOST_FEATURES: Final = 16
"""Features paired, those first that alone tell most of the loss: 120 pairs to choose from."""
FEWEST_ROWS: Final = 1_000
"""Of the sample: with fewer, all pairs look alike."""

Groups = tuple[tuple[int, int], ...]


def choose_pairs(features: Sequence[FeatureBins], profile: Profile) -> tuple[FeaturePair, ...]:
    """Choose from the profile's sample of rows.

    Parameters
    ----------
    features : sequence of FeatureBins
        Of the layout.
    profile : Profile
        Of a binary task.

    Returns
    -------
    tuple of FeaturePair
        The strongest interaction first, ties in the order of the features.

    Notes
    -----
    The interaction of a pair is the log loss's sum of squares between its cells, less that between the groups of
    either feature, in units of the variance and less its degrees of freedom.
    """
    scores = profile.rows[SCORE].astype(np.float64)
    outcomes = profile.rows[OUTCOME].astype(np.float64)
    usable = np.isfinite(scores) & ((outcomes == 0.0) | (outcomes == 1.0))
    if int(usable.sum()) < FEWEST_ROWS:
        return ()
    losses = log_losses(scores[usable], outcomes[usable])
    losses -= losses.mean()
    found = list(_grouped(features, profile, usable))
    alone = {at: _between(codes, len(groups), losses) for at, groups, codes in found}
    found.sort(key=lambda item: -alone[item[0]])
    unit = max(float(losses.var()), np.finfo(np.float64).tiny)
    ranked = []
    for (i, left, first), (j, right, second) in combinations(sorted(found[:MOST_FEATURES], key=lambda f: f[0]), 2):
        cells = np.where((first < 0) | (second < 0), -1, first * len(right) + second)
        extra = _between(cells, len(left) * len(right), losses) - alone[i] - alone[j]
        freedom = (len(left) - 1) * (len(right) - 1)
        ranked.append((extra / unit - freedom, FeaturePair(features=(i, j), groups=(left, right))))
    ranked.sort(key=lambda item: -item[0])
    return tuple(pair for _, pair in ranked[:N_PAIRS])


def _grouped(features: Sequence[FeatureBins], profile: Profile, usable: Bool) -> Iterator[tuple[int, Groups, I64]]:
    """Each feature that has two groups or more: its place, the groups, and the group of each row (-1: none)."""
    for at, feature in enumerate(features):
        bins = _bins(feature, profile)[usable]
        groups = _quarters(feature, bins) if feature.kind == "numeric" else _commonest(feature)
        if len(groups) < 2:
            continue
        table = np.full(feature.n_bins, -1, np.int64)
        for group, (start, stop) in enumerate(groups):
            table[start:stop] = group
        yield at, groups, table[bins]


def _bins(feature: FeatureBins, profile: Profile) -> I64:
    if feature.kind == "numeric":
        return bin_numbers(feature, profile.rows[feature.name].astype(np.float64))
    codes = profile.rows[feature.name].astype(np.int64)
    counts, words = profile.columns[feature.name].counts, profile.sample_vocabulary[feature.name]
    common = {name: N_SPECIAL + k for k, name in enumerate(most_frequent(counts, feature.n_kept))}
    table = np.array([*(common.get(word, 0) for word in words), 0], np.int64)
    return table[np.where(codes < 0, len(words), codes)]


def _quarters(feature: FeatureBins, bins: I64) -> Groups:
    """Runs of regular bins with about as many rows each."""
    counts = np.bincount(bins, minlength=feature.n_bins)[N_SPECIAL:]
    total = int(counts.sum())
    if not total:
        return ()
    before = np.cumsum(counts) - counts
    quarter = np.minimum((before + counts / 2) * N_GROUPS // total, N_GROUPS - 1).astype(np.int64)
    starts = [int(at) + N_SPECIAL for at in np.flatnonzero(np.diff(quarter, prepend=-1))]
    return tuple(zip(starts, [*starts[1:], feature.n_bins], strict=True))


def _commonest(feature: FeatureBins) -> Groups:
    return tuple((N_SPECIAL + k, N_SPECIAL + k + 1) for k in range(min(feature.n_kept, N_GROUPS)))


def _between(codes: I64, n_groups: int, centred: F64) -> float:
    """Sum of squares between groups of values whose mean is zero."""
    inside = codes >= 0
    n = np.bincount(codes[inside], minlength=n_groups)
    totals = np.bincount(codes[inside], centred[inside], minlength=n_groups)
    return float((totals**2 / np.maximum(n, 1)).sum())
