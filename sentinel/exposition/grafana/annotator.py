"""Marks changes of verdict in Grafana from a thread of its own: the stream hands over what it sees and goes on."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Final

from sentinel.clock import Clock
from sentinel.diagnosis.conditions import PATIENCE
from sentinel.diagnosis.report import Report
from sentinel.exposition.grafana.client import GrafanaClient
from sentinel.exposition.grafana.errors import FINAL, GrafanaError, Reason
from sentinel.exposition.grafana.marks import Mark, mark_of, settle
from sentinel.exposition.grafana.retry import backoff_seconds
from sentinel.logs import get_logger

log = get_logger(__name__)

CAPACITY: Final = 256
"""Changes that wait: more than a fleet makes in an hour. Beyond, the oldest are dropped: the newest says what is."""
WRITTEN, REFUSED, DROPPED = "written", "refused", "dropped"

Key = tuple[str, str]


class Annotator:
    """Offers are made by one thread, and read by its own.

    Parameters
    ----------
    connect : callable
        Makes the client; called on the annotator's thread.
    clock : Clock
    capacity : int
        Changes that may wait.
    patience : int
        Looks in a row that a verdict must last before it is marked, from the first of them on.
    random : Random, optional
        Spreads the attempts.
    """

    def __init__(
        self,
        connect: Callable[[], GrafanaClient],
        clock: Clock,
        *,
        capacity: int = CAPACITY,
        patience: int = PATIENCE,
        random: Random | None = None,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._capacity = capacity
        self._patience = patience
        self._random = random or Random()
        self._standing: dict[Key, str | None] = {}
        self._coming: dict[Key, tuple[Mark, int]] = {}
        self._queue: deque[Mark] = deque()
        self._changed = threading.Condition()
        self._idle = True
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sentinel-grafana", daemon=True)
        self._results: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()

    @property
    def results(self) -> dict[str, int]:
        """What became of the changes so far."""
        with self._changed:
            return dict(self._results)

    @property
    def failures(self) -> dict[str, int]:
        """Failed attempts so far, by reason."""
        with self._changed:
            return dict(self._failures)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 2.0) -> bool:
        """Write what waits, if Grafana takes it in time; drop the rest.

        Returns
        -------
        bool
            True: what Grafana does never spoils a stop.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._idle and not self._queue, timeout_seconds)
            self._halt.set()
            self._results[DROPPED] += len(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        return True

    def offer(self, reports: Iterable[Report]) -> None:
        """Take note of the verdicts of one look. Never waits for Grafana, and never fails.

        A report of a stream that has not begun, or not yet again after a restart, says nothing.
        """
        now_ms = self._clock.now_us() // 1_000
        for report in reports:
            if report.through is not None:
                self._look(mark_of(report, now_ms))

    def _look(self, mark: Mark) -> None:
        key = (mark.model, mark.version)
        if key in self._standing and self._standing[key] == mark.cause:
            self._coming.pop(key, None)
            return
        first, looks = self._coming.get(key, (mark, 0))
        if first.cause != mark.cause:
            first, looks = mark, 0
        if looks + 1 < self._patience:
            self._coming[key] = first, looks + 1
            return
        self._coming.pop(key, None)
        self._standing[key] = mark.cause
        self._put(mark._replace(at_ms=first.at_ms))

    def _put(self, mark: Mark) -> None:
        with self._changed:
            self._queue.append(mark)
            self._make_room()
            self._changed.notify_all()

    def _make_room(self) -> None:
        while len(self._queue) > self._capacity:
            self._queue.popleft()
            self._results[DROPPED] += 1

    def _run(self) -> None:
        client: GrafanaClient | None = None
        failed = 0
        while (mark := self._take()) is not None:
            try:
                client = client or self._connect()
                settle(client, mark)
            except GrafanaError as error:
                failed = self._failed(mark, error, failed)
                continue
            except Exception:  # whatever Grafana answers must not end this thread
                log.exception("grafana_annotation_failed", model=mark.model, version=mark.version)
                self._done(REFUSED, Reason.UNEXPECTED)
                continue
            failed = 0
            self._done(WRITTEN)
        if client is not None:
            client.close()

    def _take(self) -> Mark | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self._halt.is_set())
            if self._halt.is_set():
                return None
            self._idle = False
            return self._queue.popleft()

    def _done(self, result: str, reason: Reason | None = None) -> None:
        with self._changed:
            self._results[result] += 1
            if reason is not None:
                self._failures[reason] += 1
            self._idle = True
            self._changed.notify_all()

    def _failed(self, mark: Mark, error: GrafanaError, failed: int) -> int:
        """Give up what Grafana does not want; keep the rest for later, and wait. Returns the failures in a row."""
        log.warning("grafana_unavailable", reason=str(error.reason), error=str(error))
        if error.reason in FINAL:
            self._done(REFUSED, error.reason)
            return 0
        with self._changed:
            self._failures[error.reason] += 1
            if self._halt.is_set():
                self._results[DROPPED] += 1
            else:
                self._queue.appendleft(mark)
                self._make_room()
            self._idle = True
        self._halt.wait(backoff_seconds(failed + 1, self._random, error.wait_seconds))
        return failed + 1
