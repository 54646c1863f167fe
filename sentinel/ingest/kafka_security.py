"""How a kafka-python client protects its connection and logs in, from the configuration."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from kafka.net.sasl.oauth import AbstractTokenProvider

from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import FatalError
from sentinel.ingest.oauth import TokenSource, make_token_source


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """Hands tokens to kafka-python, which asks whenever it connects or authenticates again.

    Parameters
    ----------
    source : TokenSource
    extensions : mapping of str to str
        Sent along, for brokers that want them (Confluent Cloud's ``logicalCluster``).
    """

    def __init__(self, source: TokenSource, extensions: Mapping[str, str]) -> None:
        super().__init__()
        self._source = source
        self._extensions = dict(extensions)

    def token(self) -> str:
        """The token now; blocks for a bounded time."""
        return self._source.token()

    def extensions(self) -> dict[str, str]:
        """What is sent beside it."""
        return self._extensions


def security_options(settings: KafkaSettings) -> dict[str, Any]:
    """What every kafka-python client needs to be let in, the consumer as well as a producer.

    Raises
    ------
    FatalError
        If a certificate or key cannot be read.
    """
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.startswith("SASL_"):
        options["sasl_mechanism"] = settings.sasl_mechanism
        if settings.sasl_mechanism == "OAUTHBEARER":
            provider = TokenProvider(make_token_source(settings), settings.sasl_oauth_extensions)
            options["sasl_oauth_token_provider"] = provider
        else:
            options["sasl_plain_username"] = settings.sasl_plain_username
            if settings.sasl_plain_password is not None:
                options["sasl_plain_password"] = settings.sasl_plain_password.reveal()
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    return options


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    """Read certificates and key now: kafka-python would read them at each connection and hide what is wrong."""
    password = None if settings.ssl_password is None else settings.ssl_password.reveal()
    try:
        # TLS 1.2 at least, and the system's authorities unless others are named.
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
        context.check_hostname = settings.ssl_check_hostname
        if settings.ssl_certfile is not None:
            # Without a passphrase OpenSSL would ask for one on the terminal.
            context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile, password or "")
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(f for f in (settings.ssl_cafile, settings.ssl_certfile, settings.ssl_keyfile) if f)
        raise FatalError(f"source.kafka: a certificate or key cannot be read ({files}): {error}") from error
    return context
