"""Logs of accepted events for tests: a way to fill them, and a log of the contract's events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sentinel.clock import Clock, ManualClock
from sentinel.ingest.http import HttpSource
from sentinel.ingest.http_log import EventLog
from sentinel.ingest.http_reader import LogReader
from sentinel.ingest.http_records import ROLES, Posted
from sentinel.ingest.protocol import Source
from tests.ingest.logs import NOW_US, codec, messages

WAIT_SECONDS = 120.0  # far more than anything takes: several workers share the machine


def posted(payloads: Sequence[bytes], outcomes: Sequence[int] = ()) -> Posted:
    """Messages of which those at some places are outcomes."""
    return Posted(bytes(i in outcomes for i in range(len(payloads))), list(payloads))


def open_log(
    directory: Path, *, max_bytes: int = 1 << 30, clock: Clock | None = None, taking_from: int | None = 0
) -> EventLog:
    """A log that takes events."""
    events = EventLog(directory, max_bytes, clock or ManualClock(NOW_US), fsync=False)
    events.open()
    if taking_from is not None:
        events.take_from(taking_from)
    return events


def add(events: EventLog, some: Posted) -> int:
    """Append and wait until it is acknowledged; returns the first offset."""
    return events.append(some).result(WAIT_SECONDS)


def everything(events: EventLog, offset: int = 0) -> dict[int, bytes]:
    """What a reader finds from an offset on, by offset."""
    reader = LogReader(events, offset)
    found: dict[int, bytes] = {}
    while runs := reader.read(7, 1 << 20):
        for run in runs:
            found |= dict(enumerate(run.posted.payloads, run.offset))
    reader.close()
    return found


class HttpLog:
    """The contract's events, posted in requests of some; over HTTP there are no tombstones."""

    partitions = frozenset({0})
    n_dead_letters = 2

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "events"
        events = open_log(self._directory, clock=ManualClock(NOW_US + 10**9))
        some = [(role, payload) for role, _, payload in messages() if payload is not None]
        for start in range(0, len(some), 11):
            part = some[start : start + 11]
            add(events, Posted(bytes(ROLES.index(role) for role, _ in part), [payload for _, payload in part]))
        events.close()

    def open(self) -> Source:
        """Read it anew, as after a restart."""
        return _Owner(open_log(self._directory, taking_from=None))


class _Owner(HttpSource):
    """A source that closes its log as well, as the daemon does."""

    def __init__(self, events: EventLog) -> None:
        super().__init__(events, codec(), ManualClock(NOW_US), max_messages=7, linger_seconds=0.0)

    def close(self, timeout_seconds: float) -> None:
        """Both."""
        super().close(timeout_seconds)
        self.events.close()
