"""What an audit adds up over a file: a sample of it, then what every check and the report keep of all rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import msgspec
import numpy as np
import pyarrow as pa

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.inflation import InflationTally
from sentinel.audit.files.rows import AuditRows, RowDecoder, SideName
from sentinel.audit.files.views import without_views
from sentinel.audit.findings import CheckResult, Side
from sentinel.audit.finite import finite
from sentinel.config.times import rfc3339
from sentinel.events.batch import I64
from sentinel.events.times import BAD_TIME


class SampleFold:
    """Keeps the rows that were chosen.

    Parameters
    ----------
    chosen : int64 array
        Their places in the file, ascending.
    """

    def __init__(self, chosen: I64) -> None:
        self._chosen = chosen
        self._parts: list[tuple[int, pa.Table]] = []

    def add(self, table: pa.Table, numbers: I64) -> None:
        """Take the chosen ones of consecutive rows."""
        if not len(numbers):
            return
        begin, end = np.searchsorted(self._chosen, [numbers[0], numbers[-1] + 1])
        if end > begin:
            at = self._chosen[begin:end] - numbers[0]
            plain = without_views(table)
            self._parts.append((int(numbers[0]), plain if len(at) == len(numbers) else plain.take(pa.array(at))))

    def merge(self, other: Self) -> None:
        """Take in the chosen ones of other rows."""
        self._parts += other._parts

    def take(self) -> pa.Table:
        """The sample, in the file's order."""
        ordered = sorted(self._parts, key=lambda part: part[0])
        return pa.concat_tables([table for _, table in ordered]).combine_chunks()


class Running:
    """A check under way, and how long it has taken."""

    def __init__(self, start: Callable[[Context], Check | CheckResult], context: Context) -> None:
        begun = time.monotonic()
        self._check = start(context)
        self._seconds = time.monotonic() - begun

    def show(self, rows: AuditRows) -> None:
        """Some rows of either file, unless its result stands already."""
        if isinstance(self._check, CheckResult):
            return
        begun = time.monotonic()
        (self._check.train if rows.side == "train" else self._check.validation)(rows)
        self._seconds += time.monotonic() - begun

    def add(self, other: Running, side: SideName) -> None:
        """Take in what a copy saw of one file."""
        if isinstance(self._check, CheckResult) or isinstance(other._check, CheckResult):
            return
        begun = time.monotonic()
        (self._check.add_train if side == "train" else self._check.add_validation)(other._check)
        self._seconds += time.monotonic() - begun

    def result(self) -> CheckResult:
        """What was found."""
        begun = time.monotonic()
        result = self._check if isinstance(self._check, CheckResult) else self._check.result()
        return msgspec.structs.replace(finite(result), seconds=round(self._seconds + time.monotonic() - begun, 3))


@dataclass(slots=True)
class SideTally:
    """What the report says of a file as a whole."""

    n: int = 0
    n_outcomes: int = 0
    first: int = np.iinfo(np.int64).max
    last: int = np.iinfo(np.int64).min

    def add(self, rows: AuditRows) -> None:
        """Count some rows."""
        self.n += len(rows)
        self.n_outcomes += int(np.isfinite(rows.outcomes).sum())
        known = rows.times[rows.times != BAD_TIME]
        if len(known):
            self.first = min(self.first, int(known.min()))
            self.last = max(self.last, int(known.max()))

    def merge(self, other: SideTally) -> None:
        """Count the rows of another."""
        self.n += other.n
        self.n_outcomes += other.n_outcomes
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)

    def side(self) -> Side:
        """As the report says it."""
        timed = self.first <= self.last
        return Side(
            n_rows=self.n,
            n_outcomes=self.n_outcomes,
            start=rfc3339(self.first) if timed else None,
            end=rfc3339(self.last) if timed else None,
        )


@dataclass(slots=True)
class PassFold:
    """One pass over one file, for all checks: rows are decoded once.

    Parameters
    ----------
    side : str
    decoder : RowDecoder
    running : list of Running
        The same ones for both files, the training rows first.
    tally : InflationTally, optional
        Counts all rows of the pass.
    """

    side: SideName
    decoder: RowDecoder
    running: list[Running]
    tally: InflationTally | None = None
    seen: SideTally = field(default_factory=SideTally)

    def add(self, table: pa.Table, numbers: I64) -> None:
        """Decode some rows, and show them to every check."""
        self.show(self.decoder.decode(table, self.side, numbers))

    def show(self, rows: AuditRows) -> None:
        """Show decoded rows to every check."""
        self.seen.add(rows)
        if self.tally is not None:
            self.tally.add(rows, np.zeros(len(rows), np.bool_))
        for check in self.running:
            check.show(rows)

    def merge(self, other: Self) -> None:
        """Take in what a copy saw of the file."""
        self.seen.merge(other.seen)
        if self.tally is not None and other.tally is not None:
            self.tally.merge(other.tally)
        for check, copied in zip(self.running, other.running, strict=True):
            check.add(copied, self.side)
