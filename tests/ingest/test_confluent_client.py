"""How the confluent-kafka client is made and what its errors mean; no broker is needed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.secrets import Secret
from sentinel.errors import FatalError
from sentinel.ingest import confluent
from sentinel.ingest.confluent import ConfluentSource
from sentinel.ingest.confluent_client import confluent_options, translate
from tests.ingest.logs import kafka_settings, new_topics, open_source
from tests.support.kafka_broker import KafkaBroker

NOBODY = KafkaBroker("localhost:1", "address", "nobody")


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the start ends with the command that installs it."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(FatalError, match=r"pip install 'sentinel-leakage\[confluent\]'"):
        open_source(ConfluentSource, NOBODY, new_topics())


def test_settings_keep_their_meaning() -> None:
    """Each key is handed on under librdkafka's name, and what must hold does not depend on any."""
    settings = KafkaSettings(
        bootstrap_servers=["a:1", "b:2"],
        topics=new_topics(),
        group_id="g",
        group_instance_id="pod-0",
        client_rack="r1",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-256",
        sasl_plain_username="me",
        sasl_plain_password=Secret("word"),
        ssl_check_hostname=False,
    )
    options = confluent_options(settings)
    expected = {
        "bootstrap.servers": "a:1,b:2",
        "group.id": "g",
        "group.instance.id": "pod-0",
        "client.rack": "r1",
        "fetch.min.bytes": 64 * 1024,
        "max.partition.fetch.bytes": 1024 * 1024,
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "range",
        "enable.auto.commit": False,
        "check.crcs": True,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "me",
        "sasl.password": "word",
        "ssl.endpoint.identification.algorithm": "none",
    }
    assert {name: options[name] for name in expected} == expected


def test_a_token_is_handed_on_with_its_end(tmp_path: Path) -> None:
    """With OAUTHBEARER the client is given the token, how long it may keep it, and what is sent beside it."""
    file = tmp_path / "token"
    file.write_text("a-token\n")
    settings = KafkaSettings(
        bootstrap_servers=["a:1"],
        topics=new_topics(),
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="OAUTHBEARER",
        sasl_oauth_token_file=str(file),
        sasl_oauth_extensions={"logicalCluster": "one"},
    )
    token, expires_at, principal, extensions = confluent_options(settings)["oauth_cb"]("")
    assert (token, principal, extensions) == ("a-token", "", {"logicalCluster": "one"})
    assert expires_at > time.time()


class Refusing:
    """A client that is told, as it subscribes, that a right is missing."""

    def __init__(self, on_error: Any) -> None:
        self._on_error = on_error

    def list_topics(self, topic: str, timeout: float) -> Any:  # noqa: ARG002 # the client's own names
        """Two topics of one partition."""
        found = type("Topic", (), {"error": None, "partitions": {0: None}})
        return type("Topics", (), {"topics": {topic: found}})

    def subscribe(self, _topics: object, **_callbacks: object) -> None:
        """Call back with the error, as happens while the client is polled."""
        self._on_error(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))

    def close(self) -> None:
        """Nothing is open."""


def test_what_a_person_has_to_mend_ends_the_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that the client reports by itself is raised by the poll that is under way, or by the next."""
    monkeypatch.setattr(confluent, "connect", lambda _settings, on_error, _on_commit: Refusing(on_error))
    source = open_source(ConfluentSource, NOBODY, new_topics())
    with pytest.raises(FatalError, match="READ and DESCRIBE"):
        source.poll(0.0)


@pytest.mark.parametrize(
    ("code", "was_in", "fatal"),
    [
        ("TOPIC_AUTHORIZATION_FAILED", True, "READ and DESCRIBE on the topics"),
        ("SASL_AUTHENTICATION_FAILED", True, "refused the login"),
        ("_AUTHENTICATION", False, "refused the login"),
        ("_AUTHENTICATION", True, ""),
        ("FENCED_INSTANCE_ID", True, "taken over group_instance_id"),
        ("_ALL_BROKERS_DOWN", False, ""),
        ("COORDINATOR_NOT_AVAILABLE", True, ""),
    ],
)
def test_errors_are_told_apart(code: str, was_in: bool, fatal: str) -> None:
    """What a person has to mend is fatal and says how; everything else is tried again."""
    meant = translate(KafkaError(getattr(KafkaError, code)), kafka_settings(NOBODY, new_topics()), was_in=was_in)
    assert isinstance(meant, FatalError) == bool(fatal)
    assert fatal in str(meant)
