"""Announces changes on a topic from a thread of its own: the evaluation hands over what it sees and goes on.

Exactly once, by the topic itself: each event holds everything that stands after it, and whoever is about to announce
first becomes the only writer, then reads what was written last. So a restart, a second evaluator, and a write of which
nobody knows whether it arrived all end the same: what the topic says already is not said again.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from sentinel.clock import Clock
from sentinel.config.times import rfc3339
from sentinel.diagnosis.report import Report
from sentinel.errors import FatalError, RecoverableError
from sentinel.exposition.announcements.cloudevent import event_key, standing_of, to_event
from sentinel.exposition.announcements.standing import Seen, Standing, announcements
from sentinel.exposition.announcements.watcher import Watcher
from sentinel.ingest.event_topic import EventTopic
from sentinel.logs import get_logger

log = get_logger(__name__)

CAPACITY: Final = 256
"""Changes that wait while the topic cannot be written; beyond, the oldest are dropped, and what they changed is told by
the next one of their model."""
RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
REFUSED_SECONDS: Final = 300.0
"""Between attempts where a person has to act first: rights are given back without a restart here."""
WRITTEN, DROPPED, KNOWN = "written", "dropped", "known"

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
        self._capacity = capacity
        self._watchers: dict[Key, Watcher] = {}
        self._offered: dict[Key, Seen] = {}
        self._standing: dict[bytes, Standing] | None = None
        self._queue: deque[_Change] = deque()
        self._changed = threading.Condition()
        self._idle = True
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sentinel-announcer", daemon=True)
        self._results: Counter[str] = Counter()
        self._n_failures = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> bool:
        """Write what waits, if the topic takes it in time; what is left is announced after the next start.

        Returns
        -------
        bool
            True: what a topic does never spoils a stop.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._idle and not self._queue, timeout_seconds)
            self._halt.set()
            self._changed.notify_all()
        self._thread.join(timeout_seconds)
        return True

    @property
    def results(self) -> dict[str, int]:
        """Events ``written``, changes ``known`` to the topic already and changes ``dropped``, since the start."""
        with self._changed:
            return dict(self._results)

    @property
    def failures(self) -> int:
        """Failed attempts since the start."""
        with self._changed:
            return self._n_failures

    def offer(self, reports: Iterable[Report]) -> None:
        """Take note of one look. Never waits for the topic, and never fails."""
        for report in reports:
            key = report.model, report.version
            seen = self._watchers.setdefault(key, Watcher()).look(report)
            if seen is not None and seen != self._offered.get(key):
                self._offered[key] = seen
                self._put(_Change(seen, report))

    def _put(self, change: _Change) -> None:
        with self._changed:
            self._queue.append(change)
            while len(self._queue) > self._capacity:
                self._queue.popleft()
                self._results[DROPPED] += 1
            self._changed.notify_all()

    def _run(self) -> None:
        failed = 0
        while (change := self._take()) is not None:
            try:
                result, n = self._announce(change)
            except (RecoverableError, FatalError) as error:
                failed += 1
                self._failed(change, error, failed)
                continue
            except Exception:  # whatever a client raises must not end this thread
                log.exception("announcement_failed", model=change.report.model, version=change.report.version)
                self._standing = None
                result, n = DROPPED, 1
            failed = 0
            self._done(result, n)
        self._topic.close(1.0)

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

    def _take(self) -> _Change | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self._halt.is_set())
            if self._halt.is_set():
                return None
            self._idle = False
            return self._queue.popleft()

    def _done(self, result: str, n: int) -> None:
        with self._changed:
            self._results[result] += n
            self._idle = True
            self._changed.notify_all()

    def _failed(self, change: _Change, error: Exception, failed: int) -> None:
        """Keep the change for later, and wait."""
        log.warning("announcement_delayed", error=str(error))
        self._standing = None
        with self._changed:
            self._n_failures += 1
            self._queue.appendleft(change)
            self._idle = True
        wait = REFUSED_SECONDS if isinstance(error, FatalError) else RETRY_SECONDS[min(failed, len(RETRY_SECONDS)) - 1]
        self._halt.wait(wait)
