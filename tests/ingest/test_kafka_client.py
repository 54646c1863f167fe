"""The client's options and what its errors mean, without a broker."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka import errors as kafka_errors

from sentinel.config.durations import Duration
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.config.secrets import Secret
from sentinel.errors import FatalError, SourceError
from sentinel.ingest.kafka_access import NotAllowedError
from sentinel.ingest.kafka_client import client_options, translate


def _settings(**changes: Any) -> KafkaSettings:
    topics = Topics(predictions="p", outcomes="o")
    return KafkaSettings(bootstrap_servers=["kafka.example.org:9092"], topics=topics, **changes)


def test_every_option_is_one_of_the_client() -> None:
    """The client knows every option by its name, whatever the settings."""
    settings = _settings(
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username="u",
        sasl_plain_password=Secret("secret"),
    )
    options = client_options(settings)
    assert set(options) <= set(KafkaConsumer.DEFAULT_CONFIG)
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("SCRAM-SHA-512", "u")
    assert options["sasl_plain_password"] == "secret"
    assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert options["ssl_context"].minimum_version >= ssl.TLSVersion.TLSv1_2


def test_what_would_lose_or_double_events_is_off() -> None:
    """No offsets are committed behind our back, no topic is made, and only range keeps pairs together."""
    options = client_options(_settings())
    assert options["enable_auto_commit"] is False
    assert options["allow_auto_create_topics"] is False
    assert [each.name for each in options["partition_assignment_strategy"]] == ["range"]
    assert options["isolation_level"] == "read_committed"


def test_host_names_are_checked_unless_told_otherwise() -> None:
    """ssl_check_hostname reaches the TLS context."""
    assert client_options(_settings(security_protocol="SSL"))["ssl_context"].check_hostname
    lenient = client_options(_settings(security_protocol="SSL", ssl_check_hostname=False))
    assert not lenient["ssl_context"].check_hostname


@pytest.mark.parametrize("seconds", [1.0, 45.0, 1_800.0])
def test_times_fit_each_other(seconds: float) -> None:
    """Any allowed session timeout leaves room for three heartbeats and lies within the poll interval."""
    options = client_options(_settings(session_timeout=Duration(seconds), fetch_max_wait=Duration(30.0)))
    assert 3 * options["heartbeat_interval_ms"] <= options["session_timeout_ms"] <= options["max_poll_interval_ms"]
    assert options["fetch_max_wait_ms"] < options["request_timeout_ms"]


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    """A certificate that is not there stops the start with its path, not a connection that fails for ever."""
    settings = _settings(security_protocol="SSL", ssl_cafile=str(tmp_path / "ca.pem"))
    with pytest.raises(FatalError, match=r"a certificate or key cannot be read \(.*ca\.pem\)"):
        client_options(settings)


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (kafka_errors.SaslAuthenticationFailedError(), "check sasl_mechanism"),
        (kafka_errors.FencedInstanceIdError(), "give each its own"),
        (kafka_errors.InconsistentGroupProtocolError(), "choose a group_id"),
        (kafka_errors.UnsupportedVersionError(), "do not fit"),
    ],
)
def test_what_a_person_has_to_mend_is_fatal(error: Exception, mend: str) -> None:
    """Errors that trying again cannot change say what to do."""
    translated = translate(error, _settings())
    assert isinstance(translated, FatalError)
    assert mend in str(translated)


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (kafka_errors.TopicAuthorizationFailedError({"o"}), "lacks DESCRIBE and READ on the topic o ("),
        (kafka_errors.TopicAuthorizationFailedError("o"), "lacks DESCRIBE and READ on the topic o ("),
        (kafka_errors.TopicAuthorizationFailedError(), "lacks DESCRIBE and READ on the topics o and p ("),
        (kafka_errors.GroupAuthorizationFailedError("sentinel"), "lacks READ on the group sentinel ("),
        (kafka_errors.ClusterAuthorizationFailedError(), "lacks a right on the cluster ("),
    ],
)
def test_a_missing_right_is_named_and_asked_for_again(error: Exception, missing: str) -> None:
    """A right may be granted at any moment, so the loop goes on; until then each line says which."""
    translated = translate(error, _settings())
    assert isinstance(translated, NotAllowedError)
    assert missing in str(translated)


def test_a_refused_token_is_tried_again() -> None:
    """Tokens and the keys that sign them come and go; a password that is wrong stays wrong."""
    settings = _settings(
        security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", sasl_oauth_token_file="/var/run/token"
    )
    translated = translate(kafka_errors.SaslAuthenticationFailedError("invalid_token"), settings)
    assert isinstance(translated, SourceError)
    assert "refused the token" in str(translated)


@pytest.mark.parametrize("error", [kafka_errors.KafkaTimeoutError(), OSError("reset"), AttributeError("offset")])
def test_everything_else_is_tried_again(error: Exception) -> None:
    """Whatever else the client lets out does not end the loop."""
    assert isinstance(translate(error, _settings()), SourceError)
