"""The least that any consumer has to do, poll with kafka-python and decode with msgspec: what to compare with.

Run it against a broker that holds nothing but two topics of canonical events::

    python -m benchmarks.bare_consumer HOST:PORT PREDICTIONS OUTCOMES MODEL VERSION [NUMERIC_FEATURE ...]
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from sentinel.clock import SystemClock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.schema import Column, EventSchema
from sentinel.ingest.kafka import KafkaSource
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


def source_rate(bootstrap: str, topics: Topics, codec: JsonCodec, n_total: int) -> tuple[int, float]:
    """Read ``n_total`` messages through :class:`KafkaSource`, columns included, and keep nothing.

    Returns
    -------
    (events, cpu_seconds) : (int, float)
        As in :func:`bare_rate`; joining the group is not counted.
    """
    group = f"benchmark-{time.time_ns()}"
    settings = KafkaSettings(bootstrap_servers=[bootstrap], topics=topics, group_id=group)
    source = KafkaSource(settings, codec, SystemClock())
    try:
        while not source.assigned():
            source.poll(1.0)
        for partition in source.take_changes().gained:
            source.start_at(partition, {})
        started = time.process_time()
        while source.statistics()["messages"] < n_total:
            source.poll(1.0)
            for partition in source.take_changes().gained:
                source.start_at(partition, {})
        return source.statistics()["messages"], time.process_time() - started
    finally:
        source.close(5.0)


def main(arguments: list[str]) -> int:
    """Print both rates and their ratio, three times, since the machine is never quite still."""
    bootstrap, predictions, outcomes, model, version, *features = arguments
    topics = Topics(predictions=predictions, outcomes=outcomes)
    codec = JsonCodec([EventSchema(model, version, tuple(Column(name, "numeric") for name in features))])
    for _ in range(3):
        n_events, bare_seconds = bare_rate(bootstrap, topics, codec)
        _, source_seconds = source_rate(bootstrap, topics, codec, n_events)
        print(
            f"{n_events} events: bare {n_events / bare_seconds:,.0f}/CPU s, "
            f"source {n_events / source_seconds:,.0f}/CPU s, ratio {bare_seconds / source_seconds:.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
