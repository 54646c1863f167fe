"""The least that any consumer has to do, poll with kafka-python and decode with msgspec: what to compare with."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.events.codecs.json import JsonCodec
from sentinel.ingest.kafka_client import client_options

GIVE_UP_SECONDS = 300.0  # without a message for so long the broker is gone


def bare_rate(bootstrap: str, topics: Topics, codec: JsonCodec) -> tuple[int, float]:
    """Read both topics from the beginning to their present end, decode each message, and keep nothing.

    The client has the options of :class:`KafkaSource` and the messages become the Structs that the codec makes of
    them first; columns, positions, dead letters and everything after are left out.

    Parameters
    ----------
    bootstrap : str, ``host:port``
    topics : Topics
    codec : JsonCodec
        Of one model version.

    Returns
    -------
    (events, cpu_seconds) : (int, float)
        CPU of the whole process, while reading; connecting is not counted.
    """
    options = client_options(KafkaSettings(bootstrap_servers=[bootstrap], topics=topics)) | {"group_id": None}
    (reader,) = codec._readers.values()
    decoders: dict[str, Any] = {
        topics.predictions: reader._decode,
        topics.outcomes: codec._decode_outcome,
    }
    n_events = 0
    with contextlib.closing(KafkaConsumer(**options)) as consumer:
        pairs = [TopicPartition(topic, p) for topic in decoders for p in consumer.partitions_for_topic(topic)]
        n_total = sum(consumer.end_offsets(pairs).values()) - sum(consumer.beginning_offsets(pairs).values())
        consumer.assign(pairs)
        consumer.seek_to_beginning()
        started = time.process_time()
        while n_events < n_total:
            fetched = consumer.poll(round(GIVE_UP_SECONDS * 1_000))
            if not fetched:
                raise TimeoutError(f"{n_events} of {n_total} messages came: are there transactions in the topics?")
            for pair, records in fetched.items():
                decode = decoders[pair.topic]
                for record in records:
                    decode(record.value)
                n_events += len(records)
        return n_events, time.process_time() - started
