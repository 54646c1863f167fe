"""Changes of verdicts and alerts as events: which are made, that none is lost or told twice, and that nobody waits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from hypothesis import given

from sentinel.clock import ManualClock
from sentinel.diagnosis.conditions import PATIENCE
from sentinel.diagnosis.report import Alert, Cause, Report
from sentinel.errors import FatalError, RecoverableError
from sentinel.exposition.announcements import announcer as announcing
from sentinel.exposition.announcements.announcer import KNOWN, Announcer
from sentinel.exposition.announcements.cloudevent import event_key, standing_of
from sentinel.exposition.announcements.standing import Standing
from sentinel.exposition.announcements.watcher import LONG, Watcher
from sentinel.exposition.outbox import DROPPED, WRITTEN
from sentinel.ingest.event_topic import TopicEvent
from tests.exposition.reports import LEAKAGE_ALERT, report

NOW_US = 1_800_000_000_000_000
NOW = "2027-01-15T08:00:00Z"
GAP_ALERT = msgspec.structs.replace(LEAKAGE_ALERT, name="SentinelOfflineOnlineGap", severity="warning")


def judged(cause: Cause, *alerts: Alert, model: str = "churn", through: str | None = "2026-11-20T12:00:00Z") -> Report:
    """A report with a verdict and alerts."""
    made = report(model)
    verdict = msgspec.structs.replace(made.verdict, cause=cause, family=cause.family)
    return msgspec.structs.replace(made, verdict=verdict, alerts=alerts, through=through)


def over(alert: Alert) -> Alert:
    """The alert, resolved."""
    return msgspec.structs.replace(alert, resolved_at="2026-11-21T12:00:00Z")


class Log:
    """A topic in memory, which any number of writers share; the last one that claimed it may write."""

    def __init__(self) -> None:
        self.events: list[TopicEvent] = []
        self.writer = 0

    def said(self) -> list[tuple[str, int]]:
        """Type and sequence of each event."""
        return [(dict(e.headers)["ce_type"].decode(), json.loads(e.value)["sequence"]) for e in self.events]


class FakeTopic:
    """One writer's view of a log, with failures to come: each is raised before, or after, the write took place."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.failures: list[tuple[str, Exception]] = []
        self._me = 0

    def claim(self) -> None:
        """Fence the others."""
        self._fail("claim")
        self.log.writer += 1
        self._me = self.log.writer

    def latest(self) -> Mapping[bytes, bytes | None]:
        """By key."""
        self._fail("latest")
        return {event.key: event.value for event in self.log.events}

    def write(self, events: Sequence[TopicEvent]) -> None:
        """All or nothing, by the latest writer alone."""
        if self._me != self.log.writer:
            raise RecoverableError("fenced")
        self._fail("before")
        self.log.events.extend(events)
        self._fail("after")

    def close(self, timeout_seconds: float) -> None:
        """Nothing to close."""

    def _fail(self, place: str) -> None:
        if self.failures and self.failures[0][0] == place:
            raise self.failures.pop(0)[1]


class Announcing:
    """An announcer on a log, started."""

    def __init__(self, log: Log, *failures: tuple[str, Exception], capacity: int = 256) -> None:
        self.topic = FakeTopic(log)
        self.topic.failures.extend(failures)
        self.announcer = Announcer(self.topic, "sentinel", ManualClock(NOW_US), capacity=capacity)
        self.announcer.start()

    def look(self, *reports: Report, times: int = PATIENCE) -> None:
        """Offer the same reports some times."""
        for _ in range(times):
            self.announcer.offer(reports)

    def settle(self) -> None:
        """Wait until nothing waits."""
        assert self.announcer.outbox.settled(60.0)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "RETRY_SECONDS", (0.001,))
    monkeypatch.setattr(announcing, "REFUSED_SECONDS", 0.001)


def test_each_change_is_one_event() -> None:
    """A verdict that lasts, an alert that fires, one that is over: one event each, numbered without gaps."""
    log = Log()
    one = Announcing(log)
    one.look(judged(Cause.NONE))
    one.look(judged(Cause.TARGET_LEAKAGE, LEAKAGE_ALERT))
    one.look(judged(Cause.TARGET_LEAKAGE, over(LEAKAGE_ALERT)), times=2)
    one.settle()
    assert log.said() == [
        ("sentinel.verdict.changed", 1),
        ("sentinel.alert.fired", 2),
        ("sentinel.verdict.changed", 3),
        ("sentinel.alert.resolved", 4),
    ]
    assert one.announcer.results[WRITTEN] == 4


def test_an_event_is_a_cloudevent_in_binary_mode() -> None:
    """The CloudEvents project's own reader finds every attribute, and the data as it was written."""
    log = Log()
    one = Announcing(log)
    one.look(judged(Cause.TARGET_LEAKAGE))
    one.settle()
    (event,) = log.events
    read: Any = from_kafka_event(KafkaMessage(headers=dict(event.headers), key=event.key, value=event.value))
    assert read.get_type() == "sentinel.verdict.changed"
    assert read.get_source() == "/sentinel/sentinel/models/churn/7"
    assert read.get_subject() == "churn/7"
    assert read.get_id() == f"1-{NOW}"
    assert read.get_time().isoformat() == "2027-01-15T08:00:00+00:00"
    data = read.get_data()
    assert data["verdict"]["cause"] == "target_leakage"
    assert data["standing"] == {"sequence": 1, "cause": "target_leakage", "alerts": []}
    assert data["previous_cause"] is None


def test_a_verdict_that_flutters_announces_nothing() -> None:
    """One look less than the patience, again and again, is no change."""
    log = Log()
    one = Announcing(log)
    one.look(judged(Cause.NONE))
    for _ in range(5):
        one.look(judged(Cause.COVARIATE_DRIFT), times=PATIENCE - 1)
        one.look(judged(Cause.NONE), times=1)
    one.settle()
    assert log.said() == [("sentinel.verdict.changed", 1)]


def test_a_stream_that_has_not_begun_says_nothing() -> None:
    """A report without a watermark is no look."""
    log = Log()
    one = Announcing(log)
    one.look(judged(Cause.INSUFFICIENT_EVIDENCE, through=None), times=10)
    one.settle()
    assert log.events == []


def test_a_restart_says_nothing_twice() -> None:
    """The next process, without any memory but the topic, announces only what has changed since."""
    log = Log()
    first = Announcing(log)
    first.look(judged(Cause.TARGET_LEAKAGE, LEAKAGE_ALERT))
    first.settle()
    second = Announcing(log)
    second.look(judged(Cause.TARGET_LEAKAGE), times=LONG - 1)  # its alerts begin anew, so none fires yet
    second.look(judged(Cause.TARGET_LEAKAGE, LEAKAGE_ALERT), times=5)
    second.settle()
    assert log.said() == [("sentinel.alert.fired", 1), ("sentinel.verdict.changed", 2)]
    assert second.announcer.results == {KNOWN: second.announcer.results[KNOWN]}


def test_an_alert_that_does_not_return_after_a_restart_is_over() -> None:
    """After so many looks that it would fire again, an alert that nobody remembers is resolved, once."""
    log = Log()
    first = Announcing(log)
    first.look(judged(Cause.NONE, GAP_ALERT))
    first.settle()
    second = Announcing(log)
    second.look(judged(Cause.NONE), times=3 * LONG)
    second.settle()
    assert log.said()[2:] == [("sentinel.alert.resolved", 3)]


@pytest.mark.parametrize("place", ["claim", "latest", "before", "after"])
@pytest.mark.parametrize("error", [RecoverableError("away"), FatalError("no right to write")])
def test_no_failure_loses_or_doubles_an_event(place: str, error: Exception) -> None:
    """Whether a write arrived is found out from the topic, so an answer that was lost makes no second event."""
    log = Log()
    one = Announcing(log, (place, error), (place, error))
    one.look(judged(Cause.NONE))
    one.look(judged(Cause.TARGET_LEAKAGE))
    one.settle()
    assert log.said() == [("sentinel.verdict.changed", 1), ("sentinel.verdict.changed", 2)]


def test_two_evaluators_announce_once() -> None:
    """Whichever of two that see the same comes second finds that it is said already."""
    log = Log()
    one, other = Announcing(log), Announcing(log)
    for cause in (Cause.NONE, Cause.TARGET_LEAKAGE, Cause.NONE, Cause.CONCEPT_DRIFT):
        one.look(judged(cause))
        one.settle()
        other.look(judged(cause))
        other.settle()
    assert log.said() == [("sentinel.verdict.changed", n) for n in (1, 2, 3, 4)]


def test_models_keep_apart() -> None:
    """Each model version has its own key and its own sequence."""
    log = Log()
    one = Announcing(log)
    one.look(judged(Cause.NONE), judged(Cause.NONE, model="fraud"))
    one.settle()
    assert sorted(event.key for event in log.events) == [event_key("churn", "7"), event_key("fraud", "7")]
    assert log.said() == [("sentinel.verdict.changed", 1)] * 2


def test_dropped_changes_are_told_by_the_next() -> None:
    """With a topic that is away for long, the oldest changes go, and what stands at the end is still announced."""
    log = Log()
    one = Announcing(log, *[("claim", RecoverableError("away"))] * 50, capacity=1)
    for cause in (Cause.NONE, Cause.TARGET_LEAKAGE, Cause.NONE, Cause.CONCEPT_DRIFT):
        one.look(judged(cause))
    one.settle()
    assert standing_of(log.events[-1].value).cause is Cause.CONCEPT_DRIFT
    assert one.announcer.results.get(DROPPED, 0) + len(log.events) >= 4


def test_a_record_of_others_is_no_standing() -> None:
    """What cannot be read back counts as nothing announced, and never raises."""
    for value in (None, b"", b"not json", b"{}", b'{"standing": 3}'):
        assert standing_of(value) == Standing()


def test_the_watcher_settles_on_what_lasts() -> None:
    """The cause is the last one that held for the patience; before the first there is none."""
    watcher = Watcher(patience=2)
    causes = [Cause.NONE, Cause.NONE, Cause.LABEL_SHIFT, Cause.NONE, Cause.LABEL_SHIFT, Cause.LABEL_SHIFT]
    seen = [watcher.look(judged(cause)) for cause in causes]
    assert [each and each.cause for each in seen] == [None, *[Cause.NONE] * 4, Cause.LABEL_SHIFT]


@given(st.lists(st.tuples(st.sampled_from([Cause.NONE, Cause.TARGET_LEAKAGE]), st.integers(0, 3)), max_size=12))
def test_events_add_up_to_what_stands(history: list[tuple[Cause, int]]) -> None:
    """Whatever is seen, with a restart after each look: following the events gives the last standing, without gaps."""
    log = Log()
    alerts = {0: (), 1: (LEAKAGE_ALERT,), 2: (GAP_ALERT,), 3: (LEAKAGE_ALERT, GAP_ALERT)}
    for cause, which in history:
        both = [a if a in alerts[which] else over(a) for a in (LEAKAGE_ALERT, GAP_ALERT)]
        one = Announcing(log)
        one.look(judged(cause, *both))
        one.settle()
        one.announcer.stop()
    sequences = [json.loads(event.value)["sequence"] for event in log.events]
    assert sequences == list(range(1, len(sequences) + 1))
    if history:
        cause, which = history[-1]
        last = standing_of(log.events[-1].value)
        assert last.cause is cause
        assert {alert.name for alert in last.alerts} == {alert.name for alert in alerts[which]}
