"""Refused events as messages of a topic, for the people and programs that mend their producers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.times import rfc3339
from sentinel.errors import SentinelError, SourceError
from sentinel.events.batch import DeadLetter
from sentinel.ingest.dead_letters import event_digest
from sentinel.ingest.kafka_client import CLIENT_ERRORS
from sentinel.ingest.kafka_producer import connect_producer
from sentinel.logs import get_logger

log = get_logger(__name__)

PREFIX = "sentinel."
"""Names of all headers begin with it."""
MOST_LETTERS = 10_000
MOST_BYTES = 32 << 20
"""What waits for the broker at most; beyond that letters are dropped and counted."""
RUN_LETTERS = 2_000
RETRY_SECONDS = 1.0
WAIT_SECONDS = 2.0
"""How long the stream waits for a broker that does not answer: once, until it answers again."""

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A letter as it is to be written; ``value`` is empty where values are redacted."""

    key: bytes
    headers: Headers
    value: bytes

    @property
    def n_bytes(self) -> int:
        return len(self.value) + 512  # headers and the objects around them


class KafkaDeadLetters:
    """Writes refused events to a topic, on a thread of its own.

    What is promised: a letter is acknowledged by the topic before the checkpoint that covers its event, so that none
    is lost while the broker answers, and after a crash one may stand there twice (with the same key). A broker that
    does not answer holds the stream up once, for :data:`WAIT_SECONDS`; from then on letters wait in a bounded buffer
    and what it cannot hold is dropped and counted. How many events were refused, and why, is counted by the
    checkpoint, exactly, whatever becomes of the topic.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
    topic : str
    clock : Clock
    values_kept : bool
        Write the event itself as the value; otherwise it is empty.
    hash_key : bytes
        Of `sentinel.ingest.dead_letters.event_digest`.
    most_letters, most_bytes : int
        Bounds of the buffer.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        clock: Clock,
        *,
        values_kept: bool = False,
        hash_key: bytes = b"",
        most_letters: int = MOST_LETTERS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._clock = clock
        self._values_kept = values_kept
        self._hash_key = hash_key
        self._most_letters = most_letters
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._away = False
        self._closed = False
        self._n_written = 0
        self._n_dropped = 0
        self._n_failures = 0
        self._thread: threading.Thread | None = None
        self._producer: KafkaProducer | None = None

    def append(self, letters: Iterable[DeadLetter]) -> None:
        """Hand letters over; waits only where the broker answers and is slower than the stream."""
        now = rfc3339(self._clock.now_us())
        ready = [self._prepared(letter, now) for letter in letters]
        if not ready:
            return
        self._start()
        with self._changed:
            for one in ready:
                if not self._has_room(one):
                    self._wait(lambda one=one: self._has_room(one), WAIT_SECONDS)
                if self._closed or not self._has_room(one):
                    self._n_dropped += 1
                    continue
                self._waiting.append(one)
                self._waiting_bytes += one.n_bytes
            self._changed.notify_all()

    def settle(self, timeout_seconds: float = WAIT_SECONDS) -> bool:
        """Wait until everything handed over is acknowledged; call it before a checkpoint.

        Returns
        -------
        bool
            Whether it is. At once False while the broker is known not to answer.
        """
        with self._changed:
            return self._wait(lambda: not self._waiting, timeout_seconds)

    def statistics(self) -> Mapping[str, int]:
        """``written`` and ``dropped`` letters and ``write_failures`` since the start, and those ``waiting`` now."""
        return {
            "written": self._n_written,
            "dropped": self._n_dropped,
            "write_failures": self._n_failures,
            "waiting": len(self._waiting),
        }

    def close(self, timeout_seconds: float) -> None:
        """Wait for what was handed over, within the time, and disconnect. A second call does nothing."""
        if self._closed:
            return
        deadline = self._clock.monotonic() + timeout_seconds
        self.settle(timeout_seconds / 2)
        with self._changed:
            self._closed = True
            self._n_dropped += len(self._waiting)
            if self._waiting:
                log.error("dead_letters_dropped", topic=self._topic, letters=len(self._waiting))
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - self._clock.monotonic()))

    def _has_room(self, one: _Waiting) -> bool:
        return len(self._waiting) < self._most_letters and self._waiting_bytes + one.n_bytes <= self._most_bytes

    def _wait(self, reached: Any, timeout_seconds: float) -> bool:
        """Wait for the writing thread, unless it is known that nobody answers it; holds the lock."""
        self._changed.wait_for(lambda: reached() or self._away or self._closed, timeout_seconds)
        if reached():
            return True
        self._away = True  # until something is acknowledged again
        return False

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="sentinel-dead-letters", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    break
                run = [self._waiting[i] for i in range(min(RUN_LETTERS, len(self._waiting)))]
            try:
                n_written = self._write(run)
            except (SentinelError, *CLIENT_ERRORS) as error:
                self._failed(error)
                continue
            self._acknowledged(n_written)
        self._disconnect()

    def _write(self, run: list[_Waiting]) -> int:
        """Write a run in order; returns how many are acknowledged, up to the first that is not."""
        if self._producer is None:
            self._producer = connect_producer(self._settings)
        sent = [self._send(self._producer, one) for one in run]
        self._producer.flush(WAIT_SECONDS * 4)
        for n_written, (one, future) in enumerate(zip(run, sent, strict=True)):
            fault = future.exception if future.is_done else kafka_errors.KafkaTimeoutError("no answer")
            if fault is None:
                continue
            if _too_large(fault) and one.value:
                self._send_without_value(self._producer, one)
                continue
            self._acknowledged(n_written)
            raise fault
        return len(run)

    def _send(self, producer: KafkaProducer, one: _Waiting) -> Any:
        try:
            return producer.send(self._topic, one.value, one.key, one.headers)
        except kafka_errors.MessageSizeTooLargeError:
            return producer.send(self._topic, b"", one.key, one.headers)

    def _send_without_value(self, producer: KafkaProducer, one: _Waiting) -> None:
        """The topic takes no message as large as the event: where it is and why says enough."""
        producer.send(self._topic, b"", one.key, one.headers).get(timeout=WAIT_SECONDS * 4)

    def _acknowledged(self, n_written: int) -> None:
        if not n_written:
            return
        with self._changed:
            for _ in range(min(n_written, len(self._waiting))):
                self._waiting_bytes -= self._waiting.popleft().n_bytes
            self._n_written += n_written
            if self._away:
                log.info("dead_letters_topic_answers", topic=self._topic)
            self._away = False
            self._changed.notify_all()

    def _failed(self, error: Exception) -> None:
        self._disconnect()
        with self._changed:
            self._n_failures += 1
            self._away = True
            self._changed.notify_all()
            log.error("dead_letters_not_written", topic=self._topic, error=self._meaning(error))
            self._changed.wait_for(lambda: self._closed, RETRY_SECONDS)

    def _meaning(self, error: Exception) -> str:
        if isinstance(error, kafka_errors.AuthorizationError):
            return f"the user needs WRITE and DESCRIBE on the topic {self._topic} ({type(error).__name__})"
        if isinstance(error, kafka_errors.KafkaTimeoutError):
            return f"no answer in time; is the topic {self._topic} there?"
        return str(error) if isinstance(error, SourceError) else f"{type(error).__name__}: {error}"

    def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(*CLIENT_ERRORS):
                producer.close(timeout=RETRY_SECONDS)

    def _prepared(self, letter: DeadLetter, refused_at: str) -> _Waiting:
        headers = letter_headers(letter, refused_at, self._hash_key)
        value = (letter.payload or b"") if self._values_kept else b""
        return _Waiting(f"{letter.topic}/{letter.partition}/{letter.offset}".encode(), headers, value)


def letter_headers(letter: DeadLetter, refused_at: str, hash_key: bytes = b"") -> Headers:
    """What a letter says of its event, as headers of a message, all UTF-8 text.

    Examples
    --------
    >>> from sentinel.events.batch import Reason
    >>> letter = DeadLetter(Reason.NOT_JSON, "not JSON: Extra data", "predictions", 3, 41, b"")
    >>> [name for name, _ in letter_headers(letter, "2026-11-26T12:00:00Z")][:3]
    ['sentinel.reason', 'sentinel.detail', 'sentinel.kind']
    """
    fields = {
        "reason": str(letter.reason),
        "detail": letter.detail,
        "kind": letter.kind,
        "topic": letter.topic,
        "partition": str(letter.partition),
        "offset": str(letter.offset),
        "refused-at": refused_at,
    }
    if letter.payload is not None:
        fields |= {"bytes": str(len(letter.payload)), "hash": event_digest(letter.payload, hash_key)}
    return [(PREFIX + name, text.encode(errors="replace")) for name, text in fields.items()]


def _too_large(fault: BaseException) -> bool:
    return isinstance(fault, kafka_errors.MessageSizeTooLargeError | kafka_errors.RecordListTooLargeError)
