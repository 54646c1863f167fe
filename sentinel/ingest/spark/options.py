"""What Spark's Kafka source is told, from the configuration: the names are those of Java's clients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sentinel.config.kafka import KafkaSource
from sentinel.errors import FatalError

REDACTION = r"(?i)secret|password|token|access[.]?key|keystore[.]key|jaas"
"""Options whose values Spark is to hide in plans, logs and its web page."""
_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
}
_OAUTH_CALLBACK = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"


def source_options(settings: KafkaSource, *, headers: bool, max_events: int | None) -> dict[str, str]:
    """Write the settings as options of ``spark.readStream.format("kafka")``.

    Certificates and keys go along as text, so that no executor needs the files. Only committed transactions are read.
    A position that the broker no longer holds continues at the earliest message there is, as a collector does; Spark
    logs it.

    Parameters
    ----------
    settings : KafkaSource
    headers : bool
        Whether the messages' headers are wanted.
    max_events : int, optional
        The most messages of one batch.

    Raises
    ------
    FatalError
        If a setting has no equal in Java's client, or a file cannot be read.

    Examples
    --------
    >>> from sentinel.config.kafka import Topics
    >>> topics = Topics(predictions="scores", outcomes="results")
    >>> settings = KafkaSource(bootstrap_servers=["broker:9092"], topics=topics)
    >>> source_options(settings, headers=False, max_events=None)["subscribe"]
    'scores,results'
    """
    options = {
        "kafka.bootstrap.servers": ",".join(settings.bootstrap_servers),
        "subscribe": f"{settings.topics.predictions},{settings.topics.outcomes}",
        "startingOffsets": settings.auto_offset_reset,
        "failOnDataLoss": "false",
        "includeHeaders": "true" if headers else "false",
        "groupIdPrefix": settings.group_id,
        "kafka.client.id": settings.client_id,
        "kafka.isolation.level": "read_committed",
        "kafka.fetch.min.bytes": str(int(settings.fetch_min_bytes)),
        "kafka.fetch.max.wait.ms": str(round(settings.fetch_max_wait * 1_000)),
        "kafka.max.partition.fetch.bytes": str(int(settings.max_partition_fetch_bytes)),
        "kafka.security.protocol": settings.security_protocol,
    }
    if max_events is not None:
        options["maxOffsetsPerTrigger"] = str(max_events)
    if settings.client_rack is not None:
        options["kafka.client.rack"] = settings.client_rack
    if settings.security_protocol.endswith("SSL"):
        options |= _tls(settings)
    if settings.security_protocol.startswith("SASL_"):
        options |= _login(settings)
    return options


def _tls(settings: KafkaSource) -> dict[str, str]:
    options = {}
    if settings.ssl_cafile is not None:
        options["kafka.ssl.truststore.type"] = "PEM"
        options["kafka.ssl.truststore.certificates"] = _text(settings.ssl_cafile, "ssl_cafile")
    if settings.ssl_certfile is not None:
        key = settings.ssl_keyfile or settings.ssl_certfile
        options["kafka.ssl.keystore.type"] = "PEM"
        options["kafka.ssl.keystore.certificate.chain"] = _part(settings.ssl_certfile, "ssl_certfile", "CERTIFICATE")
        options["kafka.ssl.keystore.key"] = _part(key, "ssl_keyfile", "PRIVATE KEY")
        if settings.ssl_password is not None:
            options["kafka.ssl.key.password"] = settings.ssl_password.reveal()
    if not settings.ssl_check_hostname:
        options["kafka.ssl.endpoint.identification.algorithm"] = ""
    return options


def _login(settings: KafkaSource) -> dict[str, str]:
    mechanism = settings.sasl_mechanism or ""
    options = {"kafka.sasl.mechanism": mechanism}
    if mechanism == "OAUTHBEARER":
        return options | _oauth(settings)
    password = settings.sasl_plain_password
    values = {"username": settings.sasl_plain_username or "", "password": "" if password is None else password.reveal()}
    return options | {"kafka.sasl.jaas.config": _jaas(mechanism, values)}


def _oauth(settings: KafkaSource) -> dict[str, str]:
    if settings.sasl_oauth_token_endpoint_url is None:
        raise FatalError(
            "source.kafka.sasl_oauth_token_file: Spark's Kafka client cannot read a token file on every executor: "
            "set sasl_oauth_token_endpoint_url, sasl_oauth_client_id and sasl_oauth_client_secret_file"
        )
    secret = settings.sasl_oauth_client_secret
    values = {
        "clientId": settings.sasl_oauth_client_id or "",
        "clientSecret": "" if secret is None else secret.reveal(),
    }
    if settings.sasl_oauth_scope is not None:
        values["scope"] = settings.sasl_oauth_scope
    values |= {f"extension_{name}": value for name, value in settings.sasl_oauth_extensions.items()}
    options = {
        "kafka.sasl.jaas.config": _jaas("OAUTHBEARER", values),
        "kafka.sasl.oauthbearer.token.endpoint.url": settings.sasl_oauth_token_endpoint_url,
        "kafka.sasl.login.callback.handler.class": _OAUTH_CALLBACK,
    }
    if settings.sasl_oauth_cafile is not None:
        options["kafka.ssl.truststore.type"] = "PEM"
        options["kafka.ssl.truststore.certificates"] = _text(settings.sasl_oauth_cafile, "sasl_oauth_cafile")
    return options


def _jaas(mechanism: str, values: Mapping[str, str]) -> str:
    words = " ".join(f'{name}="{_quoted(value)}"' for name, value in values.items())
    return f"{_LOGIN_MODULES[mechanism]} required {words};"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _text(path: str, setting: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise FatalError(f"source.kafka.{setting}: {path} cannot be read: {error.strerror or error}") from error


def _part(path: str, setting: str, kind: str) -> str:
    """The blocks of one kind in a PEM file, which may hold certificates and a key."""
    kept, taking = [], False
    for line in _text(path, setting).splitlines():
        if line.startswith("-----BEGIN") and line.rstrip("-").endswith(kind):
            taking = True
        if taking:
            kept.append(line)
        if line.startswith("-----END"):
            taking = False
    if kind == "PRIVATE KEY" and any(line.startswith(("-----BEGIN RSA", "-----BEGIN EC")) for line in kept):
        raise FatalError(
            f"source.kafka.{setting}: {path} is not PKCS #8, the only form that Java reads: "
            "convert it with `openssl pkcs8 -topk8 -in KEY -out KEY.p8`"
        )
    if not kept:
        raise FatalError(f"source.kafka.{setting}: {path} holds no {kind}")
    return "\n".join(kept)
