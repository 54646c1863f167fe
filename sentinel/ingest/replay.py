"""Files or tables of predictions and outcomes, replayed as a live system would have seen them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from sentinel.config.model import Columns
from sentinel.errors import FatalError
from sentinel.events.batch import F64, I64, U64, Backfills, DeadLetter, EventBatch, Origin, Outcomes, Predictions
from sentinel.ingest.protocol import Changes

PREDICTIONS, OUTCOMES, BACKFILLS = "predictions", "outcomes", "backfills"
ROWS_PER_BATCH = 2_000
_SCAN_ROWS = 65_536  # rows of the outcomes' file decoded at once, before anything is emitted
_PARTITION = 0


class TableCodec(Protocol):
    """Decodes rows of a table; :class:`sentinel.events.codecs.arrow.ArrowCodec` does."""

    def predictions(
        self, table: pa.Table, *, topic: str, partition: int, first_offset: int
    ) -> tuple[Predictions | None, list[DeadLetter]]:
        """Rows as predictions; the refused as dead letters."""
        ...

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


class ReplaySource:
    """Reads rows of predictions, and of outcomes, from the beginning to the end; implements ``Source``.

    Predictions come in the order of their file, a slice of ``rows_per_batch`` at a time. After each slice come all
    outcomes that were known by its latest ``predicted_at`` (or that of an earlier slice), in the order in which they
    became known; after the last slice the rest, so many at a time. Two replays of the same files are the same, and
    one that starts at a stored position goes on exactly as the first would have.

    Everything is partition 0; the positions count rows of predictions, and outcomes emitted. Of the outcomes only
    key, value and time stay in memory: 24 bytes a row. Parquet is read as it is needed; CSV is read whole, since
    the type of a column is known only at its end. A table that is in memory is read where it is.

    Parameters
    ----------
    predictions : Path or Table
        Parquet, or CSV by its name (``.csv``, ``.csv.gz``).
    outcomes : Path or Table
        The same where predictions carry their outcomes.
    codec : TableCodec
    columns : sentinel.config.model.Columns
        The codec's: of the outcomes' file no others are read.
    rows_per_batch : int, >= 1
    backfills : ScheduledBackfills, optional
        Come with the slice of predictions that they belong to.

    Raises
    ------
    FatalError
        If a file cannot be read.
    """

    name = "replay"

    def __init__(
        self,
        predictions: Path | pa.Table,
        outcomes: Path | pa.Table,
        codec: TableCodec,
        columns: Columns,
        *,
        rows_per_batch: int = ROWS_PER_BATCH,
        backfills: ScheduledBackfills | None = None,
    ) -> None:
        self._codec = codec
        self._backfills = backfills
        self._rows_per_batch = rows_per_batch
        self._table = _open(predictions)
        names = [columns.prediction_id, columns.outcome, columns.relevance, columns.outcome_at]
        self._outcomes = _ScheduledOutcomes(_open(outcomes, names), codec)
        self._slices: Iterator[pa.Table] = iter(())
        self._row = 0
        self._latest = np.iinfo(np.int64).min
        self._refused: list[DeadLetter] = []
        self._changes = Changes(gained=frozenset({_PARTITION}))
        self._started = False
        self._paused = False
        self._closed = False
        self._n_rows = 0

    def assigned(self) -> frozenset[int]:
        """Partition 0."""
        return frozenset({_PARTITION})

    def take_changes(self) -> Changes:
        """Partition 0 is gained at the start; nothing changes after."""
        changes, self._changes = self._changes, Changes()
        return changes

    def start_at(self, partition: int, positions: Mapping[str, int]) -> None:
        """Go to these rows; ``{}`` is the beginning, and only from there are refused outcomes reported.

        Raises
        ------
        FatalError
            If the files are shorter than the positions: they are not the files that the checkpoint is of.
        """
        if partition != _PARTITION:
            return
        self._row = positions.get(PREDICTIONS, 0)
        self._outcomes.next = positions.get(OUTCOMES, 0)
        if self._row > self._table.n_rows or self._outcomes.next > self._outcomes.n:
            raise FatalError(
                f"the stored positions ({self._row} predictions, {self._outcomes.next} outcomes) lie behind the end "
                f"of the files ({self._table.n_rows}, {self._outcomes.n}): replay with an empty state directory"
            )
        # All outcomes known by the slices before were emitted with them, so the latest time starts anew.
        self._latest = np.iinfo(np.int64).min
        self._slices = self._table.slices(self._row, self._rows_per_batch)
        self._refused = [] if positions else list(self._outcomes.refused)
        if self._backfills is not None:
            self._backfills.restart(self._keys_before(self._row), positions.get(BACKFILLS, 0))
            self._refused += [] if positions else self._backfills.refused
        self._started = True

    def poll(self, timeout_seconds: float) -> list[EventBatch]:  # noqa: ARG002
        """The next slice, at once.

        Raises
        ------
        FatalError
            If the file cannot be read on.
        """
        if not self._started or self._paused or self._closed or self.exhausted():
            return []
        positions: dict[str, int] = {}
        decoded: Predictions | None = None
        refused, self._refused = self._refused, []
        if self._row < self._table.n_rows:
            table = next(self._slices)
            decoded, bad = self._codec.predictions(
                table, topic=PREDICTIONS, partition=_PARTITION, first_offset=self._row
            )
            refused += bad
            self._row += table.num_rows
            positions[PREDICTIONS] = self._row
            if decoded is not None and len(decoded):
                self._latest = max(self._latest, int(decoded.predicted_at.max()))
        backfills = self._due_backfills(decoded)
        if backfills and self._backfills is not None:
            positions[BACKFILLS] = self._backfills.n_taken
        outcomes = self._due_outcomes()
        if outcomes:
            positions[OUTCOMES] = self._outcomes.next
        self._n_rows += (0 if decoded is None else len(decoded)) + sum(map(len, outcomes)) + sum(map(len, backfills))
        return [
            EventBatch(
                partition=_PARTITION,
                positions=positions,
                predictions=() if decoded is None else (decoded,),
                outcomes=outcomes,
                dead_letters=tuple(refused),
                backfills=backfills,
            )
        ]

    def commit(self, positions: Mapping[int, Mapping[str, int]]) -> None:
        """Files need not be told."""

    def pause(self, partitions: Iterable[int]) -> None:
        """Emit nothing until resumed."""
        self._paused = self._paused or _PARTITION in partitions

    def resume(self, partitions: Iterable[int]) -> None:
        """Emit again."""
        self._paused = self._paused and _PARTITION not in partitions

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Rows not emitted yet."""
        return {
            (PREDICTIONS, _PARTITION): self._table.n_rows - self._row,
            (OUTCOMES, _PARTITION): self._outcomes.n - self._outcomes.next,
        }

    def fraction(self) -> float:
        """How much was emitted, 0 to 1, of predictions and outcomes together."""
        total = self._table.n_rows + self._outcomes.n
        return 1.0 if total == 0 else (self._row + self._outcomes.next) / total

    def exhausted(self) -> bool:
        """Whether every row of both files was emitted."""
        at_end = self._row >= self._table.n_rows and self._outcomes.next >= self._outcomes.n
        return self._started and at_end and not self._refused and self._n_backfills_left == 0

    def statistics(self) -> Mapping[str, int]:
        """``messages`` emitted since the start, without the refused."""
        return {"messages": self._n_rows}

    def close(self, timeout_seconds: float) -> None:  # noqa: ARG002
        """Let go of the files."""
        self._closed = True
        self._slices = iter(())

    @property
    def _n_backfills_left(self) -> int:
        return 0 if self._backfills is None else self._backfills.n_left

    def _due_backfills(self, decoded: Predictions | None) -> tuple[Backfills, ...]:
        """Those of the predictions just read; at the end of the file those that belong to none."""
        if self._backfills is None:
            return ()
        mine = () if decoded is None else self._backfills.take(decoded.keys)
        return mine + (self._backfills.take_rest() if self._row >= self._table.n_rows else ())

    def _keys_before(self, stop: int) -> Iterator[U64]:
        """Keys of the predictions that were read before a stored position."""
        row = 0
        for piece in self._table.slices(0, _SCAN_ROWS) if stop else ():
            wanted = piece.slice(0, max(stop - row, 0))
            decoded, _ = self._codec.predictions(wanted, topic=PREDICTIONS, partition=_PARTITION, first_offset=row)
            row += piece.num_rows
            if decoded is not None:
                yield decoded.keys

    def _due_outcomes(self) -> tuple[Outcomes, ...]:
        if self._row < self._table.n_rows:
            return self._outcomes.take_until(self._latest)
        return self._outcomes.take(self._rows_per_batch)


class _ScheduledOutcomes:
    """All outcomes of a file, sorted by when they became known; rows of one time stay in their order."""

    def __init__(self, table: _Table, codec: TableCodec) -> None:
        self.refused: list[DeadLetter] = []
        self.next = 0
        self._model = ""
        parts: list[Outcomes] = []
        row = 0
        for piece in table.slices(0, _SCAN_ROWS):
            outcomes, bad = codec.outcomes(piece, topic=OUTCOMES, partition=_PARTITION, first_offset=row)
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
        origin = Origin(OUTCOMES, _PARTITION, np.arange(start, self.next, dtype=np.int64))
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
        for piece in _open(rows).slices(0, _SCAN_ROWS):
            found, bad = codec.backfills(piece, topic=BACKFILLS, partition=_PARTITION, first_offset=row)
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


class _Table(Protocol):
    """A file of rows."""

    @property
    def n_rows(self) -> int:
        """Rows in the file."""
        ...

    def slices(self, start: int, n_rows: int) -> Iterator[pa.Table]:
        """The rows from ``start`` on, ``n_rows`` at a time; the last slice may be shorter."""
        ...


class _HeldTable:
    def __init__(self, rows: pa.Table, names: Sequence[str] | None) -> None:
        self._rows = rows if names is None else rows.select([name for name in names if name in rows.column_names])

    @property
    def n_rows(self) -> int:
        return int(self._rows.num_rows)

    def slices(self, start: int, n_rows: int) -> Iterator[pa.Table]:
        return (self._rows.slice(row, n_rows) for row in range(start, self.n_rows, n_rows))


class _ParquetTable:
    def __init__(self, path: Path, names: Sequence[str] | None) -> None:
        self._path = path
        self._names = names
        metadata = pq.read_metadata(path)
        self._n_rows = int(metadata.num_rows)
        self._group_rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]

    @property
    def n_rows(self) -> int:
        return self._n_rows

    def slices(self, start: int, n_rows: int) -> Iterator[pa.Table]:
        group = 0
        while group < len(self._group_rows) and start >= self._group_rows[group]:
            start -= self._group_rows[group]
            group += 1
        if group == len(self._group_rows):
            return
        groups = range(group, len(self._group_rows))
        try:
            with pq.ParquetFile(self._path) as file:
                yield from _rechunked(file.iter_batches(n_rows, row_groups=groups, columns=self._names), start, n_rows)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self._path, error) from error


def _rechunked(batches: Iterable[pa.RecordBatch], skip: int, n_rows: int) -> Iterator[pa.Table]:
    """Cut batches of any sizes into tables of exactly ``n_rows``, without the first ``skip`` rows."""
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0
    for batch in batches:
        rest = batch.slice(min(skip, batch.num_rows))
        skip -= batch.num_rows - rest.num_rows
        if not rest.num_rows:
            continue
        waiting.append(rest)
        n_waiting += rest.num_rows
        while n_waiting >= n_rows:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, n_rows)
            waiting = table.slice(n_rows).to_batches()
            n_waiting -= n_rows
    if n_waiting:
        yield pa.Table.from_batches(waiting)


def _open(rows: Path | pa.Table, names: Sequence[str] | None = None) -> _Table:
    if not isinstance(rows, Path):
        return _HeldTable(rows, names)
    try:
        return _HeldTable(pa.csv.read_csv(rows), names) if _is_csv(rows) else _ParquetTable(rows, names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(rows, error) from error


def _unreadable(path: Path, error: Exception) -> FatalError:
    return FatalError(f"{path} cannot be read as {'CSV' if _is_csv(path) else 'Parquet'}: {error}")


def _is_csv(path: Path) -> bool:
    return ".csv" in path.suffixes[-2:]
