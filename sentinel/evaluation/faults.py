"""Stretches of time in which a feature was served as missing, broken, unknown, out of range or constant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from sentinel.config.times import rfc3339
from sentinel.evaluation.bin_names import bin_name
from sentinel.evaluation.findings import Fault
from sentinel.evaluation.steadiness import has_stayed, is_stuck, pieces
from sentinel.events.batch import I64, Bool
from sentinel.stats.arrays import Floats
from sentinel.stats.pooling import pool_bins
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import (
    BIN_ABOVE,
    BIN_BELOW,
    BIN_INVALID,
    BIN_MISSING,
    BIN_UNSEEN,
    N_SPECIAL,
    FeatureBins,
    Layout,
)
from sentinel.summaries.panes import PaneSeries

LEAST_PREDICTIONS: Final = 50
"""Predictions looked at together: panes with fewer are taken with the next."""
RISE: Final = 0.2
"""Rise of a share that counts as served differently,"""
ODDS_RATIO: Final = 4.0
"""if its odds quadrupled too, since shares near one half move easily,"""
SURE: Final = 5.0
"""and if it is so many standard errors: thousands of shares are looked at."""
CONSTANT: Final = 0.99
"""Share of one bin from which a feature counts as constant,"""
VARIED: Final = 0.9
"""unless one bin already held this share offline: then it takes a long stretch without any other."""
RARER: Final = 0.1
"""Other values that a block of such a constant may hold, of those expected."""
ONE_VALUE: Final = 0.9
"""Of the predictions in blocks of one value, those with the commonest: if it is fewer, the value moves on."""
MOST: Final = 3
"""Stretches told of one kind of one feature: the one from launch, the one that lasts, and the longest others."""

Kind = Literal["missing", "invalid", "unseen", "out_of_range", "constant"]


class _Blocks(NamedTuple):
    """Panes taken together until they hold enough predictions.

    ``counts`` has the shape (n_blocks, n_feature_bins), ``n`` (n_blocks,); times in microseconds.
    """

    counts: I64
    n: I64
    start_us: I64
    end_us: I64


def find_faults(layout: Layout, offline: Summary, live: PaneSeries) -> dict[str, tuple[Fault, ...]]:
    """Look through the panes of all predictions, outcome or not.

    Parameters
    ----------
    layout : Layout
    offline : Summary
    live : PaneSeries
        Both under that layout.

    Returns
    -------
    dict of feature name to its faults, by start
        Only features with a fault. What every prediction since launch shows is one stretch from launch.
    """
    blocks = _blocks(live)
    if not len(blocks.n):
        return {}
    found = {}
    bounds = layout.feature_offsets.tolist()
    vocabularies = {name: vocabulary for name, _, vocabulary in layout.columns}
    for feature, start, stop in zip(layout.features, bounds[:-1], bounds[1:], strict=True):
        words = vocabularies.get(feature.name, ())
        faults = _of_feature(feature, words, offline["features"][start:stop], blocks.counts[:, start:stop], blocks)
        if faults:
            found[feature.name] = tuple(sorted(faults, key=lambda fault: (fault.since, fault.kind)))
    return found


def share_rose(after: Floats | float, before: float) -> Any:
    """Whether a share rose so far that the feature is served differently, by size alone.

    The one bound of a finding's faults and of the diagnosis's suspects.

    Parameters
    ----------
    after : float or float array, in [0, 1]
        Live shares.
    before : float, in [0, 1]
        Offline share.

    Returns
    -------
    bool, or bool array of the shape of ``after``

    Examples
    --------
    >>> share_rose(0.3, 0.05), share_rose(0.75, 0.5)
    (True, False)
    """
    quadrupled = after * (1.0 - before) >= ODDS_RATIO * before * (1.0 - after)
    return (after - before > RISE) & quadrupled


def became_constant(after: Floats | float, before: float) -> Any:
    """Whether one bin holds nearly all values live and did not offline; parameters are those of :func:`share_rose`.

    Examples
    --------
    >>> became_constant(0.995, 0.4), became_constant(0.995, 0.95)
    (True, False)
    """
    return (after >= CONSTANT) & (before < VARIED)


def rise_error(before: Floats | float, n: I64, n_offline: int) -> Floats:
    """Standard error of the rise of a share, were live shares as offline; never zero.

    Parameters
    ----------
    before : float or float64 array, shape (n_blocks,), in [0, 1]
        Offline share.
    n : int64 array, shape (n_blocks,)
        Predictions, at least one.
    n_offline : int, at least 1

    Returns
    -------
    float64 array, shape (n_blocks,)

    Notes
    -----
    Binomial, the offline share with half a row more of either kind.

    Examples
    --------
    >>> rise_error(0.5, np.array([100]), 100)
    array([0.0707107])
    """
    smoothed = (before * n_offline + 0.5) / (n_offline + 1.0)
    error: Floats = np.sqrt(smoothed * (1.0 - smoothed) * (1.0 / n + 1.0 / n_offline))
    return error


def _blocks(live: PaneSeries) -> _Blocks:
    filled = [(start, pane["features"], pane.n_predictions) for start, pane in live.panes if pane.n_predictions]
    if not filled or not live.layout.features:
        empty = np.zeros(0, np.int64)
        return _Blocks(np.zeros((0, live.layout.n_feature_bins), np.int64), empty, empty, empty)
    n = np.array([size for _, _, size in filled], np.int64)
    starts = np.array([start for start, _, _ in filled], np.int64)
    first = np.array(pool_bins(n, LEAST_PREDICTIONS), np.int64)
    last = np.r_[first[1:], len(n)] - 1
    counts = np.add.reduceat(np.stack([counts for _, counts, _ in filled]), first, axis=0)
    return _Blocks(counts, np.add.reduceat(n, first), starts[first], starts[last] + live.width_us)


def _of_feature(feature: FeatureBins, words: Sequence[str], offline: I64, online: I64, blocks: _Blocks) -> list[Fault]:
    size = max(int(offline.sum()), 1)
    outside = [BIN_BELOW, BIN_ABOVE] if feature.kind == "numeric" else [BIN_UNSEEN]
    strange: Kind = "out_of_range" if feature.kind == "numeric" else "unseen"
    kinds: dict[Kind, list[int]] = {"missing": [BIN_MISSING], "invalid": [BIN_INVALID], strange: outside}
    faults = []
    for kind, bins in kinds.items():
        hits = online[:, bins].sum(axis=1)
        if hits.any():
            before = float(offline[bins].sum()) / size
            runs = runs_of(_rose(hits / blocks.n, before, blocks.n, size))
            steady = kind != strange or not runs or _has_stayed(hits, before, blocks.n)
            faults += [_fault(kind, run, hits, before, blocks, steady=steady) for run in _told(runs, blocks.n)]
    return faults + _constants(feature, words, offline, online, blocks)


def _constants(feature: FeatureBins, words: Sequence[str], offline: I64, online: I64, blocks: _Blocks) -> list[Fault]:
    """Stretches in which one value is nearly all."""
    known, size = offline[N_SPECIAL:], max(int(offline.sum()), 1)
    live = online[:, N_SPECIAL:]
    if not known.size:
        return []
    top = live.argmax(axis=1)
    same = live.max(axis=1) >= CONSTANT * blocks.n
    at = _one_value(top[same], blocks.n[same])
    if at is None:
        return []
    common = float(known.max()) / size
    others = live.sum(axis=1) - live[:, at]
    expected = 1.0 - float(known[at]) / max(int(known.sum()), 1)
    varied = bool(became_constant(1.0, common))
    same &= (top == at) & (varied | (others <= RARER * expected * blocks.n))
    runs = runs_of(same)
    stuck = {run for run in runs if is_stuck(run, runs, others, blocks.n, expected)}
    value = bin_name(feature, words, N_SPECIAL + at)
    return [
        _fault("constant", run, live[:, at], float(known[at]) / size, blocks, steady=run in stuck, value=value)
        for run in _told([run for run in runs if varied or run in stuck], blocks.n)
    ]


def _one_value(values: I64, n: I64) -> int | None:
    """The value of nearly all such predictions: one that moves on is a slow clock, no fault."""
    if not len(values):
        return None
    held = np.bincount(values, weights=n)
    at = int(held.argmax())
    return at if held[at] >= ONE_VALUE * n.sum() else None


def _rose(share: Floats, before: float, n: I64, n_offline: int) -> Bool:
    rose: Bool = share_rose(share, before) & (share - before >= SURE * rise_error(before, n, n_offline))
    return rose


def _has_stayed(hits: I64, before: float, n: I64) -> bool:
    first = pieces(n)
    share = np.add.reduceat(hits, first) / np.add.reduceat(n, first)
    return has_stayed(share_rose(share, before), share - before)


def runs_of(flagged: Bool) -> list[tuple[int, int]]:
    """First block and end of each run of neighbouring blocks that are flagged, in order.

    Examples
    --------
    >>> runs_of(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    steps = np.diff(np.r_[0, flagged.astype(np.int8), 0])
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def _told(runs: list[tuple[int, int]], n: I64) -> list[tuple[int, int]]:
    """The few runs that are told: that from launch, the one that lasts, and the longest others, in time order."""
    ranked = sorted(runs, key=lambda run: (run[0] > 0, run[1] < len(n), -int(n[run[0] : run[1]].sum())))
    return sorted(ranked[:MOST])


def _fault(
    kind: Kind, run: tuple[int, int], hits: I64, before: float, blocks: _Blocks, *, steady: bool,
    value: str | None = None,
) -> Fault:  # fmt: skip
    start, stop = run
    n = int(blocks.n[start:stop].sum())
    lasts = stop == len(blocks.n)
    return Fault(
        kind=kind,
        ratio=int(hits[start:stop].sum()) / n,
        offline_ratio=before,
        n=n,
        since=rfc3339(int(blocks.start_us[start])),
        until=None if lasts else rfc3339(int(blocks.end_us[stop - 1])),
        from_launch=start == 0,
        value=value,
        traffic_ratio=n / int(blocks.n.sum()),
        steady=steady,
    )
