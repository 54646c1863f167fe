"""When outcomes and backfills of a replay come: sorted by the moment they became known, or by their prediction."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from sentinel.events.batch import F64, I64, U64, Backfills, DeadLetter, Origin, Outcomes
from sentinel.ingest.replay_tables import Table, open_table

OUTCOMES, BACKFILLS = "outcomes", "backfills"
PARTITION = 0
SCAN_ROWS = 65_536
"""Rows of a file decoded at once, before anything is emitted."""


class OutcomeCodec(Protocol):
    """Decodes rows of outcomes; :class:`sentinel.events.codecs.arrow.ArrowCodec` does."""

    def outcomes(
        self, table: pa.Table, *, topic: str, partition: int, first_offset: int
    ) -> tuple[Outcomes | None, list[DeadLetter]]:
        """Rows as outcomes; the refused as dead letters. Rows without an outcome are neither."""
        ...


class BackfillCodec(Protocol):
    """Decodes rows of recomputed features; :class:`sentinel.events.codecs.arrow.ArrowCodec` does."""

    def backfills(
        self, table: pa.Table, *, topic: str, partition: int, first_offset: int
    ) -> tuple[Backfills | None, list[DeadLetter]]:
        """Rows as backfills; the refused as dead letters."""
        ...


class ScheduledOutcomes:
    """All outcomes of a file, sorted by when they became known; rows of one time stay in their order."""

    def __init__(self, table: Table, codec: OutcomeCodec) -> None:
        self.refused: list[DeadLetter] = []
        self.next = 0
        self._model = ""
        parts: list[Outcomes] = []
        row = 0
        for piece in table.slices(0, SCAN_ROWS):
            outcomes, bad = codec.outcomes(piece, topic=OUTCOMES, partition=PARTITION, first_offset=row)
            self.refused += bad
            row += piece.num_rows
            if outcomes is not None and len(outcomes):
                self._model = outcomes.model
                parts.append(outcomes)
        times: I64 = np.concatenate([part.outcome_at for part in parts] or [np.empty(0, np.int64)])
        keys: U64 = np.concatenate([part.keys for part in parts] or [np.empty(0, np.uint64)])
        values: F64 = np.concatenate([part.outcomes for part in parts] or [np.empty(0)])
        order = np.argsort(times, kind="stable")
        self._times, self._keys, self._values = times[order], keys[order], values[order]
        graded = [part.relevances for part in parts if part.relevances is not None]
        self._relevances = np.concatenate(graded)[order] if graded else None

    @property
    def n(self) -> int:
        """Outcomes in the file, without the refused."""
        return len(self._times)

    def take_until(self, moment: int) -> tuple[Outcomes, ...]:
        """All not yet taken that were known at this moment."""
        return self._take_to(int(np.searchsorted(self._times, moment, side="right")))

    def take(self, n: int) -> tuple[Outcomes, ...]:
        """The next n."""
        return self._take_to(min(self.next + n, self.n))

    def _take_to(self, stop: int) -> tuple[Outcomes, ...]:
        start, self.next = self.next, max(self.next, stop)
        if start >= self.next:
            return ()
        part = slice(start, self.next)
        origin = Origin(OUTCOMES, PARTITION, np.arange(start, self.next, dtype=np.int64))
        graded = None if self._relevances is None else self._relevances[part]
        return (Outcomes(self._model, self._keys[part], self._times[part], self._values[part], origin, graded),)


class ScheduledBackfills:
    """All backfills of a file, found by their prediction; rows of one prediction stay in their order.

    Keys and decoded features stay in memory: some bytes a value.

    Parameters
    ----------
    rows : Path or Table
        Parquet, or CSV by its name: ids and features.
    codec : BackfillCodec

    Raises
    ------
    FatalError
        If the file cannot be read.
    """

    def __init__(self, rows: Path | pa.Table, codec: BackfillCodec) -> None:
        self.refused: list[DeadLetter] = []
        self._parts: list[Backfills] = []
        row = 0
        for piece in open_table(rows).slices(0, SCAN_ROWS):
            found, bad = codec.backfills(piece, topic=BACKFILLS, partition=PARTITION, first_offset=row)
            self.refused += bad
            row += piece.num_rows
            self._parts += [] if found is None else [found]
        keys: U64 = np.concatenate([part.keys for part in self._parts] or [np.empty(0, np.uint64)])
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        self._taken = np.zeros(len(keys), np.bool_)
        self.n_taken = 0

    @property
    def n_left(self) -> int:
        """Backfills not emitted yet."""
        return len(self._keys) - self.n_taken

    def restart(self, keys_before: Iterable[U64], n_taken: int) -> None:
        """Go to where the backfills of some predictions were emitted; where more were, those of none were too."""
        self._taken[:] = False
        for keys in keys_before:
            self._taken[self._places(keys)] = True
        if n_taken > int(self._taken.sum()):
            self._taken[:] = True
        self.n_taken = int(self._taken.sum())

    def take(self, keys: U64) -> tuple[Backfills, ...]:
        """Those of these predictions that were not emitted yet."""
        places = np.unique(self._places(keys))
        return self._take(places[~self._taken[places]])

    def take_rest(self) -> tuple[Backfills, ...]:
        """All that were not emitted yet."""
        return self._take(np.flatnonzero(~self._taken))

    def _places(self, keys: U64) -> I64:
        first, last = (np.searchsorted(self._keys, keys, side=side) for side in ("left", "right"))
        sizes = last - first
        ends = np.cumsum(sizes)
        places: I64 = np.arange(int(sizes.sum())) - np.repeat(ends - sizes, sizes) + np.repeat(first, sizes)
        return places

    def _take(self, places: I64) -> tuple[Backfills, ...]:
        self._taken[places] = True
        self.n_taken += len(places)
        rows = np.sort(self._order[places])
        found, start = [], 0
        for part in self._parts if len(rows) else ():
            inside = rows[(rows >= start) & (rows < start + len(part))] - start
            start += len(part)
            if len(inside):
                found.append(part.take(inside))
        return tuple(found)
