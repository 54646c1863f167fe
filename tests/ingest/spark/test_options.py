"""Spark's Kafka source is told what kafka-python is told, in Java's words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sentinel.config.kafka import KafkaSource, Topics
from sentinel.config.secrets import Secret
from sentinel.errors import FatalError
from sentinel.ingest.spark.options import REDACTION, source_options

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
KEY = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----"


def options(max_events: int | None = None, **settings: Any) -> dict[str, str]:
    """The options of a source with these settings."""
    topics = Topics(predictions="scores", outcomes="results")
    source = KafkaSource(bootstrap_servers=["a:9092", "b:9093"], topics=topics, **settings)
    return source_options(source, headers=False, max_events=max_events)


def test_both_topics_are_read_from_the_beginning_and_only_what_was_committed() -> None:
    """Aborted transactions are not counted, and nothing that is still there is left out."""
    found = options(max_events=5_000)
    assert found["kafka.bootstrap.servers"] == "a:9092,b:9093"
    assert found["subscribe"] == "scores,results"
    assert found["startingOffsets"] == "earliest"
    assert found["kafka.isolation.level"] == "read_committed"
    assert found["maxOffsetsPerTrigger"] == "5000"
    assert "maxOffsetsPerTrigger" not in options()


@pytest.mark.parametrize(
    ("mechanism", "module"), [("PLAIN", "plain.PlainLoginModule"), ("SCRAM-SHA-512", "scram.ScramLoginModule")]
)
def test_a_login_is_written_as_java_reads_it(mechanism: Any, module: str) -> None:
    """Quotes and backslashes of a password stay part of it."""
    found = options(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=mechanism,
        sasl_plain_username="u",
        sasl_plain_password=Secret('p"\\x'),
    )
    assert found["kafka.sasl.jaas.config"] == (
        f'org.apache.kafka.common.security.{module} required username="u" password="p\\"\\\\x";'
    )


def test_tokens_come_from_the_endpoint() -> None:
    """OAUTHBEARER by client credentials is Java's own handler with our client, secret and scope."""
    found = options(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="OAUTHBEARER",
        sasl_oauth_token_endpoint_url="https://idp.example.org/token",
        sasl_oauth_client_id="me",
        sasl_oauth_client_secret=Secret("s"),
        sasl_oauth_scope="kafka",
        sasl_oauth_extensions={"logicalCluster": "lkc-1"},
    )
    assert found["kafka.sasl.oauthbearer.token.endpoint.url"] == "https://idp.example.org/token"
    assert (
        'clientId="me" clientSecret="s" scope="kafka" extension_logicalCluster="lkc-1"'
        in (found["kafka.sasl.jaas.config"])
    )


def test_a_token_file_is_refused() -> None:
    """A file that something renews is on one machine; executors are on others."""
    with pytest.raises(FatalError, match="sasl_oauth_token_file"):
        options(security_protocol="SASL_PLAINTEXT", sasl_mechanism="OAUTHBEARER", sasl_oauth_token_file="t")


def test_certificates_and_key_go_along_as_text(tmp_path: Path) -> None:
    """No executor needs the files; of a file that holds both, each option has its part."""
    both, authorities = tmp_path / "client.pem", tmp_path / "ca.pem"
    both.write_text(f"{KEY}\n{CERTIFICATE}\n")
    authorities.write_text(CERTIFICATE)
    found = options(
        security_protocol="SSL",
        ssl_cafile=str(authorities),
        ssl_certfile=str(both),
        ssl_password=Secret("open"),
        ssl_check_hostname=False,
    )
    assert found["kafka.ssl.truststore.certificates"] == CERTIFICATE
    assert found["kafka.ssl.keystore.certificate.chain"] == CERTIFICATE
    assert found["kafka.ssl.keystore.key"] == KEY
    assert found["kafka.ssl.key.password"] == "open"
    assert found["kafka.ssl.truststore.type"] == found["kafka.ssl.keystore.type"] == "PEM"
    assert found["kafka.ssl.endpoint.identification.algorithm"] == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "not PKCS #8"),
        (CERTIFICATE, "holds no PRIVATE KEY"),
    ],
)
def test_a_key_that_java_cannot_read_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """Java would say so on every executor and in other words."""
    certificate, key = tmp_path / "client.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(content)
    with pytest.raises(FatalError, match=message):
        options(security_protocol="SSL", ssl_certfile=str(certificate), ssl_keyfile=str(key))


def test_a_file_that_is_missing_is_named() -> None:
    """The message says which setting and which file."""
    with pytest.raises(FatalError, match=r"source\.kafka\.ssl_cafile: /nowhere/ca\.pem cannot be read"):
        options(security_protocol="SSL", ssl_cafile="/nowhere/ca.pem")


def test_spark_hides_what_is_secret() -> None:
    """The pattern that Spark hides options by matches each that holds a secret, and not the servers."""
    hidden = ("kafka.sasl.jaas.config", "kafka.ssl.keystore.key", "kafka.ssl.key.password")
    assert all(re.search(REDACTION, name) for name in hidden)
    assert not re.search(REDACTION, "kafka.bootstrap.servers")
