"""The summaries topic itself: whether it is there and compacted, and what one of its partitions holds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import ConfigFilterType, ConfigResource, ConfigResourceType, KafkaAdminClient

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import FatalError, SentinelError, SourceError
from sentinel.ingest.kafka_client import CLIENT_ERRORS, client_options, close_within, connect, probe, translate
from sentinel.ingest.ledger import LedgerError
from sentinel.logs import get_logger

log = get_logger(__name__)

_POLL_MS = 200
_CLOSE_SECONDS = 2.0
_FETCH_BYTES = 8 << 20
"""Panes are some 10 KB each, and a ledger is read whole: in few large fetches."""
NO_GROUP: dict[str, Any] = {
    "group_id": None,
    "group_instance_id": None,
    "fetch_min_bytes": 1,
    "max_partition_fetch_bytes": _FETCH_BYTES,
}
"""What the consumer of a ledger has otherwise than that of the inputs."""


class Written(NamedTuple):
    """What a finished transaction wrote under a key, the mark of the writer that it carries, and its consumer group."""

    value: bytes | None
    mark: bytes
    group: bytes = b""


class Contents(NamedTuple):
    """The last record of each key of one ledger partition, and where it ends.

    Not all records: what compaction has not removed yet may be many times what counts.
    """

    latest: dict[bytes, Written]
    end: int


MARK = "writer"
"""The header that tells one process' records from another's."""
GROUP = "group"
"""The header that tells one deployment's records from another's."""


def named_topic(settings: KafkaSettings) -> str:
    """The ledger's topic.

    Raises
    ------
    FatalError
        If the settings name none.
    """
    if settings.topics.summaries is None:
        raise FatalError("source.kafka.topics.summaries is missing: name the compacted topic that counts are kept in")
    return settings.topics.summaries


def ledger_consumer(settings: KafkaSettings, **changes: Any) -> KafkaConsumer:
    """A consumer of no group; ``changes`` replaces options.

    Raises
    ------
    LedgerError
        If no broker answers now.
    FatalError
        If a person has to act first.
    """
    try:
        return connect(settings, **(NO_GROUP | changes))
    except SourceError as error:
        raise LedgerError(str(error)) from error


def count_partitions(settings: KafkaSettings, consumer: KafkaConsumer, topic: str) -> int:
    """How many partitions the ledger has.

    Raises
    ------
    LedgerError
        If it is not there (yet), or no broker answers.
    FatalError
        If this user may not see it.
    """
    try:
        n_partitions = len(consumer.partitions_for_topic(topic) or ())
    except CLIENT_ERRORS as error:
        raise wrong(error, settings, topic) from error
    if not n_partitions:
        raise LedgerError(
            f"topic {topic} is missing, or this user may not see it. Create it: kafka-topics.sh --bootstrap-server "
            f"{settings.bootstrap_servers[0]} --create --topic {topic} --partitions 12 --replication-factor 3 "
            "--config cleanup.policy=compact --config segment.bytes=67108864"
        )
    return n_partitions


def check_compacted(settings: KafkaSettings, topic: str) -> None:
    """See that the topic keeps the latest record of each key for ever, if this user may see its configuration.

    Raises
    ------
    FatalError
        If it does not.
    LedgerError
        If no broker answers.
    """
    policy = _cleanup_policy(settings, topic)
    if policy is None:
        log.warning(
            "ledger_policy_unknown",
            topic=topic,
            hint="this user may not describe its configuration; see to it that cleanup.policy is compact",
        )
    elif policy != "compact":
        raise FatalError(
            f"topic {topic} has cleanup.policy={policy}: counts would be deleted. It must be compact alone: "
            f"kafka-configs.sh --bootstrap-server {settings.bootstrap_servers[0]} --alter --entity-type topics "
            f"--entity-name {topic} --add-config cleanup.policy=compact"
        )


def _cleanup_policy(settings: KafkaSettings, topic: str) -> str | None:
    given = client_options(settings)
    options = {name: given[name] for name in KafkaAdminClient.DEFAULT_CONFIG if name in given}
    try:
        probe(settings.bootstrap_servers)
        with contextlib.closing(KafkaAdminClient(**options)) as admin:
            wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": None})
            found = admin.describe_configs([wanted], config_filter=ConfigFilterType.ALL)
    except kafka_errors.AuthorizationError:
        return None
    except (*CLIENT_ERRORS, SentinelError) as error:
        raise wrong(error, settings, topic) from error
    entry = found.get("topic", {}).get(topic, {}).get("cleanup.policy")
    return None if entry is None else str(entry["value"])


def read_partition(
    settings: KafkaSettings, topic: str, number: int, clock: Clock, deadline: float, start: int | None = None
) -> Contents:
    """What of finished transactions stands in one partition of the ledger at this moment.

    The end is that of all messages, not of finished transactions: another writer's open transaction may lie before
    the record that is looked for, and ends soon.

    Parameters
    ----------
    deadline : float, seconds of the monotonic clock
    start : int, optional
        Where to begin; the first message by default.

    Raises
    ------
    LedgerError
        If the end was not reached in time.
    """
    place = TopicPartition(topic, number)
    latest: dict[bytes, Written] = {}
    try:
        end = _end(settings, place)
        with _consumer(settings, isolation_level="read_committed") as consumer:
            consumer.assign([place])
            if start is None:
                consumer.seek_to_beginning(place)
            else:
                consumer.seek(place, start)
            latest |= _written(consumer.poll(_POLL_MS).get(place, ()), end)
            while (consumer.position(place, timeout_ms=_POLL_MS) or 0) < end:
                if clock.monotonic() >= deadline:
                    raise LedgerError(f"topic {topic}: partition {number} was not read to its end {end} in time")
                latest |= _written(consumer.poll(_POLL_MS).get(place, ()), end)
    except CLIENT_ERRORS as error:
        raise wrong(error, settings, topic) from error
    return Contents(latest, end)


def _written(messages: Any, end: int) -> dict[bytes, Written]:
    return {
        message.key: _as_written(message) for message in messages if message.key is not None and message.offset < end
    }


def _as_written(message: Any) -> Written:
    headers = dict(message.headers)
    return Written(message.value, headers.get(MARK, b""), headers.get(GROUP, b""))


def _end(settings: KafkaSettings, place: TopicPartition) -> int:
    with _consumer(settings, isolation_level="read_uncommitted") as consumer:
        return int(consumer.end_offsets([place])[place])


@contextlib.contextmanager
def _consumer(settings: KafkaSettings, **changes: Any) -> Iterator[KafkaConsumer]:
    consumer = ledger_consumer(settings, **changes)
    try:
        yield consumer
    finally:
        close_within(consumer, _CLOSE_SECONDS)


def wrong(error: Exception, settings: KafkaSettings, topic: str) -> LedgerError | FatalError:
    """Say what an error of the client means for the ledger: try again, or what a person has to do."""
    if isinstance(error, kafka_errors.AuthorizationError):
        return FatalError(
            f"source.kafka.topics.summaries: the user may not do this: it needs READ, WRITE and DESCRIBE on the topic "
            f"{topic}, and WRITE and DESCRIBE on transactional ids that begin with {settings.group_id}.{topic}. "
            f"({type(error).__name__}: {error})"
        )
    if isinstance(error, kafka_errors.MessageSizeTooLargeError | kafka_errors.RecordListTooLargeError):
        return LedgerError(
            f"topic {topic} takes no record as large as one of the panes ({error}): kafka-configs.sh "
            f"--bootstrap-server {settings.bootstrap_servers[0]} --alter --entity-type topics --entity-name {topic} "
            "--add-config max.message.bytes=16777216, and see that brokers fetch as much (replica.fetch.max.bytes)"
        )
    if isinstance(error, SentinelError):
        return error if isinstance(error, FatalError) else LedgerError(str(error))
    meaning = translate(error, settings)
    return meaning if isinstance(meaning, FatalError) else LedgerError(str(meaning))
