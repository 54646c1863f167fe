"""Fixtures of the sources: codecs, topics and a broker of their own kind for each contract test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.http_logs import HttpLog
from tests.ingest.logs import CLIENTS, Client, ConfluentLog, KafkaLog, Log, MemoryLog, ReplayLog
from tests.support.kafka_broker import KafkaBroker


@pytest.fixture(scope="module")
def kafka_log(kafka_broker: KafkaBroker) -> KafkaLog:
    """The events in two topics that the tests of one module read, each as a group of its own."""
    return KafkaLog(kafka_broker)


@pytest.fixture(params=CLIENTS, ids=["kafka-python", "confluent-kafka"])
def client(request: pytest.FixtureRequest) -> Client:
    """Each of the clients."""
    made: Client = request.param
    return made


@pytest.fixture(params=["memory", *(pytest.param(kind, marks=pytest.mark.kafka) for kind in ("kafka", "confluent"))])
def rereadable(request: pytest.FixtureRequest) -> Log:
    """The same events behind each kind of source that reads a log again."""
    if request.param == "memory":
        return MemoryLog()
    log: KafkaLog = request.getfixturevalue("kafka_log")
    return log if request.param == "kafka" else ConfluentLog(log)


_KINDS = ["replay", "memory", "http", *(pytest.param(kind, marks=pytest.mark.kafka) for kind in ("kafka", "confluent"))]


@pytest.fixture(params=_KINDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """The same events behind each kind of source."""
    if request.param == "replay":
        yield ReplayLog(tmp_path)
    elif request.param == "memory":
        yield MemoryLog()
    elif request.param == "http":
        yield HttpLog(tmp_path)
    elif request.param == "kafka":
        yield request.getfixturevalue("kafka_log")
    else:
        yield ConfluentLog(request.getfixturevalue("kafka_log"))
