"""Logins and rights, on a broker that takes both seriously."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from sentinel.clock import SystemClock
from sentinel.config.durations import Duration
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.config.secrets import Secret
from sentinel.config.sizes import Bytes
from sentinel.errors import SentinelError
from sentinel.events.batch import DeadLetter, Reason
from sentinel.ingest import kafka_client
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.kafka_client import connect
from sentinel.ingest.kafka_dead_letters import KafkaDeadLetters
from sentinel.ingest.kafka_ledger import KafkaLedger
from tests.ingest.logs import N_EVENTS, N_PARTITIONS, Delivery, codec, key_of, messages, produce, turn
from tests.support.identity_provider import IdentityProvider, unsigned_token
from tests.support.kafka_broker import unique_name
from tests.support.process import wait_until
from tests.support.secure_broker import PASSWORD, Right, SecureBroker, broken_token, start_secure_broker

pytestmark = pytest.mark.kafka
WAIT_SECONDS = 120.0
RECORDS = {b'["progress",1]': b"value"}
ALL_KEYS = sorted(key_of(number) for number in range(N_EVENTS))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """One broker for the tests of this module; each makes topics and groups of its own."""
    running = start_secure_broker(tmp_path_factory.mktemp("secure"))
    with running.plain:
        yield running


@pytest.fixture
def topics(broker: SecureBroker) -> Iterator[Topics]:
    """Topics with all events in them; afterwards the user has no right any more."""
    made = Topics(
        predictions=unique_name("predictions"),
        outcomes=unique_name("outcomes"),
        summaries=unique_name("summaries"),
        dead_letters=unique_name("letters"),
    )
    for name in (made.predictions, made.outcomes):
        broker.plain.create_topic(name, N_PARTITIONS)
    broker.plain.create_topic(str(made.summaries), 2, {"cleanup.policy": "compact"})
    broker.plain.create_topic(str(made.dead_letters), 1)
    produce(broker.plain, made, messages())
    yield made
    broker.revoke_all()


def _settings(topics: Topics, group: str, given: dict[str, Any]) -> KafkaSettings:
    secret = {
        name: Secret(given[name]) for name in ("sasl_plain_password", "sasl_oauth_client_secret") if name in given
    }
    values = {"fetch_min_bytes": Bytes(1), "fetch_max_wait": Duration(0.1), "session_timeout": Duration(6.0)}
    return KafkaSettings(topics=topics, group_id=group, **(values | given | secret))


def _input_rights(topics: Topics, group: str) -> dict[str, Right]:
    """All that reading takes."""
    return {
        "predictions": Right("topic", topics.predictions, "READ"),
        "outcomes": Right("topic", topics.outcomes, "READ"),
        "describe predictions": Right("topic", topics.predictions, "DESCRIBE"),
        "describe outcomes": Right("topic", topics.outcomes, "DESCRIBE"),
        "group": Right("group", group, "READ"),
    }


@contextlib.contextmanager
def _source(settings: KafkaSettings) -> Iterator[KafkaSource]:
    source = KafkaSource(settings, codec(), SystemClock())
    try:
        yield source
    finally:
        source.close(5.0)


def _read_until(source: KafkaSource, delivery: Delivery, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"{len(delivery.predictions)} predictions came"
        turn(source, delivery, delivery.positions)


def _read_all(source: KafkaSource, delivery: Delivery) -> None:
    _read_until(source, delivery, lambda: len(set(delivery.outcomes)) == len(set(delivery.predictions)) == N_EVENTS)
    assert sorted(set(delivery.predictions)) == sorted(set(delivery.outcomes)) == ALL_KEYS


@pytest.mark.parametrize("login", ["scram", "mutual", "endpoint", "file"])
def test_each_login_reads_with_the_documented_rights_alone(
    broker: SecureBroker, topics: Topics, tmp_path: Any, login: str
) -> None:
    """SCRAM, a certificate, a token from a provider and one from a file all read everything, with no other right."""
    group = unique_name("group")
    broker.grant(_input_rights(topics, group).values())
    with IdentityProvider() as provider:
        token = tmp_path / "token"
        token.write_text(unsigned_token("sentinel", int(time.time()) + 600))
        given = {
            "scram": broker.scram(),
            "mutual": broker.mutual(),
            "endpoint": broker.oauth(
                sasl_oauth_token_endpoint_url=provider.endpoint,
                sasl_oauth_client_id=group,
                sasl_oauth_client_secret="hunter2",
                sasl_oauth_extensions={"logicalCluster": "lkc"},
            ),
            "file": broker.oauth(sasl_oauth_token_file=str(token)),
        }[login]
        with _source(_settings(topics, group, given)) as source:
            delivery = Delivery()
            _read_all(source, delivery)
            source.commit(delivery.positions)
            assert source.statistics()["errors"] == 0
        assert len(provider.requests) == (login == "endpoint")  # several connections, one token


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        (("predictions",), "DESCRIBE and READ on the topic {predictions}"),
        (("outcomes",), "DESCRIBE and READ on the topic {outcomes}"),
        (("predictions", "describe predictions"), "grant this user DESCRIBE and READ on them"),
        (("outcomes", "describe outcomes"), "grant this user DESCRIBE and READ on them"),
        (("group",), "READ on the group {group}"),
    ],
)
def test_a_right_that_is_missing_is_named_and_reading_begins_when_it_comes(
    broker: SecureBroker, topics: Topics, caplog: pytest.LogCaptureFixture, missing: tuple[str, ...], says: str
) -> None:
    """Each right in turn: without it a log line names it and the process lives; granted, everything is read."""
    group = unique_name("group")
    rights = _input_rights(topics, group)
    broker.grant(right for name, right in rights.items() if name not in missing)
    names = {"predictions": topics.predictions, "outcomes": topics.outcomes, "group": group}
    with _source(_settings(topics, group, broker.scram())) as source:
        delivery = Delivery()
        _read_until(source, delivery, lambda: says.format(**names) in _lines(caplog))
        broker.grant(rights[name] for name in missing)
        _read_all(source, delivery)


@pytest.mark.parametrize("lost", ["predictions", "group"])
def test_a_right_that_is_lost_and_given_back_costs_no_event(
    broker: SecureBroker, topics: Topics, caplog: pytest.LogCaptureFixture, lost: str
) -> None:
    """While the right is away each attempt says so; afterwards reading goes on, without a restart and without a gap."""
    group = unique_name("group")
    rights = _input_rights(topics, group)
    broker.grant(rights.values())
    with _source(_settings(topics, group, broker.scram())) as source:
        delivery = Delivery()
        _read_all(source, delivery)
        away = [rights[lost]] if lost == "group" else [rights[lost], rights[f"describe {lost}"]]
        broker.revoke(away)
        _read_until(source, delivery, lambda: "source_not_allowed" in _lines(caplog))
        more = [message for message in messages(N_EVENTS + 40) if message[1] >= N_EVENTS]
        produce(broker.plain, topics, more)
        broker.grant(away)
        _read_until(source, delivery, lambda: len(set(delivery.predictions)) == N_EVENTS + 40)


@pytest.mark.parametrize("fault", ["password", "token", "certificate"])
def test_a_refused_login_says_where_to_look(
    broker: SecureBroker, topics: Topics, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A wrong password, a token that is none and a missing certificate are told apart, and no secret is told."""
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_SECONDS", 3.0)
    token = tmp_path / "token"
    token.write_text(broken_token())
    given, says = {
        "password": (broker.scram(sasl_plain_password="wrong"), "sasl_mechanism"),
        "token": (broker.oauth(sasl_oauth_token_file=str(token)), "token"),
        "certificate": (broker.mutual(ssl_certfile=None, ssl_keyfile=None), "certificate"),
    }[fault]
    with pytest.raises(SentinelError) as caught:
        connect(_settings(topics, "g", given))
    assert says in str(caught.value)
    assert "wrong" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert token.read_text() not in str(caught.value)


def test_a_provider_that_refuses_is_named_and_reading_begins_when_it_does_not(
    broker: SecureBroker, topics: Topics, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's status is what the log says, not that time was up; when it gives a token, reading begins."""
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_SECONDS", 2.0)
    group = unique_name("group")
    broker.grant(_input_rights(topics, group).values())
    with IdentityProvider(status=403, fault={"error": "unauthorized_client"}) as provider:
        given = broker.oauth(
            sasl_oauth_token_endpoint_url=provider.endpoint,
            sasl_oauth_client_id=group,
            sasl_oauth_client_secret="hunter2",
        )
        with _source(_settings(topics, group, given)) as source:
            delivery = Delivery()
            _read_until(source, delivery, lambda: "/token answers 403 (unauthorized_client)" in _lines(caplog))
            provider.status = 200
            _read_all(source, delivery)
    assert "hunter2" not in _lines(caplog)
    assert provider.tokens[0] not in _lines(caplog)


def test_dead_letters_need_write_on_their_topic(
    broker: SecureBroker, topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    """Without it the letter waits and the log names the right; granted, it is written. READ is not needed."""
    topic = str(topics.dead_letters)
    letters = KafkaDeadLetters(_settings(topics, "g", broker.scram()), topic, SystemClock())
    try:
        letters.append([DeadLetter(Reason.NOT_JSON, "not JSON", "p", 0, 7, b"{")])
        wait_until(lambda: f"WRITE and DESCRIBE on the topic {topic}" in _lines(caplog), WAIT_SECONDS, "the log line")
        broker.grant([Right("topic", topic, "WRITE"), Right("topic", topic, "DESCRIBE")])
        wait_until(lambda: letters.statistics()["written"] == 1, WAIT_SECONDS, "the letter")
    finally:
        letters.close(5.0)
    with contextlib.closing(KafkaConsumer(bootstrap_servers=broker.plain.bootstrap)) as consumer:
        pair = TopicPartition(topic, 0)
        consumer.assign([pair])
        consumer.seek_to_beginning(pair)
        (record,) = consumer.poll(10_000)[pair]
    assert dict(record.headers)["sentinel.offset"] == b"7"


def _ledger_rights(topics: Topics, group: str) -> dict[str, Right]:
    summaries = str(topics.summaries)
    return {
        "read": Right("topic", summaries, "READ"),
        "write": Right("topic", summaries, "WRITE"),
        "describe": Right("topic", summaries, "DESCRIBE"),
        "id": Right("transactional_id", f"{group}.{summaries}", "WRITE", prefixed=True),
        "describe id": Right("transactional_id", f"{group}.{summaries}", "DESCRIBE", prefixed=True),
    }


def _use(ledger: KafkaLedger) -> dict[bytes, bytes]:
    ledger.claim(1)
    ledger.read(1)
    ledger.write(1, RECORDS)
    return ledger.read(1)


def test_a_ledger_needs_its_topic_and_its_transactional_ids_and_nothing_more(
    broker: SecureBroker, topics: Topics
) -> None:
    """READ and WRITE on the topic, WRITE on the ids (each with DESCRIBE) are enough to claim, read and write."""
    group = unique_name("group")
    broker.grant(_ledger_rights(topics, group).values())
    ledger = KafkaLedger(_settings(topics, group, broker.scram()), SystemClock())
    try:
        assert _use(ledger) == RECORDS
    finally:
        ledger.close(5.0)


@pytest.mark.parametrize("missing", [("read",), ("write",), ("id", "describe id"), ("read", "write", "describe")])
def test_a_right_that_a_ledger_lacks_is_named(broker: SecureBroker, topics: Topics, missing: tuple[str, ...]) -> None:
    """Each right in turn: claiming, reading or writing fails with a line that names topic and ids."""
    group = unique_name("group")
    broker.grant(right for name, right in _ledger_rights(topics, group).items() if name not in missing)
    ledger = KafkaLedger(_settings(topics, group, broker.scram()), SystemClock())
    try:
        with pytest.raises(SentinelError) as caught:
            _use(ledger)
    finally:
        ledger.close(5.0)
    assert str(topics.summaries) in str(caught.value)


def _lines(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records if record.levelno >= logging.WARNING
    )
