"""Fixtures of the sources: codecs, topics and a broker of their own kind for each contract test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.logs import KafkaLog, Log, MemoryLog, ReplayLog
from tests.support.kafka_broker import KafkaBroker


@pytest.fixture(scope="module")
def kafka_log(kafka_broker: KafkaBroker) -> KafkaLog:
    """The events in two topics that the tests of one module read, each as a group of its own."""
    return KafkaLog(kafka_broker)


@pytest.fixture(params=["replay", "memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """The same events behind each kind of source."""
    if request.param == "replay":
        yield ReplayLog(tmp_path)
    elif request.param == "memory":
        yield MemoryLog()
    else:
        yield request.getfixturevalue("kafka_log")
