"""Announces changes on a topic from a thread of its own: the evaluation hands over what it sees and goes on.

Exactly once, by the topic itself: each event holds everything that stands after it, and whoever is about to announce
first becomes the only writer, then reads what was written last. So a restart, a second evaluator, and a write of which
nobody knows whether it arrived all end the same: what the topic says already is not said again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sentinel.clock import Clock
from sentinel.config.times import rfc3339
from sentinel.diagnosis.report import Report
from sentinel.errors import FatalError, RecoverableError
from sentinel.exposition.announcements.cloudevent import event_key, standing_of, to_event
from sentinel.exposition.announcements.standing import Seen, Standing, announcements
from sentinel.exposition.announcements.watcher import Watcher
from sentinel.exposition.outbox import DROPPED, WRITTEN, Outbox
from sentinel.ingest.event_topic import EventTopic
from sentinel.logs import get_logger

log = get_logger(__name__)

CAPACITY: Final = 256
"""Changes that wait while the topic cannot be written; what those that are dropped changed is told by the next one of
their model."""
RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
REFUSED_SECONDS: Final = 300.0
"""Between attempts where a person has to act first: rights are given back without a restart here."""
KNOWN: Final = "known"
_CLOSE_SECONDS: Final = 1.0

Key = tuple[str, str]


class _Change(NamedTuple):
    seen: Seen
    report: Report


class Announcer:
    """Offers are made by one thread, and written by the announcer's own.

    Parameters
    ----------
    topic : EventTopic
        Owned from here on.
    deployment : str
        Names this deployment in the events.
    clock : Clock
    capacity : int
        Changes that may wait.
    """

    def __init__(self, topic: EventTopic, deployment: str, clock: Clock, *, capacity: int = CAPACITY) -> None:
        self._topic = topic
        self._deployment = deployment
        self._clock = clock
        self._watchers: dict[Key, Watcher] = {}
        self._offered: dict[Key, Seen] = {}
        self._standing: dict[bytes, Standing] | None = None
        self._failed_in_a_row = 0
        self.failures = 0
        """Attempts that failed, since the start; for any thread to read."""
        self.outbox = Outbox(
            "sentinel-announcer",
            self._deliver,
            lambda: topic.close(_CLOSE_SECONDS),
            capacity=capacity,
            loses_rest=False,
        )

    def start(self) -> None:
        """Start the thread."""
        self.outbox.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Write what waits, if the topic takes it in time; what is left is announced after the next start."""
        self.outbox.stop(timeout_seconds)

    @property
    def results(self) -> dict[str, int]:
        """Events ``written``, changes ``known`` to the topic already and changes ``dropped``, since the start."""
        return self.outbox.results

    def offer(self, reports: Iterable[Report]) -> None:
        """Take note of one look. Never waits for the topic, and never fails."""
        for report in reports:
            key = report.model, report.version
            seen = self._watchers.setdefault(key, Watcher()).look(report)
            if seen is not None and seen != self._offered.get(key):
                self._offered[key] = seen
                self.outbox.put(_Change(seen, report))

    def _deliver(self, change: _Change) -> float | None:
        try:
            self.outbox.count(*self._announce(change))
        except (RecoverableError, FatalError) as error:
            log.warning("announcement_delayed", error=str(error))
            self._standing = None
            self.failures += 1
            self._failed_in_a_row += 1
            if isinstance(error, FatalError):
                return REFUSED_SECONDS
            return RETRY_SECONDS[min(self._failed_in_a_row, len(RETRY_SECONDS)) - 1]
        except Exception:  # whatever a client raises must not end this thread
            log.exception("announcement_failed", model=change.report.model, version=change.report.version)
            self._standing = None
            self.outbox.count(DROPPED)
        self._failed_in_a_row = 0
        return None

    def _announce(self, change: _Change) -> tuple[str, int]:
        """Write what the change asks for; what becomes of it, and how many events that made."""
        key = event_key(change.report.model, change.report.version)
        known = self._standing is not None
        standing = self._claimed() if self._standing is None else self._standing
        made = announcements(standing.get(key, Standing()), change.seen, change.report)
        if not made:
            return KNOWN, 1
        time = rfc3339(self._clock.now_us())
        try:
            self._topic.write([to_event(one, self._deployment, time) for one in made])
        except RecoverableError:
            self._standing = None  # somebody else may have written, or this write may have arrived after all
            if known:
                return self._announce(change)  # once more, as the writer that it has to become again
            raise
        standing[key] = made[-1].standing
        for one in made:
            log.info("announced", change=one.change, model=one.model, version=one.version, sequence=one.sequence)
        return WRITTEN, len(made)

    def _claimed(self) -> dict[bytes, Standing]:
        self._topic.claim()
        self._standing = {key: standing_of(value) for key, value in self._topic.latest().items()}
        return self._standing
