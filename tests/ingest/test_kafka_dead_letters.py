"""Refused events as messages of a topic."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from sentinel.clock import ManualClock, SystemClock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.events.batch import DeadLetter, Reason
from sentinel.ingest.dead_letters import event_digest
from sentinel.ingest.kafka_dead_letters import WAIT_SECONDS, KafkaDeadLetters
from sentinel.ingest.kafka_originals import read_letter_topic
from tests.ingest.logs import kafka_settings
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.process import free_port, wait_until

SECONDS = 120.0
TOPICS = Topics(predictions="p", outcomes="o")


def _letter(offset: int, payload: bytes | None = b'{"a": 1}') -> DeadLetter:
    return DeadLetter(Reason.NOT_JSON, "not JSON", "p", 3, offset, (payload or b"")[:4], "outcome", payload)


def _nobody() -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=[f"127.0.0.1:{free_port()}"], topics=TOPICS)


def _read(broker: KafkaBroker, topic: str, n: int) -> list[Any]:
    with closing(KafkaConsumer(bootstrap_servers=broker.bootstrap, **broker.client_options)) as consumer:
        pair = TopicPartition(topic, 0)
        consumer.assign([pair])
        consumer.seek_to_beginning(pair)
        records: list[Any] = []
        deadline = time.monotonic() + SECONDS
        while len(records) < n and time.monotonic() < deadline:
            records += consumer.poll(500).get(pair, [])
        return records


@pytest.mark.kafka
@pytest.mark.parametrize("values_kept", [False, True])
def test_a_letter_is_a_message_with_headers_and_an_empty_value(kafka_broker: KafkaBroker, values_kept: bool) -> None:
    """Headers tell place, reason, time, size and hash; the event itself is the value only where that was asked for."""
    topic = unique_name("letters")
    kafka_broker.create_topic(topic, 1)
    settings = kafka_settings(kafka_broker, TOPICS)
    letters = KafkaDeadLetters(settings, topic, ManualClock(1_000_000), values_kept=values_kept, hash_key=b"k")
    with closing(_Closing(letters)):
        letters.append([])
        letters.append([_letter(7), _letter(8, None)])
        assert letters.settle(SECONDS)
        assert letters.statistics() == {"written": 2, "dropped": 0, "write_failures": 0, "waiting": 0}
    first, second = _read(kafka_broker, topic, 2)
    assert (first.key, first.value) == (b"p/3/7", b'{"a": 1}' if values_kept else b"")
    assert dict(first.headers) == {
        "sentinel.reason": b"not_json",
        "sentinel.detail": b"not JSON",
        "sentinel.kind": b"outcome",
        "sentinel.topic": b"p",
        "sentinel.partition": b"3",
        "sentinel.offset": b"7",
        "sentinel.refused-at": b"1970-01-01T00:00:01Z",
        "sentinel.bytes": b"8",
        "sentinel.hash": event_digest(b'{"a": 1}', b"k").encode(),
    }
    assert (second.value, "sentinel.hash" in dict(second.headers)) == (b"", False)
    kept = list(read_letter_topic(settings, topic, SystemClock()))
    assert [(each.letter.offset, each.refused_at, each.n_bytes) for each in kept] == [
        (7, 1_000_000, 8),
        (8, 1_000_000, None),
    ]


@pytest.mark.kafka
def test_an_event_that_the_topic_cannot_hold_is_told_without_its_value(kafka_broker: KafkaBroker) -> None:
    """A topic with a small limit gets the headers of a large event, and the letters around it in order."""
    topic = unique_name("letters")
    kafka_broker.create_topic(topic, 1, {"max.message.bytes": "2000"})
    letters = KafkaDeadLetters(kafka_settings(kafka_broker, TOPICS), topic, SystemClock(), values_kept=True)
    with closing(_Closing(letters)):
        letters.append([_letter(1)])
        assert letters.settle(SECONDS)
        letters.append([_letter(2, b"x" * 5_000)])
        assert letters.settle(SECONDS)
        letters.append([_letter(3)])
        assert letters.settle(SECONDS)
    records = _read(kafka_broker, topic, 3)
    assert [(record.key, len(record.value)) for record in records] == [(b"p/3/1", 8), (b"p/3/2", 0), (b"p/3/3", 8)]
    assert dict(records[1].headers)["sentinel.bytes"] == b"5000"


@pytest.mark.kafka
def test_letters_wait_for_a_topic_that_comes_later(kafka_broker: KafkaBroker, caplog: pytest.LogCaptureFixture) -> None:
    """What was refused before the topic was made is written once it is there, each letter once."""
    topic = unique_name("letters")
    letters = KafkaDeadLetters(kafka_settings(kafka_broker, TOPICS), topic, SystemClock())
    with closing(_Closing(letters)):
        letters.append(map(_letter, range(1_200)))
        wait_until(lambda: letters.statistics()["write_failures"] > 0, SECONDS, "a failure")
        assert "dead_letters_not_written" in {record.getMessage() for record in caplog.records}
        kafka_broker.create_topic(topic, 1)
        wait_until(lambda: letters.statistics()["written"] == 1_200, SECONDS, "the letters")
    assert [record.key for record in _read(kafka_broker, topic, 1_200)] == [f"p/3/{i}".encode() for i in range(1_200)]


def test_a_broker_that_is_away_holds_the_stream_up_once_and_never_fills_memory() -> None:
    """Beyond the bounds letters are dropped and counted; only the first wait takes time."""
    letters = KafkaDeadLetters(_nobody(), "t", SystemClock(), most_letters=10)
    started = time.monotonic()
    with closing(_Closing(letters)):
        for start in range(0, 400, 10):
            letters.append(map(_letter, range(start, start + 10)))
            assert not letters.settle()
        assert time.monotonic() - started < 10 * WAIT_SECONDS  # 40 waits would be four times that
        found = letters.statistics()
        assert (found["written"], found["waiting"], found["dropped"]) == (0, 10, 390)
    assert letters.statistics()["dropped"] == 400


def test_bytes_are_bounded_too() -> None:
    """With values kept, few large events fill the buffer as many small ones do."""
    letters = KafkaDeadLetters(_nobody(), "t", SystemClock(), values_kept=True, most_bytes=10_000)
    with closing(_Closing(letters)):
        letters.append(_letter(offset, b"x" * 4_000) for offset in range(5))
        assert letters.statistics()["waiting"] == 2  # of 4,512 bytes each


def test_nothing_is_connected_before_the_first_letter() -> None:
    """A topic that nothing is written to costs nothing, and closing twice is as closing once."""
    letters = KafkaDeadLetters(_nobody(), "t", SystemClock())
    assert letters.settle()
    letters.close(1.0)
    letters.close(1.0)
    assert letters.statistics() == {"written": 0, "dropped": 0, "write_failures": 0, "waiting": 0}


class _Closing:
    def __init__(self, letters: KafkaDeadLetters) -> None:
        self._letters = letters

    def close(self) -> None:
        """Within the time that a stop has."""
        self._letters.close(5.0)
