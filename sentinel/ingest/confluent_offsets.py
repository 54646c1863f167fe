"""Where a log begins and ends, and where to start so as to read all from a moment on, asked through confluent-kafka."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import TimeoutError as NoAnswerError
from typing import TYPE_CHECKING

from kafka.structs import TopicPartition

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import SourceError
from sentinel.ingest.confluent_client import common_options, translate
from sentinel.ingest.protocol import LogStart

if TYPE_CHECKING:
    from confluent_kafka import Consumer

_LOOK_SECONDS = 5.0  # what the question for the end of a log may take
_US_PER_MS = 1_000


def offsets_at(
    consumer: Consumer,
    places: Sequence[TopicPartition],
    time_us: int,
    settings: KafkaSettings,
    clock: Clock,
    timeout_seconds: float,
) -> LogStart:
    """See `sentinel.ingest.protocol.LogSource.offsets_at`."""
    from confluent_kafka import KafkaException
    from confluent_kafka import TopicPartition as Position
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._listoffsets import OffsetSpec

    try:
        admin = AdminClient(common_options(settings))
        spec = OffsetSpec.for_timestamp(max(0, time_us // _US_PER_MS))
        asked = admin.list_offsets({Position(*place): spec for place in places}, request_timeout=timeout_seconds)
        found = {(at.topic, at.partition): answer.result(timeout_seconds) for at, answer in asked.items()}
        ends = {place: consumer.get_watermark_offsets(Position(*place), timeout_seconds) for place in places}
    except KafkaException as error:
        raise translate(error.args[0], settings, was_in=True) from error
    except NoAnswerError as error:
        raise SourceError(f"no broker says where to start within {timeout_seconds} s") from error
    positions, missing_us = {}, 0
    for place, limits in ends.items():
        if limits is None:
            raise SourceError(f"no broker tells where {place.topic}-{place.partition} begins")
        met, (low, high) = found[place], limits
        positions[place.topic] = start = high if met.offset < 0 else met.offset
        if 0 < low == start:  # whatever was before is gone
            earliest_us = clock.now_us() if met.offset < 0 else met.timestamp * _US_PER_MS
            missing_us = max(missing_us, earliest_us - time_us)
    return LogStart(positions, missing_us)


def went_back(consumer: Consumer | None, place: TopicPartition, expected: int, first: int) -> bool:
    """Whether librdkafka, led astray by a damaged batch, fetches again what it had delivered.

    A topic that was made anew begins again as well, and is shorter than the position that is expected of it.

    Raises
    ------
    SourceError
        If no broker answers in time.
    """
    return first < expected <= limits_of(consumer, place, _LOOK_SECONDS)[1]


def limits_of(consumer: Consumer | None, place: TopicPartition, timeout_seconds: float) -> tuple[int, int]:
    """Where a log begins and ends now.

    Raises
    ------
    SourceError
        If no broker answers in time.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka import TopicPartition as Position

    if consumer is None:
        raise SourceError("not connected yet")
    try:
        found = consumer.get_watermark_offsets(Position(*place), timeout=timeout_seconds)
    except KafkaException as error:
        raise SourceError(f"confluent-kafka: {error}") from error
    if found is None:
        raise SourceError(f"no broker tells where {place.topic}-{place.partition} begins and ends")
    return found
