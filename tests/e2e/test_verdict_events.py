"""Verdicts as events on a real Kafka: written once through restarts, second evaluators and a broker that goes away."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition

from sentinel.clock import SystemClock
from sentinel.config.kafka import KafkaSource, Topics
from sentinel.diagnosis.conditions import PATIENCE
from sentinel.diagnosis.report import Cause, Report
from sentinel.errors import RecoverableError
from sentinel.exposition.announcements.announcer import Announcer
from sentinel.exposition.announcements.standing import Announcement
from sentinel.ingest.event_topic import TopicEvent
from sentinel.ingest.kafka_event_topic import KafkaEventTopic
from tests.documents.fences import ROOT, blocks
from tests.exposition.reports import LEAKAGE_ALERT
from tests.exposition.test_announcements import judged
from tests.support.kafka_broker import KafkaBroker, start_broker, unique_name
from tests.support.process import wait_until

pytestmark = pytest.mark.kafka


def settings(broker: KafkaBroker, topic: str, group: str) -> KafkaSource:
    """Of a deployment that announces on a topic."""
    api_version = broker.client_options.get("api_version")
    return KafkaSource(
        bootstrap_servers=[broker.bootstrap],
        topics=Topics(predictions="predictions", outcomes="outcomes", verdicts=topic),
        group_id=group,
        api_version=list(api_version) if api_version else None,
    )


def written(broker: KafkaBroker, topic: str) -> list[tuple[str, int, str]]:
    """Type, sequence and cause of every event that a consumer of committed transactions sees."""
    with contextlib.closing(
        KafkaConsumer(bootstrap_servers=broker.bootstrap, isolation_level="read_committed", **broker.client_options)
    ) as consumer:
        pair = TopicPartition(topic, 0)
        consumer.assign([pair])
        consumer.seek_to_beginning(pair)
        end = consumer.end_offsets([pair])[pair]
        found: list[Any] = []
        while (consumer.position(pair) or 0) < end:
            found += consumer.poll(200).get(pair, [])
    events = [(dict(message.headers), json.loads(message.value)) for message in found]
    return [(h["ce_type"].decode(), data["sequence"], data["verdict"]["cause"]) for h, data in events]


@contextlib.contextmanager
def announcing(settings: KafkaSource, topic: str) -> Iterator[Announcer]:
    """An announcer, started; its thread is over at the end."""
    clock = SystemClock()
    announcer = Announcer(KafkaEventTopic(settings, topic, clock), settings.group_id, clock)
    announcer.start()
    try:
        yield announcer
    finally:
        announcer.stop()


def look(announcer: Announcer, report: Report) -> None:
    """Offer a report until it has settled, and wait until the change is dealt with."""
    before = sum(announcer.results.values())
    for _ in range(PATIENCE):
        announcer.offer([report])
    wait_until(lambda: sum(announcer.results.values()) > before, 120, "the change to be dealt with")


@pytest.fixture
def topic(kafka_broker: KafkaBroker) -> str:
    """A topic of one partition."""
    name = unique_name("verdicts")
    kafka_broker.create_topic(name, 1, {"cleanup.policy": "compact"})
    return name


def test_two_evaluators_and_a_restart_announce_once(kafka_broker: KafkaBroker, topic: str) -> None:
    """Each change is on the topic once, whoever saw it first, and the next process goes on with the numbers."""
    deployment = settings(kafka_broker, topic, unique_name("group"))
    with announcing(deployment, topic) as one, announcing(deployment, topic) as other:
        for announcer in (one, other):
            look(announcer, judged(Cause.NONE))
        for announcer in (other, one):
            look(announcer, judged(Cause.TARGET_LEAKAGE))
    with announcing(deployment, topic) as after:
        look(after, judged(Cause.TARGET_LEAKAGE))
        look(after, judged(Cause.NONE))
    assert written(kafka_broker, topic) == [
        ("sentinel.verdict.changed", 1, "none"),
        ("sentinel.verdict.changed", 2, "target_leakage"),
        ("sentinel.verdict.changed", 3, "none"),
    ]


def test_a_fenced_writer_writes_nothing(kafka_broker: KafkaBroker, topic: str) -> None:
    """Once another has claimed the topic, a write of the former one fails as a whole and leaves nothing."""
    deployment = settings(kafka_broker, topic, unique_name("group"))
    event = TopicEvent(b"key", [("ce_type", b"x")], b'{"sequence": 1, "verdict": {"cause": "none"}}')
    former, latter = (KafkaEventTopic(deployment, topic, SystemClock()) for _ in range(2))
    former.claim()
    latter.claim()
    with pytest.raises(RecoverableError):
        former.write([event])
    latter.write([event])
    assert latter.latest() == {event.key: event.value}
    for one in (former, latter):
        one.close(5.0)
    assert written(kafka_broker, topic) == [("x", 1, "none")]


def test_a_missing_topic_is_named_with_its_mend(kafka_broker: KafkaBroker) -> None:
    """The error says which topic is missing and the command that makes it."""
    missing = unique_name("missing")
    topic = KafkaEventTopic(settings(kafka_broker, missing, unique_name("group")), missing, SystemClock())
    with pytest.raises(RecoverableError, match=rf"topic {missing} is missing.*kafka-topics\.sh .*--topic {missing}"):
        topic.claim()


def test_the_consumer_of_the_documents_acts_on_a_leak_and_an_alert(kafka_broker: KafkaBroker, topic: str) -> None:
    """The example of the page reads what is written: a leak is rolled back once, its alert makes one ticket."""
    deployment = settings(kafka_broker, topic, unique_name("group"))
    confident = judged(Cause.TARGET_LEAKAGE, LEAKAGE_ALERT)
    confident = msgspec.structs.replace(confident, verdict=msgspec.structs.replace(confident.verdict, confidence=0.9))
    with announcing(deployment, topic) as announcer:
        look(announcer, judged(Cause.NONE))
        look(announcer, confident)
    (example,) = (block.text for block in blocks("python") if block.document == ROOT / "docs/how-to/automate.md")
    names: dict[str, Any] = {}
    exec(compile(example, "automate.md", "exec"), names)
    deeds = names["follow"]([kafka_broker.bootstrap], topic, unique_name("automation"))
    done = [next(deeds)[1][0] for _ in range(2)]
    deeds.close()
    assert sorted(done) == ["open a ticket", "roll back"]


def test_the_page_lists_every_field() -> None:
    """The table of the page has the fields of an event, all of them and in their order."""
    page = (ROOT / "docs/how-to/automate.md").read_text(encoding="utf-8")
    table = page.split("| Field of the value |")[1].split("\n\n")[0]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert tuple(named) == Announcement.__struct_fields__


@pytest.mark.slow
def test_a_broker_that_goes_away_delays_and_loses_nothing(tmp_path: Path) -> None:
    """A change that is seen while the broker is down is on the topic once after it has come back."""
    with start_broker(tmp_path) as broker:
        broker.create_topic("verdicts", 1, {"cleanup.policy": "compact"})
        with announcing(settings(broker, "verdicts", "group"), "verdicts") as announcer:
            look(announcer, judged(Cause.NONE))
            broker.stop()
            for _ in range(PATIENCE):
                announcer.offer([judged(Cause.TARGET_LEAKAGE)])
            wait_until(lambda: announcer.failures > 0, 120, "an attempt to fail")
            broker.start()
            # A write whose answer was lost counts as known once the topic has been read back.
            wait_until(lambda: sum(announcer.results.values()) == 2, 120, "the second event to be written")
        assert written(broker, "verdicts") == [
            ("sentinel.verdict.changed", 1, "none"),
            ("sentinel.verdict.changed", 2, "target_leakage"),
        ]
