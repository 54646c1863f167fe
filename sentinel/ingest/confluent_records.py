"""Messages of the confluent-kafka client as columns."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
from kafka.structs import TopicPartition

from sentinel.ingest.records.columns import NO_TIMESTAMP, Columns, Headers, join_columns

if TYPE_CHECKING:
    from confluent_kafka import Message


def columns_by_place(messages: Sequence[Message], *, keys: bool, headers: bool) -> Mapping[TopicPartition, Columns]:
    """Sort messages without errors by their topic partition, in the order in which they came.

    Parameters
    ----------
    messages : sequence of confluent_kafka.Message
    keys, headers : bool
        Whether these are wanted.
    """
    from confluent_kafka import Message

    if not messages:
        return {}
    topics = list(map(Message.topic, messages))
    partitions = np.fromiter(map(Message.partition, messages), np.int64, len(messages))
    # They come in long runs of one place: cut where the topic or the partition changes.
    other_topic = np.fromiter(map(operator.ne, topics, islice(topics, 1, None)), np.bool_, len(topics) - 1)
    cuts = np.flatnonzero(other_topic | (np.diff(partitions) != 0)) + 1
    parts: dict[TopicPartition, list[Columns]] = {}
    for start, stop in pairwise([0, *cuts.tolist(), len(messages)]):
        place = TopicPartition(str(topics[start]), int(partitions[start]))
        parts.setdefault(place, []).append(_columns(messages[start:stop], keys=keys, headers=headers))
    return {place: join_columns(some) for place, some in parts.items()}


def _columns(run: Sequence[Message], *, keys: bool, headers: bool) -> Columns:
    from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

    n = len(run)
    kinds, stamps = zip(*map(Message.timestamp, run), strict=True)
    times = np.fromiter(stamps, np.int64, n)
    if TIMESTAMP_NOT_AVAILABLE in kinds:
        times[[kind == TIMESTAMP_NOT_AVAILABLE for kind in kinds]] = NO_TIMESTAMP
    return Columns(
        np.fromiter(map(Message.offset, run), np.int64, n),
        times,
        list(map(Message.value, run)),
        list(map(Message.key, run)) if keys else [],
        [_headers(message) for message in run] if headers else [],
    )


def _headers(message: Message) -> Headers:
    named: Headers = message.headers() or ()  # type: ignore[assignment]
    return named
