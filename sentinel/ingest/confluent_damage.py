"""What librdkafka says of a batch that it cannot read, and a closer look at it by a reader that knows where it ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from kafka.structs import TopicPartition

from sentinel.clock import Clock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.errors import SourceError
from sentinel.ingest.kafka_client import close_within, connect, translate
from sentinel.ingest.records.damage import DamagedBatchError
from sentinel.ingest.records.hook import read_columns

if TYPE_CHECKING:
    from confluent_kafka import Message

_LOOK_SECONDS: Final = 10.0
_LOOK_MS: Final = 500
_CLOSE_SECONDS: Final = 2.0


def is_damage(message: Message) -> bool:
    """Whether an error is about bytes that cannot be read, at an offset that it tells."""
    from confluent_kafka import KafkaError as Kinds

    error, offset = message.error(), message.offset()
    kinds = {Kinds._BAD_MSG, Kinds._BAD_COMPRESSION, Kinds._NOT_IMPLEMENTED, Kinds.INVALID_MSG}
    return error is not None and error.code() in kinds and message.topic() is not None and (offset or -1) >= 0


def before_damage(messages: Iterable[Message]) -> tuple[list[Message], dict[TopicPartition, int]]:
    """Leave out what comes of a topic partition after the first error about its bytes.

    After a wrong checksum librdkafka reads on in the middle of the batch, and what it then makes of it may send it back
    to the beginning of the log. So nothing that it says afterwards counts.

    Returns
    -------
    messages : list of Message
        Whole ones, and errors of other kinds.
    damaged : dict of TopicPartition to int
        The offset that it gave for the batch.
    """
    kept: list[Message] = []
    damaged: dict[TopicPartition, int] = {}
    for message in messages:
        place = TopicPartition(message.topic(), message.partition())
        if place in damaged:
            continue
        if is_damage(message):
            damaged[place] = int(message.offset() or 0)
        else:
            kept.append(message)
    return kept, damaged


def look_at(settings: KafkaSettings, place: TopicPartition, first: int, clock: Clock) -> DamagedBatchError | None:
    """Read on from an offset with the other client, whose reader tells where a damaged batch ends.

    Returns
    -------
    DamagedBatchError or None
        None if what is there can be read.

    Raises
    ------
    SourceError
        If no broker answers in time.
    """
    consumer = connect(settings, group_id=None, group_instance_id=None, auto_offset_reset="earliest")
    try:
        if not read_columns(consumer, keys=False, headers=False):
            return DamagedBatchError(place, first, first + 1, "librdkafka cannot read it")
        consumer.assign([place])
        consumer.seek(place, first)
        give_up_at = clock.monotonic() + _LOOK_SECONDS
        while clock.monotonic() < give_up_at:
            if consumer.poll(_LOOK_MS):
                return None
    except DamagedBatchError as damage:
        return damage
    except Exception as error:
        # The client lets more out than its own errors, and none of it may end the loop.
        raise translate(error, settings) from error
    finally:
        close_within(consumer, _CLOSE_SECONDS)
    raise SourceError(f"{place.topic}-{place.partition} at offset {first} cannot be read, and no broker tells why")
