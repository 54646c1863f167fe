"""The log of events that were accepted over HTTP: durable before they are acknowledged, kept until they are counted."""

from __future__ import annotations

import errno
import os
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sentinel.clock import Clock
from sentinel.errors import RecoverableError, StoreError
from sentinel.ingest.http_records import Posted, encode, joined
from sentinel.ingest.http_segments import Segment, extent_of, new_segment, segments_in
from sentinel.logs import get_logger
from sentinel.whole_files import sync_folder

log = get_logger(__name__)

MAX_SEGMENT_BYTES: Final = 64 << 20
SEGMENTS: Final = 8
"""At least so many fit the bound, so that letting one go makes room for many requests."""
GROUP_BYTES: Final = 4 << 20
"""What one write holds at most, of requests that wait together."""
SYNC_EDGES_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_CLOSE_SECONDS: Final = 10.0
TIDY_SECONDS: Final = 5.0
"""Between two segments that are let go before they are full, because all of them was counted."""


class EventLogError(RecoverableError):
    """Events were not taken, and none of them will be counted: send them again.

    Parameters
    ----------
    message : str
    full : bool
        Whether there is no room: in the log's bound, or on the disk.
    """

    def __init__(self, message: str, full: bool = False) -> None:
        super().__init__(message, full)
        self.full = full

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class End:
    """Where the durable part of the log ends: the next offset, and the outcomes before it."""

    offset: int
    n_outcomes: int


@dataclass(frozen=True, slots=True)
class LogStatistics:
    """What the log says of itself; ``syncs`` are writes by the time that they took, in bins of SYNC_EDGES_SECONDS."""

    n_bytes: int
    max_bytes: int
    accepted: int
    write_failures: int
    damaged: int
    syncs: tuple[int, ...]


class EventLog:
    """An append-only log in segment files, written by a thread of its own.

    Requests that come while one write is on its way to the disk wait, and share the next: one fsync for all of them.
    A write that fails is cut off again and acknowledged to nobody. Offsets rise for ever: the newest segment is never
    removed, and its name holds where it begins.

    Any thread may append; one thread, the loop, reads and releases.

    Parameters
    ----------
    directory : Path
        Belongs to this log alone; made if it is not there.
    max_bytes : int
        Of all segments: above, nothing more is taken until some were counted.
    clock : Clock
    fsync : bool
        Wait for the disk before acknowledging.
    """

    def __init__(self, directory: Path, max_bytes: int, clock: Clock, *, fsync: bool = True) -> None:
        self.directory = directory
        self._max_bytes = max_bytes
        self._segment_bytes = min(MAX_SEGMENT_BYTES, max_bytes // SEGMENTS)
        self._clock = clock
        self._fsync = fsync
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Posted, Future[int]]] = deque()
        self._waiting_bytes = 0
        self._segments: list[Segment] = []
        self._sizes: dict[Path, int] = {}
        self._end = End(0, 0)
        self._descriptor = -1
        self._uncut = False
        self._released = 0
        self._tidied_at = -TIDY_SECONDS
        self._tidy_at: float | None = None
        self._taking = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._accepted = 0
        self._write_failures = 0
        self._n_damaged = 0
        self._syncs = [0] * (len(SYNC_EDGES_SECONDS) + 1)

    def open(self) -> None:
        """Find the end, cut off what a crash left half written, and start the writer. Nothing is taken yet.

        Raises
        ------
        StoreError
            If the directory cannot be read and written.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self.directory.parent)
            self._segments = segments_in(self.directory)
            if self._segments:
                self._continue(self._segments[-1])
            else:
                self._begin(End(0, 0))
            self._sizes = {segment.path: segment.path.stat().st_size for segment in self._segments}
        except OSError as error:
            hint = "`state.directory` chooses another place"
            raise StoreError(f"{self.directory}: cannot keep events here: {error.strerror or error}; {hint}") from error
        self._thread = threading.Thread(target=self._write_forever, name="sentinel-event-log", daemon=True)
        self._thread.start()

    def take_from(self, position: int) -> None:
        """Say where the checkpoint ends, and begin to take events.

        A log that ends before it is not the one that was counted: it was removed, or restored. It goes on behind the
        checkpoint, since what gets an offset before it would never be counted.

        Parameters
        ----------
        position : int, >= 0

        Raises
        ------
        StoreError
            If the log cannot go on there.
        """
        with self._changed:
            if position > self._end.offset:
                log.warning("event_log_behind", end=self._end.offset, checkpoint=position, directory=self.directory)
                try:
                    self._begin(End(position, self._end.n_outcomes))
                except OSError as error:
                    raise StoreError(f"{self.directory}: {error.strerror or error}") from error
            self._taking = True
        self.release(position)

    @property
    def taking(self) -> bool:
        """Whether events are taken."""
        return self._taking and not self._closed

    @property
    def end(self) -> End:
        """Where the durable part ends now."""
        return self._end

    def append(self, posted: Posted) -> Future[int]:
        """Hand over some messages; does not block.

        Parameters
        ----------
        posted : Posted
            At least one message.

        Returns
        -------
        Future of int
            The offset of the first, once they are durable; fails with EventLogError.

        Raises
        ------
        EventLogError
            If there is no room for them, or nothing is taken now.
        """
        done: Future[int] = Future()
        n_bytes = posted.n_bytes
        with self._changed:
            if not self.taking:
                raise EventLogError("events are not taken yet, or no more: send them again shortly")
            if sum(self._sizes.values()) + self._waiting_bytes + n_bytes > self._max_bytes:
                raise EventLogError("the log of accepted events is full: they come faster than they are counted", True)
            self._waiting.append((posted, done))
            self._waiting_bytes += n_bytes
            self._changed.notify_all()
        return done

    def wait_beyond(self, offset: int, timeout_seconds: float) -> bool:
        """Wait until there is a durable message at this offset, or the log is closed; whether there is one."""
        with self._changed:
            self._changed.wait_for(lambda: self._end.offset > offset or self._closed, timeout_seconds)
            return self._end.offset > offset

    def wake(self) -> None:
        """Let :meth:`wait_beyond` look again."""
        with self._changed:
            self._changed.notify_all()

    def segments(self) -> list[Segment]:
        """Those that there are, oldest first."""
        with self._changed:
            return list(self._segments)

    def release(self, offset: int) -> None:
        """Forget what lies before this offset: a checkpoint on disk covers it.

        Segments that end there are removed at once; where all was counted, the newest is soon, for an empty one.
        """
        with self._changed:
            self._released = max(self._released, min(offset, self._end.offset))
            if self._all_counted() and self._tidy_at is None:
                self._tidy_at = max(self._clock.monotonic(), self._tidied_at + TIDY_SECONDS)
                self._changed.notify_all()
        self._drop()

    def _all_counted(self) -> bool:
        return self._released >= self._end.offset and self._sizes[self._segments[-1].path] > 0

    def _drop(self) -> None:
        with self._changed:
            starts = [segment.offset for segment in self._segments]
            n_over = max(0, bisect_left(starts, self._released + 1) - 1)
            gone, self._segments = self._segments[:n_over], self._segments[n_over:]
        _remove(gone)
        with self._changed:
            for segment in gone:
                self._sizes.pop(segment.path, None)

    def note_damaged(self, n: int) -> None:
        """Count messages that a reader could not read."""
        with self._changed:
            self._n_damaged += n

    def statistics(self) -> LogStatistics:
        """For the metrics; any thread may ask."""
        with self._changed:
            n_bytes = sum(self._sizes.values())
            counts = self._accepted, self._write_failures, self._n_damaged
            return LogStatistics(n_bytes, self._max_bytes, *counts, tuple(self._syncs))

    def close(self) -> None:
        """Write what waits, then end. A second call does nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)
        while self._waiting:
            _, done = self._waiting.popleft()
            if done.set_running_or_notify_cancel():
                done.set_exception(EventLogError("sentinel stopped before the disk answered"))
        if self._descriptor >= 0 and (self._thread is None or not self._thread.is_alive()):
            os.close(self._descriptor)
            self._descriptor = -1

    # -- the writer's thread

    def _write_forever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._work_after(self._tidy_at), self._tidy_in())
                group = self._take_group()
                if not group and self._closed:
                    return
            if group:
                self._write_group(group)
            elif self._tidy_in() == 0.0:
                self._tidy()

    def _work_after(self, planned: float | None) -> Callable[[], bool]:
        return lambda: bool(self._waiting) or self._closed or self._tidy_at != planned or self._tidy_in() == 0.0

    def _tidy_in(self) -> float | None:
        return None if self._tidy_at is None else max(0.0, self._tidy_at - self._clock.monotonic())

    def _tidy(self) -> None:
        """Keep nothing on disk that was counted."""
        self._tidied_at, self._tidy_at = self._clock.monotonic(), None
        try:
            if self._all_counted() and not self._uncut:
                self._begin(self._end)
                self._drop()
        except OSError as error:
            log.warning("segment_not_removed", path=self.directory, error=error)

    def _take_group(self) -> list[tuple[Posted, Future[int]]]:
        group: list[tuple[Posted, Future[int]]] = []
        n_bytes = 0
        while self._waiting and (not group or n_bytes + self._waiting[0][0].n_bytes <= GROUP_BYTES):
            posted, done = self._waiting.popleft()
            self._waiting_bytes -= posted.n_bytes
            if done.set_running_or_notify_cancel():  # nobody waits for it any more where not
                group.append((posted, done))
                n_bytes += posted.n_bytes
        return group

    def _write_group(self, group: list[tuple[Posted, Future[int]]]) -> None:
        posted = joined([some for some, _ in group])
        try:
            offset = self._write(posted)
        except OSError as error:
            self._write_failed(group, error)
            return
        except Exception as error:  # a fault of ours must not leave those who wait without an answer
            log.exception("events_not_written")
            self._write_failed(group, OSError(str(error)))
            return
        for some, done in group:
            done.set_result(offset)
            offset += len(some)

    def _write_failed(self, group: list[tuple[Posted, Future[int]]], error: OSError) -> None:
        full = error.errno in _FULL
        reason = error.strerror or str(error)
        log.error("events_not_written", error=reason, directory=self.directory, requests=len(group))
        self._uncut = True
        with self._changed:
            self._write_failures += 1
        for _, done in group:
            done.set_exception(EventLogError(f"the events could not be made durable: {reason}", full))

    def _write(self, posted: Posted) -> int:
        if self._uncut:  # whatever a failed write left is cut, and not written to again: its pages may be lost
            os.ftruncate(self._descriptor, self._sizes[self._segments[-1].path])
            self._begin(self._end)
            self._uncut = False
        segment = self._segments[-1]
        data = encode(posted, self._end.offset, self._end.n_outcomes, self._clock.now_us(), segment.seed)
        if self._sizes[segment.path] and self._sizes[segment.path] + len(data) > self._segment_bytes:
            self._begin(self._end)
            segment = self._segments[-1]
            data = encode(posted, self._end.offset, self._end.n_outcomes, self._clock.now_us(), segment.seed)
        started = self._clock.monotonic()
        _write_all(self._descriptor, data, self._sizes[segment.path])
        if self._fsync:
            os.fdatasync(self._descriptor)
        seconds = self._clock.monotonic() - started
        offset = self._end.offset
        with self._changed:
            self._syncs[bisect_left(SYNC_EDGES_SECONDS, seconds)] += 1
            self._sizes[segment.path] += len(data)
            self._end = End(offset + len(posted), self._end.n_outcomes + posted.n_outcomes)
            self._accepted += len(posted)
            self._changed.notify_all()
        return offset

    # -- segments

    def _begin(self, end: End) -> None:
        """Go on in a new segment; an empty one that begins there as well is not needed any more."""
        segment, descriptor = new_segment(self.directory, end.offset, end.n_outcomes)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        with self._changed:
            empty = [old for old in self._segments if old.offset == end.offset]
            for old in empty:
                self._segments.remove(old)
                del self._sizes[old.path]
            self._descriptor = descriptor
            self._segments.append(segment)
            self._sizes[segment.path] = 0
            self._end = end
        _remove(empty)

    def _continue(self, segment: Segment) -> None:
        """Go on at the end of a segment that is there."""
        extent = extent_of(segment)
        self._descriptor = os.open(segment.path, os.O_WRONLY | os.O_CLOEXEC)
        n_bytes = segment.path.stat().st_size
        if n_bytes > extent.n_bytes:
            log.warning("event_log_cut", path=segment.path, n_bytes=n_bytes - extent.n_bytes)
            os.ftruncate(self._descriptor, extent.n_bytes)
            os.fsync(self._descriptor)
        self._end = End(extent.offset, extent.n_outcomes)


def _remove(segments: Iterable[Segment]) -> None:
    for segment in segments:
        try:
            segment.path.unlink(missing_ok=True)
        except OSError as error:  # it is found again at the next start, and let go again
            log.warning("segment_not_removed", path=segment.path, error=error)


def _write_all(descriptor: int, data: bytes, at: int) -> None:
    rest = memoryview(data)
    while rest:
        n = os.pwrite(descriptor, rest, at)
        rest, at = rest[n:], at + n
