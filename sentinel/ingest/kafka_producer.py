"""Producers of kafka-python whose calls end in bounded time."""

from __future__ import annotations

from typing import Any

from kafka import KafkaProducer

from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.ingest.kafka_client import CLIENT_ERRORS, client_options, open_client, translate

CALL_SECONDS = 10.0
"""What finding a topic, and the answer to a message, may take."""
MAX_REQUEST_BYTES = 64 << 20
"""No limit of ours: the topic's max.message.bytes decides."""


def connect_producer(settings: KafkaSettings, **changes: Any) -> KafkaProducer:
    """Connect a producer without transactions, in bounded time.

    A message is acknowledged by all replicas in sync. It may be written twice when an answer is lost: the producer is
    not idempotent, so that it needs no right beyond WRITE and DESCRIBE on its topic.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
    **changes
        Options of ``kafka.KafkaProducer`` instead of those.

    Raises
    ------
    SourceError
        If no broker answers now.
    FatalError
        If a person has to act first.
    """
    options = {
        "acks": "all",
        "enable_idempotence": False,
        "linger_ms": 5,
        "max_block_ms": round(CALL_SECONDS * 500),
    }
    try:
        return open_producer(settings, options | changes)
    except CLIENT_ERRORS as error:
        raise translate(error, settings) from error


def open_producer(settings: KafkaSettings, changes: dict[str, Any]) -> KafkaProducer:
    """Connect a producer of any kind, and leave nothing behind on failure.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
    changes : dict
        Options of ``kafka.KafkaProducer`` beside, or instead of, those that all have.

    Raises
    ------
    SourceError
        If no bootstrap server answers.
    kafka.errors.KafkaError, OSError, RuntimeError
        As the client says it, or its connection before it.
    """
    given = client_options(settings)
    call_ms = round(CALL_SECONDS * 1_000)
    options: dict[str, Any] = {name: given[name] for name in KafkaProducer.DEFAULT_CONFIG if name in given}
    options |= {
        "request_timeout_ms": call_ms // 2,
        "delivery_timeout_ms": call_ms,
        "max_block_ms": call_ms,
        "max_request_size": MAX_REQUEST_BYTES,
        "allow_auto_create_topics": False,
    }
    return open_client(KafkaProducer, settings, options | changes)
