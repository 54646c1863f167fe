"""Every place where a weak slice may hide: single bins, runs of neighbouring bins, cells of two features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from sentinel.evaluation.bin_names import is_next, span_name
from sentinel.events.batch import F64, I64
from sentinel.events.schema import category
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Array, Summary
from sentinel.summaries.layout import (
    BIN_INVALID,
    BIN_MISSING,
    BIN_UNSEEN,
    N_SPECIAL,
    SLICE_MISSING,
    SLICE_OTHER,
    FeatureBins,
    FeaturePair,
    Layout,
    cross_value,
    kept,
)
from sentinel.summaries.metrics import loss_design_effects

LONGEST_RUN: Final = 4
"""Neighbouring bins of a number taken together: with twenty bins up to a fifth of the rows."""
FEWEST_DIGITS: Final = 3
"""Of the edges in a slice's name; more where two edges would look alike."""
INVALID, UNSEEN, BELOW, ABOVE = "(invalid)", "(unseen)", "(below)", "(above)"


@dataclass(frozen=True, slots=True)
class Place:
    """One candidate: bins of one feature, or of two."""

    features: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    def overlaps(self, other: Place) -> bool:
        """Whether both are about the same values of some feature."""
        mine = dict(zip(self.features, self.spans, strict=True))
        return any(
            at in mine and mine[at][0] < stop and start < mine[at][1]
            for at, (start, stop) in zip(other.features, other.spans, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """All places, and where their counts are: sums of [start, stop) of the features' bins and the pairs' cells."""

    places: tuple[Place, ...]
    starts: I64
    stops: I64


@dataclass(frozen=True, slots=True)
class Losses:
    """Outcomes, sum and sum of squares of the log loss of each candidate, each of shape (n candidates,).

    ``design_effect`` says how much wider a variance is than that of independent events: entities repeat.
    """

    n: I64
    totals: F64
    squares: F64
    design_effect: float = 1.0


def candidates_of(layout: Layout) -> Candidates:
    """Every candidate of a layout that is no configured slice already; made once."""
    return kept(layout, "_weak_candidates", _find)


def losses_of(summary: Summary) -> Losses:
    """What a Summary of a binary task counted in each candidate.

    Notes
    -----
    Sums are those of integers, so no order of addition shows.
    """
    found = candidates_of(summary.layout)
    n = np.concatenate([summary["feature_outcomes"].sum(axis=(0, 2)), summary["pair_outcomes"]])
    counts, totals, squares = (_sums(each, found) for each in (n, *summary["weak_losses"]))
    effect = loss_design_effects(summary)["log_loss"]
    decoded = fixed_point.decode(squares, fixed_point.SQUARE_SCALE_BITS)
    return Losses(counts, fixed_point.decode(totals), decoded, effect)


def place_name(layout: Layout, place: Place) -> str:
    """The slice's name: ``column=value``, or ``a*b=value,value``.

    Examples
    --------
    A run of bins of a number is ``tenure_days=[0,30)``, a category ``plan=pro``.
    """
    names = [layout.features[at].name for at in place.features]
    values = [_value(layout, at, span) for at, span in zip(place.features, place.spans, strict=True)]
    return f"{'*'.join(names)}={values[0] if len(values) == 1 else cross_value(*values)}"


def _sums(counts: Array, found: Candidates) -> I64:
    running = np.concatenate([[0], np.cumsum(counts)])
    sums: I64 = running[found.stops] - running[found.starts]
    return sums


def _find(layout: Layout) -> Candidates:
    single = [
        (Place((at,), (span,)), int(layout.feature_offsets[at]) + span[0], int(layout.feature_offsets[at]) + span[1])
        for at, feature in enumerate(layout.features)
        for span in _spans(feature)
    ]
    double = [
        (place, layout.n_feature_bins + int(first) + cell, layout.n_feature_bins + int(first) + cell + 1)
        for pair, first in zip(layout.pairs, layout.pair_offsets[:-1], strict=True)
        for cell, place in _cells(pair)
    ]
    is_new = _asker(layout)
    every = [item for item in (*single, *double) if is_new(item[0])]
    starts, stops = (np.array([item[i] for item in every], np.int64) for i in (1, 2))
    return Candidates(tuple(item[0] for item in every), starts, stops)


def _spans(feature: FeatureBins) -> Iterator[tuple[int, int]]:
    for at in range(feature.n_bins):
        yield at, at + 1
    if feature.kind != "numeric":
        return
    for length in range(2, LONGEST_RUN + 1):
        for start in range(N_SPECIAL, feature.n_bins - length + 1):
            yield start, start + length


def _cells(pair: FeaturePair) -> Iterator[tuple[int, Place]]:
    for i, first in enumerate(pair.groups[0]):
        for j, second in enumerate(pair.groups[1]):
            yield i * (len(pair.groups[1]) + 1) + j, Place(pair.features, (first, second))


def _asker(layout: Layout) -> Callable[[Place], bool]:
    """Whether a place is no configured slice, whatever way that writes its value."""
    taken = frozenset(layout.slice_names)
    exact = {(s.columns[0], *bounds) for s in layout.slices if len(s.columns) == 1 for bounds in _bounds(s.edges)}

    sliced = {name for s in layout.slices for name in s.columns}

    def is_new(place: Place) -> bool:
        if sliced.isdisjoint(layout.features[at].name for at in place.features):
            return True
        if place_name(layout, place) in taken:
            return False
        if len(place.features) > 1:
            return True
        feature, (start, stop) = layout.features[place.features[0]], place.spans[0]
        if feature.kind != "numeric" or start < N_SPECIAL:
            return True
        last = len(feature.edges) - 1
        low, high = start - N_SPECIAL, stop - N_SPECIAL
        bounds = (-np.inf if low == 0 else feature.edges[low], np.inf if high == last else feature.edges[high])
        return (feature.name, *bounds) not in exact

    return is_new


def _bounds(edges: Sequence[float]) -> Iterator[tuple[float, float]]:
    return pairwise([-np.inf, *edges, np.inf])


def _value(layout: Layout, at: int, span: tuple[int, int]) -> str:
    feature, (start, stop) = layout.features[at], span
    if start < N_SPECIAL:
        return _special(feature, start)
    if feature.kind == "categorical":
        vocabulary = next(words for name, _, words in layout.columns if name == feature.name)
        code = start - N_SPECIAL
        return vocabulary[code] if code < len(vocabulary) else SLICE_OTHER
    return span_name(feature.edges, edge_texts(feature.edges), start - N_SPECIAL, stop - N_SPECIAL)


def _special(feature: FeatureBins, bin_number: int) -> str:
    if bin_number in (BIN_MISSING, BIN_INVALID):
        return SLICE_MISSING if bin_number == BIN_MISSING else INVALID
    first, last = (BELOW, ABOVE) if feature.kind == "numeric" else (UNSEEN, SLICE_OTHER)
    return first if bin_number == BIN_UNSEEN else last


def edge_texts(edges: Sequence[float]) -> tuple[str, ...]:
    """Edges in as few digits as keep them apart, save the next number after one: it is never written.

    Examples
    --------
    >>> edge_texts((0.0, 29.87312, 30.01))
    ('0', '29.9', '30')
    >>> edge_texts((0.0, 29.991, 30.01))
    ('0', '29.99', '30.01')
    """
    shown = [at == 0 or not is_next(edges[at - 1], edge) for at, edge in enumerate(edges)]
    for digits in range(FEWEST_DIGITS, 17):
        texts = tuple(category(float(f"{edge:.{digits}g}")) or str(edge) for edge in edges)
        if len({text for text, is_shown in zip(texts, shown, strict=True) if is_shown}) == sum(shown):
            return texts
    return tuple(map(repr, edges))
