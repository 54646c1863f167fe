"""Settings of Kafka under the names of Java's clients."""

from __future__ import annotations

import pytest

from sentinel.config import ConfigError
from sentinel.config.java_names import REFUSED, RENAMED, STORE_TYPES, STORES
from sentinel.config.kafka import KafkaSource
from sentinel.config.loader import dump_config, parse_config

HEAD = """apiVersion: sentinel/v1
models: [{name: churn, version: "1"}]
source:
  kafka:
    topics: {predictions: p, outcomes: o}
"""


def _read(text: str) -> tuple[KafkaSource, list[str]]:
    hints: list[str] = []
    lines = "".join(f"    {line}\n" for line in text.strip().splitlines())
    config = parse_config(HEAD + lines, hints=hints)
    assert config.source is not None
    assert config.source.kafka is not None
    return config.source.kafka, hints


def _refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        _read(text)
    return str(caught.value)


def test_every_name_leads_to_a_setting_of_ours() -> None:
    """No alias names a key that does not exist, and no name has two meanings."""
    assert {ours for ours, _ in RENAMED.values()} <= set(KafkaSource.__struct_fields__)
    assert {ours for ours, _ in STORES.values()} <= set(KafkaSource.__struct_fields__)
    tables = (set(RENAMED), set(STORES), set(STORE_TYPES), set(REFUSED))
    assert sum(map(len, tables)) == len(set().union(*tables))


def test_a_consumer_configuration_of_java_is_read_as_ours() -> None:
    """Lists, milliseconds and the check of host names come out as if written under our names, with a hint for each."""
    settings, hints = _read(
        """
bootstrap.servers: "a.example.org:9092, b.example.org:9092"
group.id: g
security.protocol: SSL
ssl.truststore.type: PEM
ssl.truststore.location: /etc/ca.pem
ssl.keystore.type: pem
ssl.keystore.location: /etc/both.pem
ssl.endpoint.identification.algorithm: ""
session.timeout.ms: 30000
fetch.max.wait.ms: 250
max.poll.records: 500
auto.offset.reset: latest
"""
    )
    assert settings.bootstrap_servers == ["a.example.org:9092", "b.example.org:9092"]
    assert (settings.group_id, settings.security_protocol, settings.auto_offset_reset) == ("g", "SSL", "latest")
    assert (settings.ssl_cafile, settings.ssl_certfile) == ("/etc/ca.pem", "/etc/both.pem")
    assert settings.ssl_check_hostname is False
    assert (float(settings.session_timeout), float(settings.fetch_max_wait)) == (30.0, 0.25)
    assert settings.max_poll_records == 500
    assert "source.kafka: bootstrap.servers is taken as bootstrap_servers" in hints
    assert len(hints) == 10  # twelve lines; the two types only say how a store is to be read


def test_names_of_librdkafka_are_taken_too_and_secrets_stay_secret() -> None:
    """sasl.username and sasl.password are read, and the password is redacted under our name."""
    text = HEAD + (
        '    bootstrap.servers: "a:9092"\n    security.protocol: SASL_SSL\n    sasl.mechanisms: PLAIN\n'
        "    sasl.username: ann\n    sasl.password: hunter2\n    ssl.ca.location: /etc/ca.pem\n"
    )
    config = parse_config(text)
    assert config.source is not None
    assert config.source.kafka is not None
    assert config.source.kafka.sasl_plain_password is not None
    assert config.source.kafka.sasl_plain_password.reveal() == "hunter2"
    assert "hunter2" not in dump_config(config)
    assert "sasl_plain_password: <secret>" in dump_config(config)


def test_no_hint_is_given_where_nothing_is_to_be_said() -> None:
    """Our own names need no hint."""
    assert _read('bootstrap_servers: ["a:9092"]')[1] == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ssl.truststore.location: /etc/trust.jks", "a store is JKS or PKCS12 unless ssl.truststore.type says PEM"),
        ("ssl.keystore.type: JKS", "only PEM can be read: write the certificates as PEM files"),
        ("sasl.jaas.config: 'ScramLoginModule required password=\"hunter2\";'", "sasl_plain_password_file"),
        ("enable.auto.commit: false", "sentinel sets this itself: remove it"),
        ("ssl.truststore.password: hunter2", "PEM files need none"),
        ("bootstrap_servers: [b:9092]", "bootstrap_servers is given too and means the same"),
    ],
)
def test_what_has_no_equal_says_what_to_write_instead(line: str, says: str) -> None:
    """A store that cannot be read, a login module, or the same setting twice is an error that names the mend."""
    text = _refused(f'bootstrap.servers: "a:9092"\n{line}')
    assert says in text
    assert "is not taken" in text
    assert "hunter2" not in text


def test_a_name_that_nobody_knows_is_an_unknown_key() -> None:
    """Names of neither are refused as everywhere, with the nearest of ours."""
    assert "unknown key 'ssl_cafil' (did you mean 'ssl_cafile'?)" in _refused(
        'bootstrap_servers: ["a:9"]\nssl_cafil: x'
    )
