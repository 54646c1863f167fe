"""Messages that Confluent's own serialisers wrote, read with the schemas that they registered.

``confluent_recordings.json`` holds what the serialisers of confluent-kafka 2.16.1 made of one event each, with its mock
registry: framing in the payload (an id) and in the header (a GUID).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sentinel.app.deserializers import Deserializers, make_deserializers
from sentinel.clock import ManualClock
from sentinel.config import parse_config
from tests.support.registry import FakeRegistry, running_registry

RECORDINGS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "events" / "confluent_recordings.json").read_text()
)


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """An empty registry."""
    with running_registry() as registry:
        yield registry


def deserializers(url: str, encoding: str) -> Deserializers:
    """What the daemon would read predictions with."""
    config = parse_config(
        f"""
        apiVersion: sentinel/v1
        models: [{{name: churn, version: "7", task: binary}}]
        source:
          kafka:
            bootstrap_servers: ["127.0.0.1:9092"]
            topics: {{predictions: predictions, outcomes: outcomes}}
            formats: {{predictions: {{encoding: {encoding}}}}}
            schema_registry: {{urls: ["{url}"]}}
        """
    )
    if config.source is None or config.source.kafka is None:
        raise LookupError("the configuration names a source")
    return make_deserializers(config.source.kafka, ManualClock())


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording["name"])
def test_what_confluent_s_serialisers_write_is_read(fake: FakeRegistry, recording: Mapping[str, Any]) -> None:
    """Avro, JSON Schema and Protobuf (nested message, import, well-known type), by id and by GUID."""
    for entry in recording["schemas"]:
        fake.add(entry)
    readers = deserializers(fake.url, recording["format"])
    headers = {name: bytes.fromhex(value) for name, value in recording["headers"].items()}
    read = readers.by_role["prediction"].deserialize(bytes.fromhex(recording["payload"]), headers)
    assert read == recording["expected"]
    is_json = recording["format"] == "json-schema"  # which is read without its schema, and wherever that is named
    assert readers.reads_headers != is_json
    assert bool(fake.paths) != is_json
