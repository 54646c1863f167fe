"""Files or tables of predictions and outcomes, replayed as a live system would have seen them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from sentinel.config.columns import Columns
from sentinel.errors import FatalError
from sentinel.events.batch import U64, Backfills, DeadLetter, EventBatch, Outcomes, Predictions
from sentinel.ingest.protocol import Changes
from sentinel.ingest.replay_schedules import (
    BACKFILLS,
    OUTCOMES,
    PARTITION,
    SCAN_ROWS,
    OutcomeCodec,
    ScheduledBackfills,
    ScheduledOutcomes,
)
from sentinel.ingest.replay_tables import open_table

PREDICTIONS = "predictions"
ROWS_PER_BATCH = 2_000


class TableCodec(OutcomeCodec, Protocol):
    """Decodes rows of predictions, too."""

    def predictions(
        self, table: pa.Table, *, topic: str, partition: int, first_offset: int
    ) -> tuple[Predictions | None, list[DeadLetter]]:
        """Rows as predictions; the refused as dead letters."""
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
    columns : sentinel.config.columns.Columns
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
        self._table = open_table(predictions)
        names = [columns.prediction_id, columns.outcome, columns.relevance, columns.outcome_at]
        self._outcomes = ScheduledOutcomes(open_table(outcomes, names), codec)
        self._slices: Iterator[pa.Table] = iter(())
        self._row = 0
        self._latest = np.iinfo(np.int64).min
        self._refused: list[DeadLetter] = []
        self._changes = Changes(gained=frozenset({PARTITION}))
        self._started = False
        self._paused = False
        self._closed = False
        self._n_rows = 0

    def assigned(self) -> frozenset[int]:
        """Partition 0."""
        return frozenset({PARTITION})

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
        if partition != PARTITION:
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
        if self._row < self._table.n_rows:
            decoded = self._next_predictions()
            positions[PREDICTIONS] = self._row
        refused, self._refused = self._refused, []
        backfills = self._due_backfills(decoded)
        if backfills and self._backfills is not None:
            positions[BACKFILLS] = self._backfills.n_taken
        outcomes = self._due_outcomes()
        if outcomes:
            positions[OUTCOMES] = self._outcomes.next
        self._n_rows += (0 if decoded is None else len(decoded)) + sum(map(len, outcomes)) + sum(map(len, backfills))
        return [
            EventBatch(
                partition=PARTITION,
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
        self._paused = self._paused or PARTITION in partitions

    def resume(self, partitions: Iterable[int]) -> None:
        """Emit again."""
        self._paused = self._paused and PARTITION not in partitions

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Rows not emitted yet."""
        return {
            (PREDICTIONS, PARTITION): self._table.n_rows - self._row,
            (OUTCOMES, PARTITION): self._outcomes.n - self._outcomes.next,
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

    def _next_predictions(self) -> Predictions | None:
        """The next slice of the file, None where all of it is refused."""
        table = next(self._slices)
        decoded, refused = self._codec.predictions(
            table, topic=PREDICTIONS, partition=PARTITION, first_offset=self._row
        )
        self._refused += refused
        self._row += table.num_rows
        if decoded is not None and len(decoded):
            self._latest = max(self._latest, int(decoded.predicted_at.max()))
        return decoded

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
        for piece in self._table.slices(0, SCAN_ROWS) if stop else ():
            wanted = piece.slice(0, max(stop - row, 0))
            decoded, _ = self._codec.predictions(wanted, topic=PREDICTIONS, partition=PARTITION, first_offset=row)
            row += piece.num_rows
            if decoded is not None:
                yield decoded.keys

    def _due_outcomes(self) -> tuple[Outcomes, ...]:
        if self._row < self._table.n_rows:
            return self._outcomes.take_until(self._latest)
        return self._outcomes.take(self._rows_per_batch)
