"""A kafka-python consumer as the configuration describes it, and what its errors mean here."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from kafka import KafkaConsumer
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.net.compat import KafkaNetClient

from sentinel.config.addresses import parse_address
from sentinel.config.kafka import KAFKA_PORT
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import FatalError, SourceError
from sentinel.ingest.kafka_access import ConnectionFaults, Mend, not_allowed, what_to_mend
from sentinel.ingest.kafka_mends import DIRECT
from sentinel.ingest.kafka_security import security_options

Client = TypeVar("Client")

CLIENT_ERRORS: Final = (kafka_errors.KafkaError, OSError, RuntimeError)
"""What a client lets out where the broker, or the way to it, is at fault."""
BOOTSTRAP_SECONDS = 10.0  # the loop stands still for so long at most while it connects for the first time
_PROBE_SECONDS = 2.0
_FATAL: Final[Mapping[type[Exception], Mend]] = {
    kafka_errors.SaslAuthenticationFailedError: "login",
    kafka_errors.UnsupportedSaslMechanismError: "login",
    kafka_errors.IllegalSaslStateError: "login",
    kafka_errors.FencedInstanceIdError: "instance",
    kafka_errors.InconsistentGroupProtocolError: "group",
    kafka_errors.UnsupportedVersionError: "version",
    kafka_errors.KafkaConfigurationError: "version",
    kafka_errors.UnsupportedCodecError: "version",
}
_REQUEST_SECONDS = 30.0  # kafka-python's default; fetch_max_wait comes on top, as it has to be shorter
_HEARTBEAT_SECONDS = 3.0  # Kafka's default
_MAX_POLL_SECONDS = 300.0  # Kafka's default: a loop that does not turn for so long loses its partitions
_RECONNECT_MAX_SECONDS = 5.0  # a broker that returns is found again within this; the default of 30 s is a long blank


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Write the settings as arguments of ``kafka.KafkaConsumer``.

    Range is the only assignor: every other one gives a prediction's partition and its outcome's to two members.
    Only committed transactions are read: counting what a producer took back would be wrong for ever.

    Raises
    ------
    FatalError
        If a certificate or key cannot be read.
    """
    session_ms = round(settings.session_timeout * 1_000)
    wait_ms = round(settings.fetch_max_wait * 1_000)
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.bootstrap_servers),
        "group_id": settings.group_id,
        "client_id": settings.client_id,
        "group_instance_id": settings.group_instance_id,
        "client_rack": settings.client_rack or "",
        "partition_assignment_strategy": (RangePartitionAssignor,),
        "enable_auto_commit": False,
        # What to do when a stored position is gone. Where to begin without one is decided in start_at.
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "isolation_level": "read_committed",
        "fetch_min_bytes": int(settings.fetch_min_bytes),
        "fetch_max_wait_ms": wait_ms,
        "max_partition_fetch_bytes": int(settings.max_partition_fetch_bytes),
        "max_poll_records": settings.max_poll_records,
        "session_timeout_ms": session_ms,
        "heartbeat_interval_ms": min(round(_HEARTBEAT_SECONDS * 1_000), session_ms // 3),
        "max_poll_interval_ms": max(round(_MAX_POLL_SECONDS * 1_000), session_ms),
        "request_timeout_ms": round(_REQUEST_SECONDS * 1_000) + wait_ms,
        "reconnect_backoff_max_ms": round(_RECONNECT_MAX_SECONDS * 1_000),
        "bootstrap_timeout_ms": round(BOOTSTRAP_SECONDS * 1_000),
        "api_version": tuple(settings.api_version) if settings.api_version else None,
        "metrics_enabled": False,
        "proxy_url": DIRECT,
    }
    options |= security_options(settings)
    return options


def connect(settings: KafkaSettings, **changes: Any) -> KafkaConsumer:
    """Connect to the cluster, in bounded time, and leave nothing behind on failure; ``changes`` replaces options.

    Raises
    ------
    SourceError
        If no broker answers now.
    FatalError
        If a person has to act first.
    """
    options = client_options(settings) | changes
    try:
        return open_client(KafkaConsumer, settings, options)
    except CLIENT_ERRORS as error:
        raise translate(error, settings) from error


def open_client(kind: Callable[..., Client], settings: KafkaSettings, options: dict[str, Any]) -> Client:
    """Make a consumer or a producer, in bounded time, and leave nothing behind on failure.

    Parameters
    ----------
    kind : callable
        ``KafkaConsumer`` or ``KafkaProducer``.
    settings : sentinel.config.kafka.KafkaSource
    options : dict
        All that it is given, beside the connection.

    Raises
    ------
    SourceError
        If no bootstrap server answers.
    kafka.errors.KafkaError, OSError, RuntimeError
        As the client says it, or its connection before it.
    """
    probe(settings.bootstrap_servers)
    connections: list[KafkaNetClient] = []
    faults = ConnectionFaults()

    def connection(**configs: Any) -> KafkaNetClient:
        connections.append(KafkaNetClient(**configs))
        faults.watch(connections[-1])
        return connections[-1]

    try:
        return kind(kafka_client=connection, **options)
    except CLIENT_ERRORS as error:
        for each in connections:  # the constructor that raised has started what nothing else would stop
            each.close()
        told = faults.behind(error)
        if told is error:
            raise
        raise told from error


def probe(servers: list[str]) -> None:
    """Ask the bootstrap servers for a plain connection: if there is nobody, the client takes ten seconds to say so."""
    reason: OSError | None = None
    for server in servers:
        host, port = parse_address(server, default_port=KAFKA_PORT)
        try:
            socket.create_connection((host, port), timeout=_PROBE_SECONDS).close()
        except OSError as error:
            reason = error
        else:
            return
    raise SourceError(f"no bootstrap server answers ({', '.join(servers)}): {reason}") from reason


def translate(error: Exception, settings: KafkaSettings) -> SourceError | FatalError:
    """Say what an error of the client means: try again, or what a person has to do."""
    servers = ", ".join(settings.bootstrap_servers)
    if isinstance(error, SourceError):
        return error
    if isinstance(error, kafka_errors.AuthorizationError):
        return not_allowed(error, settings)
    if isinstance(error, kafka_errors.SaslAuthenticationFailedError) and settings.sasl_mechanism == "OAUTHBEARER":
        return SourceError(f"{servers} refused the token: does it trust its issuer, audience and scope? ({error})")
    for kind, mend in _FATAL.items():
        if isinstance(error, kind):
            return FatalError(f"source.kafka: {what_to_mend(settings)[mend]} ({type(error).__name__}: {error})")
    return SourceError(f"Kafka at {servers}: {type(error).__name__}: {error}{_login_hint(error, settings)}")


def _login_hint(error: Exception, settings: KafkaSettings) -> str:
    """A broker ends the connection of a login that it refuses; the client may see that before it sees why."""
    if not isinstance(error, kafka_errors.KafkaConnectionError) or settings.security_protocol == "PLAINTEXT":
        return ""
    if settings.security_protocol == "SSL":
        return " (if it goes on: does each side trust the other's certificate? See ssl_cafile and ssl_certfile)"
    return " (if it goes on: is the login right? See sasl_mechanism, user and password or token, and ssl_cafile)"


def close_within(consumer: KafkaConsumer, timeout_seconds: float) -> bool:
    """Leave the group and close, on a thread of its own since no option of the client bounds all of it.

    Returns
    -------
    bool
        Whether it was done in time; if not, the daemon thread goes on and holds nothing up.
    """

    def close() -> None:
        try:
            consumer.close(autocommit=False, timeout_ms=max(1, round(timeout_seconds * 500)))
        except CLIENT_ERRORS:
            return  # it is over either way: the broker notices a silent member by itself
        done.set()

    done = threading.Event()
    thread = threading.Thread(target=close, name="kafka-close", daemon=True)
    thread.start()
    thread.join(timeout_seconds)
    return done.is_set()
