"""How the confluent-kafka client is made: options from the configuration, and what its errors mean."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import FatalError, SourceError
from sentinel.ingest.kafka_access import Mend, what_to_mend
from sentinel.ingest.kafka_client import client_options, probe
from sentinel.ingest.oauth import make_token_source

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

MISSING: Final = (
    "source.kafka.client is confluent-kafka, which is not installed: pip install 'sentinel-leakage[confluent]', "
    "or leave the setting out for kafka-python"
)
QUEUED_KIB: Final = 16 * 1024
"""What the client may fetch ahead, over all partitions. Its default of 64 MiB bought no speed where it was measured."""
_RETRY_FULL_QUEUE_MS: Final = 20  # its default of a second stalls a reader that empties the queue faster than that
_SAME_NAMES: Final = (
    # kafka-python's name, librdkafka's name
    ("group_id", "group.id"),
    ("client_id", "client.id"),
    ("group_instance_id", "group.instance.id"),
    ("client_rack", "client.rack"),
    ("fetch_min_bytes", "fetch.min.bytes"),
    ("fetch_max_wait_ms", "fetch.wait.max.ms"),
    ("max_partition_fetch_bytes", "max.partition.fetch.bytes"),
    ("session_timeout_ms", "session.timeout.ms"),
    ("heartbeat_interval_ms", "heartbeat.interval.ms"),
    ("max_poll_interval_ms", "max.poll.interval.ms"),
    ("reconnect_backoff_max_ms", "reconnect.backoff.max.ms"),
    ("isolation_level", "isolation.level"),
    ("auto_offset_reset", "auto.offset.reset"),
)


def confluent_options(settings: KafkaSettings) -> dict[str, Any]:
    """Write the settings as librdkafka's properties; the meaning is that of `kafka_client.client_options`.

    Raises
    ------
    FatalError
        If a certificate or key cannot be read.
    """
    same = client_options(settings)
    options: dict[str, Any] = {theirs: same[ours] for ours, theirs in _SAME_NAMES if same[ours] not in (None, "")}
    options |= {
        "partition.assignment.strategy": "range",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "allow.auto.create.topics": False,
        "check.crcs": True,
        "enable.partition.eof": True,  # tells the position behind markers that are never delivered
        "queued.max.messages.kbytes": QUEUED_KIB,
        "fetch.queue.backoff.ms": _RETRY_FULL_QUEUE_MS,
    }
    return options | common_options(settings)


def common_options(settings: KafkaSettings) -> dict[str, Any]:
    """What every client of librdkafka needs to reach the brokers and to be let in."""
    return {"bootstrap.servers": ",".join(settings.bootstrap_servers)} | _security(settings)


def _security(settings: KafkaSettings) -> dict[str, Any]:
    options: dict[str, Any] = {"security.protocol": settings.security_protocol}
    if settings.security_protocol.startswith("SASL_"):
        options["sasl.mechanism"] = settings.sasl_mechanism
        if settings.sasl_mechanism == "OAUTHBEARER":
            options["oauth_cb"] = _token_callback(settings)
        else:
            options["sasl.username"] = settings.sasl_plain_username
            if settings.sasl_plain_password is not None:
                options["sasl.password"] = settings.sasl_plain_password.reveal()
    if settings.security_protocol.endswith("SSL"):
        files = {
            "ssl.ca.location": settings.ssl_cafile,
            "ssl.certificate.location": settings.ssl_certfile,
            "ssl.key.location": settings.ssl_keyfile,
        }
        options |= {name: path for name, path in files.items() if path is not None}
        if settings.ssl_password is not None:
            options["ssl.key.password"] = settings.ssl_password.reveal()
        options["ssl.endpoint.identification.algorithm"] = "https" if settings.ssl_check_hostname else "none"
    return options


def _token_callback(settings: KafkaSettings) -> Callable[[str], tuple[str, float, str, Mapping[str, str]]]:
    source = make_token_source(settings)

    def token(_: str) -> tuple[str, float, str, Mapping[str, str]]:
        text = source.token()
        return text, source.expires_at(), "", settings.sasl_oauth_extensions

    return token


def connect(
    settings: KafkaSettings, on_error: Callable[[KafkaError], None], on_commit: Callable[..., None]
) -> Consumer:
    """Make a client, and see that somebody is there.

    Parameters
    ----------
    settings : KafkaSource
    on_error, on_commit : callable
        Called by the client while it is polled.

    Raises
    ------
    SourceError
        If no broker answers now.
    FatalError
        If a person has to act first.
    """
    require_confluent()
    from confluent_kafka import Consumer, KafkaException

    options = confluent_options(settings) | {"error_cb": on_error, "on_commit": on_commit}
    probe(settings.bootstrap_servers)
    try:
        return Consumer(options, logger=logging.getLogger("confluent_kafka"))
    except (KafkaException, ValueError, TypeError) as error:
        raise FatalError(f"source.kafka: confluent-kafka does not take these settings: {error}") from error


def require_confluent() -> None:
    """See that the client is installed.

    Raises
    ------
    FatalError
        If it is not: names the extra to install.
    """
    try:
        import confluent_kafka  # noqa: F401
    except ImportError as error:
        raise FatalError(MISSING) from error


def translate(error: KafkaError, settings: KafkaSettings, *, was_in: bool) -> SourceError | FatalError:
    """Say what an error of the client means: try again, or what a person has to do.

    Parameters
    ----------
    error : confluent_kafka.KafkaError
    settings : KafkaSource
    was_in : bool
        Whether the brokers have let this client in before: then a login that fails may be a broker on its way down.
    """
    from confluent_kafka import KafkaError as Kinds

    code, told = error.code(), f"{error.name()}: {error.str()}"
    fatal: dict[int, Mend] = {
        Kinds.SASL_AUTHENTICATION_FAILED: "login",
        Kinds.UNSUPPORTED_SASL_MECHANISM: "login",
        Kinds.ILLEGAL_SASL_STATE: "login",
        Kinds.FENCED_INSTANCE_ID: "instance",
        Kinds.INCONSISTENT_GROUP_PROTOCOL: "group",
        Kinds.UNSUPPORTED_VERSION: "version",
        Kinds._UNSUPPORTED_FEATURE: "version",
    }
    if not was_in:
        fatal[Kinds._AUTHENTICATION] = "login"
    if code in fatal:
        return FatalError(f"source.kafka: {what_to_mend(settings)[fatal[code]]} ({told})")
    if code in (Kinds.TOPIC_AUTHORIZATION_FAILED, Kinds.GROUP_AUTHORIZATION_FAILED, Kinds.CLUSTER_AUTHORIZATION_FAILED):
        topics = settings.topics
        return FatalError(
            f"source.kafka: the user may not do this: it needs READ and DESCRIBE on the topics {topics.predictions} "
            f"and {topics.outcomes}, and READ on the group {settings.group_id} ({told})"
        )
    return SourceError(f"Kafka at {', '.join(settings.bootstrap_servers)}: {told}")
