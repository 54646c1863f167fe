"""The panes of one model version over all input partitions: their records as they came, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sentinel.errors import CorruptArtifactError, LayoutMismatchError
from sentinel.summaries.algebra import Reducer, Summary, array_specs
from sentinel.summaries.layout import Layout
from sentinel.summaries.panes import PaneSeries

_Place = tuple[int, int]


class Fault(NamedTuple):
    """A pane's record that cannot be read; it counts as not there."""

    partition: int
    width_us: int
    start_us: int
    error: CorruptArtifactError | LayoutMismatchError


class MergedPanes:
    """Sums of panes over partitions, brought up to date where records changed.

    Partitions coarsen at different times. The sums stand at the coarsest width in use, as
    :func:`~sentinel.summaries.panes.join_series` has them.

    Where few of a pane's partitions changed, their former records are taken out of its sum and the new ones added:
    counts are integers, so that is exact. Otherwise, and where a record says less than the one before it (a partition
    that is counted anew), the sum is made again from all records.

    Parameters
    ----------
    layout : Layout
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._records: dict[int, dict[_Place, bytes]] = {}
        """By start: the record of each (partition, width)."""
        self._former: dict[int, dict[_Place, bytes | None]] = {}
        """Likewise: what the sums hold of those that changed since."""
        self._widths: Mapping[int, int] = {}
        self._merged: dict[int, Summary] = {}

    @property
    def key(self) -> tuple[str, str]:
        """(model, version)."""
        return self.layout.model, self.layout.version

    def put(self, partition: int, width_us: int, start_us: int, record: bytes | None) -> None:
        """Replace a record, or remove it with None."""
        place, at = (partition, width_us), self._records.get(start_us, {})
        before = at.get(place)
        if before == record:
            return
        self._former.setdefault(start_us, {}).setdefault(place, before)
        if record is not None:
            self._records.setdefault(start_us, at)[place] = record
            return
        del at[place]
        if not at:
            del self._records[start_us]

    def series(self, widths: Mapping[int, int]) -> tuple[PaneSeries, list[Fault]]:
        """The sums now.

        Parameters
        ----------
        widths : mapping of partition to int, microseconds
            The width that each partition counts at; its panes of any other width do not count, nor do those of
            partitions that are not named.

        Returns
        -------
        (PaneSeries, list of Fault)
            Summaries are never changed later. Records that could not be read are gone from here on.
        """
        width_us = max(widths.values(), default=1)
        faults: list[Fault] = []
        if width_us != max(self._widths.values(), default=1):
            self._merged.clear()
            again = {start - start % width_us for start in self._records}
        else:
            again = {start - start % width_us for start in self._moved(widths)}
        changed = {start - start % width_us for start in self._former}
        for at, starts in _by_target(self._records.keys() | self._former.keys(), width_us, again | changed).items():
            merged = None if at in again else self._replaced(at, starts, widths)
            if merged is None:
                merged = self._sum(starts, widths, faults)
            if merged is None:
                self._merged.pop(at, None)
            else:
                self._merged[at] = merged.freeze()
        self._widths = dict(widths)
        self._former.clear()
        panes = tuple(sorted(self._merged.items(), key=lambda item: item[0]))
        return PaneSeries(self.layout, width_us, panes), faults

    def _moved(self, widths: Mapping[int, int]) -> set[int]:
        """Starts with records of partitions whose width is another than at the last look."""
        known = widths.keys() | self._widths.keys()
        moved = {number for number in known if widths.get(number) != self._widths.get(number)}
        if not moved:
            return set()
        touched = {start for start, at in self._records.items() if any(number in moved for number, _ in at)}
        return touched | {start for start, at in self._former.items() if any(number in moved for number, _ in at)}

    def _replaced(self, at: int, starts: Sequence[int], widths: Mapping[int, int]) -> Summary | None:
        """The sum with changed records in place of their former ones; None where it has to be made again."""
        known = self._merged.get(at)
        changes = [
            (before, self._records.get(start, {}).get(place))
            for start in starts
            for place, before in self._former.get(start, {}).items()
            if widths.get(place[0]) == place[1]
        ]
        n_records = sum(len(self._records.get(start, ())) for start in starts)
        if known is None or 2 * len(changes) > n_records:
            return None
        total = known.copy()
        for before, after in changes:
            if after is None or not self._replace(total, before, after):
                return None
        return total

    def _replace(self, total: Summary, before: bytes | None, after: bytes) -> bool:
        """Put one record in another's place; False where the sum does not say what is left without the former."""
        try:
            new = Summary.from_bytes(self.layout, after)
            old = None if before is None else Summary.from_bytes(self.layout, before)
        except (CorruptArtifactError, LayoutMismatchError):
            return False
        if old is not None and not _take_out(total, old, new):
            return False
        total.merge(new)
        return True

    def _sum(self, starts: Iterable[int], widths: Mapping[int, int], faults: list[Fault]) -> Summary | None:
        total: Summary | None = None
        for start in starts:
            for (partition, width_us), record in list(self._records.get(start, {}).items()):
                if widths.get(partition) != width_us:
                    continue
                try:
                    pane = Summary.from_bytes(self.layout, record)
                except (CorruptArtifactError, LayoutMismatchError) as error:
                    faults.append(Fault(partition, width_us, start, error))
                    self.put(partition, width_us, start, None)
                    continue
                total = pane if total is None else total.merge(pane)
        return total


def _take_out(total: Summary, old: Summary, new: Summary) -> bool:
    """Subtract what adds up, and see that the successor covers the rest: minima, maxima and unions only grow."""
    for name, spec in array_specs(total.layout).items():
        if spec.reducer is Reducer.SUM:
            np.subtract(total.arrays[name], old.arrays[name], out=total.arrays[name])
            continue
        covered = new.arrays[name].copy()
        spec.reducer.merge_into(covered, old.arrays[name])
        if not np.array_equal(covered, new.arrays[name]):
            return False
    return True


def _by_target(records: Iterable[int], width_us: int, targets: set[int]) -> dict[int, list[int]]:
    """The starts that each target pane is the sum of; a target without any has an empty list."""
    found: dict[int, list[int]] = {target: [] for target in targets}
    for start in records:
        target = start - start % width_us
        if target in found:
            found[target].append(start)
    return found
