"""The least that any consumer has to do, poll with a client and decode with msgspec: what to compare with."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as Position
from kafka import KafkaConsumer, TopicPartition

from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.events.codecs.json import JsonCodec
from sentinel.ingest.confluent_client import confluent_options
from sentinel.ingest.kafka_client import client_options
from sentinel.ingest.records.hook import read_columns

GIVE_UP_SECONDS = 60.0  # without a message for so long the broker is gone


def decoders(settings: KafkaSettings, codec: JsonCodec) -> dict[str, Any]:
    """By topic, what makes the Structs of a message that the codec makes of it first; of one model version."""
    (reader,) = codec._readers.values()
    return {settings.topics.predictions: reader._decode, settings.topics.outcomes: codec._decode_outcome}


def bare_kafka_python(settings: KafkaSettings, codec: JsonCodec, n_events: int, *, columns: bool) -> float:
    """Read both topics from the beginning, decode each message, and keep nothing.

    The client has the options of :class:`KafkaSource`; columns, positions, dead letters and everything after are left
    out.

    Parameters
    ----------
    settings : KafkaSettings
    codec : JsonCodec
        Of one model version.
    n_events : int
        How many messages there are.
    columns : bool
        Whether sentinel's reader of record batches takes the place of the client's own.

    Returns
    -------
    float
        CPU seconds of the whole process, while reading; connecting is not counted.
    """
    decode_by_topic = decoders(settings, codec)
    n_seen = 0
    with contextlib.closing(KafkaConsumer(**client_options(settings) | {"group_id": None})) as consumer:
        if columns and not read_columns(consumer, keys=False, headers=False):
            raise SystemExit("the reader of columns does not fit this client")
        pairs = [TopicPartition(topic, p) for topic in decode_by_topic for p in consumer.partitions_for_topic(topic)]
        consumer.assign(pairs)
        consumer.seek_to_beginning()
        started = time.process_time()
        while n_seen < n_events:
            fetched = consumer.poll(round(GIVE_UP_SECONDS * 1_000))
            if not fetched:
                raise TimeoutError(f"{n_seen} of {n_events} messages came: are there transactions in the topics?")
            for pair, records in fetched.items():
                decode = decode_by_topic[pair.topic]
                if columns:
                    values = [value for some in records for value in some.values]
                else:
                    values = [record.value for record in records]
                for value in values:
                    decode(value)
                n_seen += len(values)
        return time.process_time() - started


def bare_confluent(settings: KafkaSettings, codec: JsonCodec, n_events: int) -> float:
    """The same with confluent-kafka; returns CPU seconds."""
    decode_by_topic = decoders(settings, codec)
    consumer = Consumer(confluent_options(settings) | {"enable.partition.eof": False})
    n_seen = 0
    try:
        pairs = [
            Position(topic, p, 0)
            for topic in decode_by_topic
            for p in consumer.list_topics(topic).topics[topic].partitions
        ]
        consumer.assign(pairs)
        started = time.process_time()
        while n_seen < n_events:
            messages = consumer.consume(settings.max_poll_records, 0.5)
            for message in messages:
                decode_by_topic[str(message.topic())](message.value())
            n_seen += len(messages)
            if time.process_time() - started > GIVE_UP_SECONDS:
                raise TimeoutError(f"{n_seen} of {n_events} messages came")
        return time.process_time() - started
    finally:
        consumer.close()
