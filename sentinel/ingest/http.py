"""Events that producers post over HTTP, read from the log that made them durable."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sentinel.clock import Clock
from sentinel.errors import SourceError
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.decoded import assemble
from sentinel.events.codecs.messages import Messages, Role
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.http_log import EventLog
from sentinel.ingest.http_reader import LogReader, Run
from sentinel.ingest.http_records import ROLES, Header
from sentinel.ingest.protocol import Changes, LogStart
from sentinel.logs import get_logger

log = get_logger(__name__)

TOPICS: dict[Role, str] = {"prediction": "http.predictions", "outcome": "http.outcomes"}
"""What positions, lag and dead letters call the two kinds of messages of the one log; their offsets are the log's."""
PARTITION = 0
MAX_MESSAGES = 2_000
MAX_POLL_BYTES = 16 << 20
LINGER_SECONDS = 0.1
"""How long a poll waits for a full batch: to count few events at a time was measured to cost several times as much."""
_RETRY_SECONDS = 1.0


class HttpSource:
    """One partition over an :class:`EventLog`; implements :class:`~sentinel.ingest.protocol.Source`.

    The log belongs to the daemon and outlives the source: while a new configuration is taken up, events are still
    accepted. Every position names the next offset of the whole log, for both topics.

    Parameters
    ----------
    events : EventLog
        Opened before the first :meth:`start_at`.
    codec : Codec
    clock : Clock
    max_messages : int, >= 1
        Of one poll.
    linger_seconds : float, >= 0
        How long a poll waits for so many, once there are some.
    """

    name = "http"

    def __init__(
        self,
        events: EventLog,
        codec: Codec,
        clock: Clock,
        *,
        max_messages: int = MAX_MESSAGES,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self.events = events
        self._codec = codec
        self._clock = clock
        self._max_messages = max_messages
        self._changes = Changes(gained=frozenset({PARTITION}))
        self._reader: LogReader | None = None
        self._paused = False
        self._linger_seconds = linger_seconds
        self._until: int | None = None
        self._closed = threading.Event()
        self._lag: dict[tuple[str, int], int] = {}
        self._counts: Counter[str] = Counter()

    def assigned(self) -> frozenset[int]:
        """The only partition, always."""
        return frozenset({PARTITION})

    def take_changes(self) -> Changes:
        """It is gained at the start; nothing changes after."""
        changes, self._changes = self._changes, Changes()
        return changes

    def start_at(self, partition: int, positions: Mapping[str, int], until: Mapping[str, int] | None = None) -> None:
        """Go to the positions, and let the log take events; an end of either topic is one of both.

        Raises
        ------
        StoreError
            If the log lies behind the positions and cannot go on there.
        """
        if partition != PARTITION or self._closed.is_set():
            return
        position = min((positions.get(topic, 0) for topic in TOPICS.values()), default=0)
        self._until = max((until or {}).values(), default=None)
        self._leave()
        self.events.take_from(position)
        oldest = self.events.segments()[0].offset
        self._reader = LogReader(self.events, max(position, oldest))

    def reached(self, partition: int) -> bool:
        """Whether the reader stands at the end that it was told."""
        if partition != PARTITION or self._reader is None:
            return False
        return self._until is None or self._reader.next >= self._until

    def offsets_at(self, partition: int, time_us: int) -> LogStart:  # noqa: ARG002 # there is one
        """The first write that was accepted at or after a moment; what was counted and let go is missing."""
        segments = self.events.segments()
        reader = LogReader(self.events, segments[0].offset)
        first: int | None = None
        begin = segments[0].offset
        try:
            while runs := reader.read(1, 1):
                first = runs[0].received_at if first is None else first
                if runs[0].received_at >= time_us:
                    begin = runs[0].offset
                    break
                reader.skip_record()
                begin = reader.next
        except OSError as error:
            raise SourceError(f"{self.events.directory}: {error.strerror or error}") from error
        finally:
            reader.close()
        missing = 0 if first is None or segments[0].offset == 0 else max(0, first - time_us)
        return LogStart(dict.fromkeys(TOPICS.values(), begin), missing)

    def poll(self, timeout_seconds: float) -> list[EventBatch]:
        """Wait for durable messages and decode them, predictions and outcomes each by their own rules."""
        reader = self._reader
        if reader is None or self._paused or self._closed.is_set():
            self._closed.wait(timeout_seconds)
            return []
        wanted = self._wanted(reader)
        if wanted <= 0:
            self._closed.wait(timeout_seconds)
            return []
        if not self.events.wait_beyond(reader.next, timeout_seconds):
            self._measure_lag(reader)
            return []
        if self.events.end.offset - reader.next < wanted:
            self._closed.wait(min(self._linger_seconds, timeout_seconds))
        try:
            runs = reader.read(wanted, MAX_POLL_BYTES)
        except OSError as error:
            self._counts["errors"] += 1
            log.error("event_log_unreadable", error=error, directory=self.events.directory)
            self._closed.wait(min(timeout_seconds, _RETRY_SECONDS))
            return []
        self._measure_lag(reader)
        return [self._batch(runs, reader)] if runs else []

    def commit(self, positions: Mapping[int, Mapping[str, int]]) -> None:
        """Let the segments go that a checkpoint on disk covers."""
        own = positions.get(PARTITION)
        if own and not self._closed.is_set():
            self.events.release(min(own.get(topic, 0) for topic in TOPICS.values()))

    def pause(self, partitions: Iterable[int]) -> None:
        """Deliver nothing; events are accepted still."""
        self._paused = self._paused or PARTITION in set(partitions)

    def resume(self, partitions: Iterable[int]) -> None:
        """Deliver again."""
        self._paused = self._paused and PARTITION not in set(partitions)

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Accepted and not delivered, as of the last poll."""
        return self._lag

    def exhausted(self) -> bool:
        """Never."""
        return False

    def statistics(self) -> Mapping[str, int]:
        """``messages`` delivered, and ``errors`` of reading, since the start."""
        return {"messages": self._counts["messages"], "errors": self._counts["errors"]}

    def close(self, timeout_seconds: float) -> None:  # noqa: ARG002
        """Stop reading; the log goes on taking events until the daemon closes it."""
        self._closed.set()
        self.events.wake()
        self._leave()

    def _wanted(self, reader: LogReader) -> int:
        """How many messages a poll may deliver."""
        left = self._max_messages if self._until is None else self._until - reader.next
        return min(self._max_messages, left)

    def _leave(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _measure_lag(self, reader: LogReader) -> None:
        end = self.events.end
        outcomes = max(0, end.n_outcomes - reader.n_outcomes)
        self._lag = {
            (TOPICS["prediction"], PARTITION): max(0, end.offset - reader.next - outcomes),
            (TOPICS["outcome"], PARTITION): outcomes,
        }

    def _batch(self, runs: Sequence[Run], reader: LogReader) -> EventBatch:
        self._counts["messages"] += sum(len(run.posted) for run in runs)
        decoded = [self._codec.decode(messages) for role in ROLES if (messages := self._messages(role, runs)).payloads]
        behind = self._lag[TOPICS["outcome"], PARTITION] > 0
        return assemble(PARTITION, dict.fromkeys(TOPICS.values(), reader.next), decoded, outcomes_behind=behind)

    def _messages(self, role: Role, runs: Sequence[Run]) -> Messages:
        """Those of one role."""
        wanted = ROLES.index(role)
        rows = [(run, i) for run in runs for i, each in enumerate(run.posted.roles) if each == wanted]
        headers: list[Sequence[Header]] = []
        if any(run.posted.headers for run in runs):
            headers = [run.posted.headers[i] if run.posted.headers else () for run, i in rows]
        return Messages(
            topic=TOPICS[role],
            partition=PARTITION,
            role=role,
            offsets=[run.offset + i for run, i in rows],
            payloads=[run.posted.payloads[i] for run, i in rows],
            received_at=[run.received_at for run, _ in rows],
            keys=[None] * len(headers),
            headers=headers,
        )
