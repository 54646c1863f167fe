"""Marks changes of verdict in Grafana from a thread of its own: the stream hands over what it sees and goes on."""

from __future__ import annotations

import threading
from collections import Counter
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
from sentinel.exposition.outbox import WRITTEN, Outbox
from sentinel.logs import get_logger

log = get_logger(__name__)

CAPACITY: Final = 256
"""Changes that wait: more than a fleet makes in an hour."""
REFUSED: Final = "refused"

Key = tuple[str, str]


class Annotator:
    """Offers are made by one thread, and written by the annotator's own.

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
        self._client: GrafanaClient | None = None
        self._clock = clock
        self._patience = patience
        self._random = random or Random()
        self._standing: dict[Key, str | None] = {}
        self._coming: dict[Key, tuple[Mark, int]] = {}
        self._failed_in_a_row = 0
        self._counting = threading.Lock()
        self._failures: Counter[str] = Counter()
        self.outbox = Outbox("sentinel-grafana", self._deliver, self._disconnect, capacity=capacity, loses_rest=True)

    @property
    def results(self) -> dict[str, int]:
        """Changes ``written``, ``refused`` by Grafana and ``dropped``, since the start."""
        return self.outbox.results

    @property
    def failures(self) -> dict[str, int]:
        """Failed attempts since the start, by reason."""
        with self._counting:
            return dict(self._failures)

    def start(self) -> None:
        """Start the thread."""
        self.outbox.start()

    def stop(self, timeout_seconds: float = 2.0) -> None:
        """Write what waits, if Grafana takes it in time; drop the rest."""
        self.outbox.stop(timeout_seconds)

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
        self.outbox.put(mark._replace(at_ms=first.at_ms))

    def _deliver(self, mark: Mark) -> float | None:
        try:
            self._client = self._client or self._connect()
            settle(self._client, mark)
        except GrafanaError as error:
            log.warning("grafana_unavailable", reason=str(error.reason), error=str(error))
            self._count_failure(error.reason)
            if error.reason not in FINAL:
                self._failed_in_a_row += 1
                return backoff_seconds(self._failed_in_a_row, self._random, error.wait_seconds)
            self.outbox.count(REFUSED)
        except Exception:  # whatever Grafana answers must not end this thread
            log.exception("grafana_annotation_failed", model=mark.model, version=mark.version)
            self._count_failure(Reason.UNEXPECTED)
            self.outbox.count(REFUSED)
        else:
            self.outbox.count(WRITTEN)
        self._failed_in_a_row = 0
        return None

    def _count_failure(self, reason: Reason) -> None:
        with self._counting:
            self._failures[reason] += 1

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
