"""Summaries by pane: fixed spans of prediction event time, coarsened by doubling when there are too many.

The width depends only on the span of event times seen, and pane boundaries are multiples of the width since the
epoch. So panes, too, do not depend on the order in which events arrived.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sentinel.events.batch import I64
from sentinel.summaries.algebra import Summary
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
        When more panes would exist, the width doubles until they fit.
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
        for start, members in self._split(rows):
            self._pane(start).observe_predictions(members)
        self._coarsen()

    def observe_outcomes(self, rows: Rows, sign: int = 1) -> None:
        """Count outcomes (or take them back) in the panes of their predictions."""
        for start, members in self._split(rows):
            self._pane(start).observe_outcomes(members, sign)
        self._coarsen()

    def restore(self, start: int, width_us: int, pane: Summary) -> None:
        """Put back a stored pane, of the stored width or a finer one."""
        while self.width_us < width_us:
            self._double()
        at = start - start % self.width_us
        if at in self._panes:
            self._panes[at].merge(pane)
        else:
            self._panes[at] = pane

    def take_changes(self) -> tuple[dict[int, Summary], set[int]]:
        """Panes changed since the last call, and starts of panes that no longer exist.

        The panes are the live ones: encode or freeze them before counting goes on.
        """
        changed = {start: self._panes[start] for start in sorted(self._dirty)}
        dropped = self._dropped - self._panes.keys()
        self._dirty, self._dropped = set(), set()
        return changed, dropped

    def _split(self, rows: Rows) -> Iterator[tuple[int, Rows]]:
        if not len(rows):
            return
        starts: I64 = rows["predicted_at"] - rows["predicted_at"] % self.width_us
        if starts[0] == starts[-1] and (starts == starts[0]).all():
            yield int(starts[0]), rows
            return
        order = np.argsort(starts, kind="stable")
        unique, first = np.unique(starts[order], return_index=True)
        for start, members in zip(unique, np.split(order, first[1:]), strict=True):
            yield int(start), rows[members]

    def _pane(self, start: int) -> Summary:
        self._dirty.add(start)
        pane = self._panes.get(start)
        if pane is None:
            pane = self._panes[start] = Summary.zero(self.layout)
        return pane

    def _coarsen(self) -> None:
        while len(self._panes) > self._max_panes:
            self._double()

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
            if target in self._panes:
                self._panes[target].merge(pane)
            else:
                self._panes[target] = pane


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

    def total(self) -> Summary:
        """The Summary of all panes together: everything since launch."""
        result = Summary.zero(self.layout)
        for _, pane in self.panes:
            result.merge(pane)
        return result


def join_series(layout: Layout, series: Sequence[PaneSeries]) -> PaneSeries:
    """Add up the panes of several input partitions, at the coarsest of their widths."""
    width_us = max((s.width_us for s in series), default=1)
    merged: dict[int, Summary] = {}
    for one in series:
        for start, pane in one.panes:
            at = start - start % width_us
            if at not in merged:
                merged[at] = Summary.zero(layout)
            merged[at].merge(pane)
    return PaneSeries(layout, width_us, tuple(sorted(merged.items(), key=lambda item: item[0])))
