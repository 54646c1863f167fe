"""Summaries by pane: fixed spans of prediction event time, coarsened by doubling when there are too many.

Pane boundaries are multiples of the width since the epoch, and widths are the first width times a power of two, so
panes nest. The width is the least of these under which the prediction times seen occupy at most ``max_panes`` panes.
More times never make a smaller width feasible, so doubling on arrival ends at the width that all the times together
ask for: the panes depend on the set of events, not on their order, batches or restarts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sentinel.events.batch import I64
from sentinel.summaries.algebra import Summary, add_counts, outcome_cells
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows


class PaneBook:
    """The panes of one model version within one input partition.

    Parameters
    ----------
    layout : Layout
    width_us : int, microseconds, > 0
        Initial pane width.
    max_panes : int, >= 2
        Where an event would make more panes, the width doubles first until they fit.
    """

    def __init__(self, layout: Layout, width_us: int, max_panes: int) -> None:
        if width_us <= 0 or max_panes < 2:
            raise ValueError(f"panes need a positive width and at least two of them, not {width_us} us and {max_panes}")
        self.layout = layout
        self.width_us = width_us
        self._max_panes = max_panes
        self._panes: dict[int, Summary] = {}
        self._dirty: set[int] = set()
        self._dropped: set[int] = set()

    def __len__(self) -> int:
        return len(self._panes)

    def __iter__(self) -> Iterator[tuple[int, Summary]]:
        return iter(sorted(self._panes.items()))

    def observe_predictions(self, rows: Rows) -> None:
        """Count new predictions, each in the pane of its time."""
        ordered, parts = self._split(rows)
        for start, part in parts:
            self._pane(start).observe_predictions(ordered[part])

    def observe_outcomes(self, rows: Rows, sign: int = 1) -> None:
        """Count outcomes (or take them back) in the panes of their predictions.

        Outcomes of one batch scatter over many panes: the cells are found for all rows at once.
        """
        ordered, parts = self._split(rows)
        if len(parts) == 1:
            self._pane(parts[0][0]).observe_outcomes(ordered, sign)
            return
        panes = [(self._pane(start).arrays, part) for start, part in parts]
        for name, codes, amounts in outcome_cells(self.layout, ordered):
            for arrays, part in panes:
                add_counts(arrays[name], codes[part], sign, None if amounts is None else amounts[part])

    def observe_checks(self, checked: Rows) -> None:
        """Count what was checked of new predictions, each in the pane of its time."""
        ordered, parts = self._split(checked)
        for start, part in parts:
            self._pane(start).observe_checks(ordered[part])

    def observe_backfills(self, rows: Rows, sign: int = 1) -> None:
        """Count backfilled predictions (or take them back) in the panes of their predictions."""
        ordered, parts = self._split(rows)
        for start, part in parts:
            self._pane(start).observe_backfills(ordered[part], sign)

    def restore(self, start: int, width_us: int, pane: Summary) -> None:
        """Put back a stored pane, whatever the width it was stored at.

        Where the book's width is not the stored one (``max_panes`` shrank, other panes are coarser), the pane is
        added to the one that holds its start, and :meth:`take_changes` reports what storage must replace or delete.

        Parameters
        ----------
        start, width_us : int, microseconds
            As stored.
        pane : Summary
            Handed over: the book may go on counting in it.
        """
        while self.width_us < width_us:
            self._double()
        self._widen_for({start - start % self.width_us})
        at = start - start % self.width_us
        if at != start:
            self._dropped.add(start)
        self._add(at, pane)
        if at != start or width_us != self.width_us:
            self._dirty.add(at)

    def take_changes(self) -> tuple[dict[int, Summary], set[int]]:
        """Panes changed since the last call, and starts of panes that no longer exist.

        The panes are the live ones: encode them before counting goes on, or freeze them: then the book goes on in
        copies.
        """
        changed = {start: self._panes[start] for start in sorted(self._dirty)}
        dropped = self._dropped - self._panes.keys()
        self._dirty, self._dropped = set(), set()
        return changed, dropped

    def _split(self, rows: Rows) -> tuple[Rows, list[tuple[int, slice]]]:
        """Order rows by pane; returns them, and the start of each pane with where its rows lie."""
        if not len(rows):
            return rows, []
        times = rows["predicted_at"]
        starts: I64 = times - times % self.width_us
        if starts[0] == starts[-1] and (starts == starts[0]).all():
            self._widen_for({int(starts[0])})
            return rows, [(int(times[0] - times[0] % self.width_us), slice(0, len(rows)))]
        self._widen_for(set(np.unique(starts).tolist()))
        starts = times - times % self.width_us
        order = np.argsort(starts, kind="stable")
        unique, first = np.unique(starts[order], return_index=True)
        bounds = [*first.tolist(), len(rows)]
        parts = [slice(begin, end) for begin, end in itertools.pairwise(bounds)]
        return rows[order], list(zip(unique.tolist(), parts, strict=True))

    def _pane(self, start: int) -> Summary:
        self._dirty.add(start)
        if start not in self._panes:
            self._panes[start] = Summary.zero(self.layout)
        return self._writable(start)

    def _add(self, start: int, pane: Summary) -> None:
        if start in self._panes:
            self._writable(start).merge(pane)
        else:
            self._panes[start] = pane

    def _writable(self, start: int) -> Summary:
        """The pane itself, or a copy where it was given out frozen: those who hold it keep what they saw."""
        if self._panes[start].is_frozen:
            self._panes[start] = self._panes[start].copy()
        return self._panes[start]

    def _widen_for(self, starts: set[int]) -> None:
        """Double the width until the panes that begin at ``starts`` fit beside those that exist."""
        while len(self._panes) + len(starts - self._panes.keys()) > self._max_panes:
            self._double()
            starts = {start - start % self.width_us for start in starts}

    def _double(self) -> None:
        self.width_us *= 2
        for start in sorted(self._panes):
            target = start - start % self.width_us
            if target == start:
                self._dirty.add(start)
                continue
            pane = self._panes.pop(start)
            self._dropped.add(start)
            self._dirty.discard(start)
            self._dirty.add(target)
            self._add(target, pane)


@dataclass(frozen=True, slots=True)
class PaneSeries:
    """All panes of one model version, in time order: what evaluation reads.

    Parameters
    ----------
    layout : Layout
    width_us : int, microseconds
        Span of each pane; the start of each is a multiple of it.
    panes : tuple of (start, Summary)
        ``start`` in microseconds since the epoch, ascending. The Summaries must not be written.
    """

    layout: Layout
    width_us: int
    panes: tuple[tuple[int, Summary], ...]

    def between(self, start_us: int, end_us: int) -> PaneSeries:
        """Those panes that lie whole between two moments."""
        inside = tuple((at, pane) for at, pane in self.panes if at >= start_us and at + self.width_us <= end_us)
        return PaneSeries(self.layout, self.width_us, inside)

    def total(self) -> Summary:
        """The Summary of all panes together: everything since launch."""
        result = Summary.zero(self.layout)
        for _, pane in self.panes:
            result.merge(pane)
        return result


def join_series(layout: Layout, series: Sequence[PaneSeries]) -> PaneSeries:
    """Add up the panes of several input partitions, at the coarsest of their widths."""
    if len(series) == 1:
        return series[0]
    width_us = max((s.width_us for s in series), default=1)
    merged: dict[int, Summary] = {}
    for one in series:
        for start, pane in one.panes:
            at = start - start % width_us
            if at not in merged:
                merged[at] = Summary.zero(layout)
            merged[at].merge(pane)
    return PaneSeries(layout, width_us, tuple(sorted(merged.items(), key=lambda item: item[0])))
