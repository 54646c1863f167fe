"""Stretches of time in which a feature was served as missing, broken, unknown, out of range or constant."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from sentinel.evaluation.findings import Fault
from sentinel.evaluation.times import rfc3339
from sentinel.events.batch import I64, Bool
from sentinel.stats.arrays import Floats
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
"""unless one bin already held this share offline."""
MOST: Final = 3
"""Stretches told of one kind of one feature: the latest."""


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
    for feature, start, stop in zip(layout.features, bounds[:-1], bounds[1:], strict=True):
        faults = _of_feature(feature, offline["features"][start:stop], blocks.counts[:, start:stop], blocks)
        if faults:
            found[feature.name] = tuple(sorted(faults, key=lambda fault: (fault.since, fault.kind)))
    return found


def _blocks(live: PaneSeries) -> _Blocks:
    filled = [(start, pane["features"], pane.n_predictions) for start, pane in live.panes if pane.n_predictions]
    if not filled or not live.layout.features:
        empty = np.zeros(0, np.int64)
        return _Blocks(np.zeros((0, live.layout.n_feature_bins), np.int64), empty, empty, empty)
    n = np.array([size for _, _, size in filled], np.int64)
    starts = np.array([start for start, _, _ in filled], np.int64)
    first = _firsts(n)
    last = np.r_[first[1:], len(n)] - 1
    counts = np.add.reduceat(np.stack([counts for _, counts, _ in filled]), first, axis=0)
    return _Blocks(counts, np.add.reduceat(n, first), starts[first], starts[last] + live.width_us)


def _firsts(n: I64) -> I64:
    """First pane of each block; a rest too small for a block of its own belongs to the last."""
    first, held = [0], 0
    for i, size in enumerate(n.tolist()):
        if held >= LEAST_PREDICTIONS:
            first.append(i)
            held = 0
        held += size
    if held < LEAST_PREDICTIONS and len(first) > 1:
        first.pop()
    return np.array(first, np.int64)


def _of_feature(feature: FeatureBins, offline: I64, online: I64, blocks: _Blocks) -> list[Fault]:
    size = max(int(offline.sum()), 1)
    outside = [BIN_BELOW, BIN_ABOVE] if feature.kind == "numeric" else [BIN_UNSEEN]
    kinds = {
        "missing": [BIN_MISSING],
        "invalid": [BIN_INVALID],
        "out_of_range" if feature.kind == "numeric" else "unseen": outside,
    }
    faults = []
    for kind, bins in kinds.items():
        hits = online[:, bins].sum(axis=1)
        if hits.any():
            before = float(offline[bins].sum()) / size
            faults += _stretches(kind, _rose(hits / blocks.n, before, blocks.n, size), hits, before, blocks)
    known = offline[N_SPECIAL:]
    before = float(known.max(initial=0)) / size
    if known.size and before < VARIED:
        hits = online[:, N_SPECIAL:].max(axis=1)
        faults += _stretches("constant", _stuck(online[:, N_SPECIAL:], hits, blocks.n), hits, before, blocks)
    return faults


def _stuck(online: I64, hits: I64, n: I64) -> Bool:
    """Blocks in which one value is nearly all, the same in all of them: one that moves on is a slow clock, no fault."""
    same: Bool = hits >= CONSTANT * n
    values = online[same].argmax(axis=1)
    return same if len(np.unique(values)) <= 1 else np.zeros(len(n), np.bool_)


def _rose(share: Floats, before: float, n: I64, n_offline: int) -> Bool:
    smoothed = (before * n_offline + 0.5) / (n_offline + 1.0)
    error = np.sqrt(smoothed * (1.0 - smoothed) * (1.0 / n + 1.0 / n_offline))
    quadrupled = share * (1.0 - before) >= ODDS_RATIO * before * (1.0 - share)
    rose: Bool = (share - before > RISE) & quadrupled & (share - before >= SURE * error)
    return rose


def _stretches(kind: str, flagged: Bool, hits: I64, before: float, blocks: _Blocks) -> list[Fault]:
    """Runs of neighbouring blocks with the fault, the latest ones."""
    if not flagged.any():
        return []
    steps = np.diff(np.r_[0, flagged.astype(np.int8), 0])
    runs = list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))
    return [_fault(kind, start, stop, hits, before, blocks) for start, stop in runs[-MOST:]]


def _fault(kind: str, start: int, stop: int, hits: I64, before: float, blocks: _Blocks) -> Fault:
    n = int(blocks.n[start:stop].sum())
    lasts = stop == len(blocks.n)
    return Fault(
        kind=kind,  # type: ignore[arg-type]
        ratio=int(hits[start:stop].sum()) / n,
        offline_ratio=before,
        n=n,
        since=rfc3339(int(blocks.start_us[start])),
        until=None if lasts else rfc3339(int(blocks.end_us[stop - 1])),
        from_launch=start == 0,
    )
