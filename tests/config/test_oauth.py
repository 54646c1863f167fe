"""Which settings of OAUTHBEARER go together."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel.config import ConfigError
from sentinel.config.kafka import KafkaSource, Topics
from sentinel.config.secrets import Secret

ENDPOINT: dict[str, Any] = {
    "sasl_oauth_token_endpoint_url": "https://idp.example.org/token",
    "sasl_oauth_client_id": "sentinel",
    "sasl_oauth_client_secret": Secret("hunter2"),
}


def _settings(**changes: Any) -> KafkaSource:
    given = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"} | changes
    return KafkaSource(bootstrap_servers=["a:9092"], topics=Topics(predictions="p", outcomes="o"), **given)


@pytest.mark.parametrize(
    "given",
    [
        ENDPOINT,
        ENDPOINT | {"sasl_oauth_token_endpoint_url": "http://127.0.0.1:8080/token"},
        ENDPOINT | {"sasl_oauth_token_endpoint_url": "http://localhost/token", "sasl_oauth_scope": "kafka"},
        {"sasl_oauth_token_file": "/var/run/secrets/token"},
        {"sasl_oauth_token_file": "t", "sasl_oauth_extensions": {"logicalCluster": "lkc-1"}},
    ],
)
def test_a_token_comes_from_one_place(given: dict[str, Any]) -> None:
    """An endpoint with its client, or a file, is all that it takes; no user and no password."""
    assert _settings(**given).sasl_mechanism == "OAUTHBEARER"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "needs sasl_oauth_token_endpoint_url or sasl_oauth_token_file"),
        (ENDPOINT | {"sasl_oauth_token_file": "t"}, "and one of them alone"),
        (ENDPOINT | {"sasl_oauth_client_secret": None}, "needs sasl_oauth_client_secret"),
        (ENDPOINT | {"sasl_oauth_token_endpoint_url": "http://idp.example.org/token"}, "has to be an https address"),
        (ENDPOINT | {"sasl_oauth_token_endpoint_url": "https://ann:pw@idp.example.org/"}, "without user and password"),
        (ENDPOINT | {"sasl_oauth_token_endpoint_url": "file:///etc/passwd"}, "has to be an https address"),
        (ENDPOINT | {"sasl_oauth_token_endpoint_url": "https://[::1"}, "has to be an https address"),
        (ENDPOINT | {"sasl_plain_username": "ann"}, "sasl_plain_username has no effect with OAUTHBEARER"),
        ({"sasl_oauth_token_file": "t", "sasl_oauth_scope": "s"}, "sasl_oauth_scope has no effect with"),
        (ENDPOINT | {"sasl_oauth_extensions": {"auth": "x"}}, "'auth' cannot be sent beside a token"),
        (ENDPOINT | {"sasl_oauth_extensions": {"a": "\x01auth=x"}}, "cannot be sent beside a token"),
        (ENDPOINT | {"sasl_mechanism": "PLAIN"}, "needs sasl_plain_username"),
        (
            ENDPOINT | {"security_protocol": "SSL", "sasl_mechanism": None},
            "has no effect without sasl_mechanism OAUTHBEARER",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, Any], says: str) -> None:
    """Half an endpoint, two places, an address that shows the secret: each is named, and no secret is."""
    with pytest.raises(ConfigError) as caught:
        _settings(**given)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)
