"""Reads the log of accepted events from a position on, across its segments."""

from __future__ import annotations

import os
from bisect import bisect_right
from dataclasses import dataclass

from sentinel.ingest.http_log import EventLog
from sentinel.ingest.http_records import Posted, decode
from sentinel.ingest.http_segments import Found, Segment, next_record
from sentinel.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive messages of one write."""

    offset: int
    received_at: int
    posted: Posted


class LogReader:
    """Where one reader of the log stands. For one thread, the one that releases as well.

    What cannot be read, because the disk altered it, is passed over: counted by the log, and logged.

    Parameters
    ----------
    events : EventLog
    offset : int
        Where to begin; what lies before the oldest segment was counted and let go.
    """

    def __init__(self, events: EventLog, offset: int) -> None:
        self._log = events
        self.next = offset
        self.n_outcomes = 0
        self._segment: Segment | None = None
        self._descriptor = -1
        self._at = 0
        self._record: tuple[Found, Posted] | None = None

    def read(self, max_messages: int, max_bytes: int) -> list[Run]:
        """The next messages, as far as they are durable.

        Parameters
        ----------
        max_messages : int, >= 1
        max_bytes : int
            No run is added once so many were read.
        """
        runs: list[Run] = []
        n_left, bytes_left = max_messages, max_bytes
        while n_left > 0 and bytes_left > 0:
            current = self._current()
            if current is None:
                break
            run = self._take(*current, n_left)
            runs.append(run)
            n_left -= len(run.posted)
            bytes_left -= run.posted.n_bytes
        return runs

    def skip_record(self) -> None:
        """Go on behind the write that the last message read is of."""
        if self._record is not None:
            found, _ = self._record
            self.next, self._record = found.head.offset + found.head.n, None

    def close(self) -> None:
        """Let go of the file that is open."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._segment, self._descriptor, self._record = None, -1, None

    def _take(self, found: Found, posted: Posted, n: int) -> Run:
        begin = self.next - found.head.offset
        end = min(begin + n, len(posted))
        part = Posted(posted.roles[begin:end], posted.payloads[begin:end], posted.headers[begin:end])
        run = Run(self.next, found.head.received_at, part)
        self.next += len(part)
        self.n_outcomes += part.n_outcomes
        if end == len(posted):
            self._record = None
        return run

    def _current(self) -> tuple[Found, Posted] | None:
        """The record that holds the next message."""
        while self._record is None:
            end = self._log.end
            if self.next >= end.offset:
                self.n_outcomes = end.n_outcomes
                return None
            if self._segment is None:
                self._open(self._segment_of(self.next))
            found = self._find()
            if found is None:
                self._leave_segment(end.offset)
                continue
            self._at = found.end
            if found.head.offset + found.head.n <= self.next:
                continue
            self._pass_over(found.head.offset)
            posted = decode(found.data, found.head)
            before = posted.roles[: self.next - found.head.offset]
            self.n_outcomes = found.head.n_outcomes + Posted(before, ()).n_outcomes
            self._record = found, posted
        return self._record

    def _find(self) -> Found | None:
        """The next record of the segment.

        What a failed write left is cut off, and may be back after a power failure: it was never acknowledged, and
        begins where the segment that was made in its stead does.
        """
        if self._segment is None:
            return None
        found = next_record(self._descriptor, self._segment, self._at, 0)
        following = self._following()
        return None if found is None or (following and found.head.offset >= following[0].offset) else found

    def _segment_of(self, offset: int) -> Segment:
        segments = self._log.segments()
        return segments[max(0, bisect_right([each.offset for each in segments], offset) - 1)]

    def _open(self, segment: Segment) -> None:
        self.close()
        self._descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        self._segment, self._at = segment, 0
        self._pass_over(segment.offset)

    def _leave_segment(self, end: int) -> None:
        """Go on with the next segment; what should have stood before it and does not is damaged."""
        following = self._following()
        if following:
            self._open(self._segment_of(following[0].offset))
        else:
            self._pass_over(end)

    def _following(self) -> list[Segment]:
        here = -1 if self._segment is None else self._segment.offset
        return [segment for segment in self._log.segments() if segment.offset > here]

    def _pass_over(self, offset: int) -> None:
        if offset <= self.next:
            return
        path = "" if self._segment is None else str(self._segment.path)
        n = offset - self.next
        self._log.note_damaged(n)
        log.error("accepted_events_unreadable", path=path, first=self.next, n=n, hint="the disk altered or lost them")
        self.next = offset
