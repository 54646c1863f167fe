"""Whatever a message is keyed by and however many events it holds, each event is counted in one partition, once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sentinel.errors import FatalError
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.decoded import Decoded
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages
from sentinel.events.codecs.protocol import Codec
from sentinel.events.halves import Completed, Half, Halves
from sentinel.ingest.spark.rows import Routing, by_partition, events_of, route
from tests.events.canonical import CHURN, FRAUD, RECEIVED_US, encoded, outcome, prediction

ROLES: Mapping[str, Any] = {"scores": "prediction", "results": "outcome"}
N_PARTITIONS = 5


@dataclass(frozen=True)
class Several:
    """A codec whose messages hold lists of canonical events."""

    inner: JsonCodec
    reads_headers: bool = True

    def decode(self, messages: Messages) -> Decoded:
        """Each event of a list at the offset of its message; a filter leaves lists of nothing out."""
        assert len(messages.headers) == len(messages.keys) == len(messages.payloads)
        events = [
            (offset, received_at, json.dumps(event).encode() if event else b"")
            for offset, received_at, payload in zip(
                messages.offsets, messages.received_at, messages.payloads, strict=True
            )
            for event in json.loads(payload or b"[null]")
        ]
        offsets, received_at, payloads = zip(*events, strict=True) if events else ((), (), ())
        decoded = self.inner.decode(
            Messages(messages.topic, messages.partition, messages.role, offsets, payloads, received_at)
        )
        decoded.passed_over[messages.role] += sum(payload == b"[]" for payload in messages.payloads)
        return decoded


def rows(messages: Sequence[tuple[str, int, int, bytes | None]], *, headers: bool = False) -> pa.RecordBatch:
    """Messages (topic, partition, offset, value) as the stream delivers them."""
    topics, partitions, offsets, values = zip(*messages, strict=True)
    columns = {
        "topic": pa.array(topics),
        "partition": pa.array(partitions, pa.int32()),
        "offset": pa.array(offsets, pa.int64()),
        "at": pa.array([RECEIVED_US] * len(messages), pa.int64()),
        "value": pa.array(values, pa.binary()),
    }
    if headers:
        header = pa.struct([("key", pa.string()), ("value", pa.binary())])
        columns["key"] = pa.array([None] * len(messages), pa.binary())
        columns["headers"] = pa.array([[{"key": "ce_id", "value": b"1"}]] * len(messages), pa.list_(header))
    return pa.RecordBatch.from_pydict(columns)


def routing(codec: Codec | None = None) -> Routing:
    """To five partitions."""
    return Routing(codec or JsonCodec([CHURN, FRAUD]), ROLES, N_PARTITIONS)


def shuffled(routed: Iterable[pa.RecordBatch], chunk: int) -> list[pa.RecordBatch]:
    """What the shuffle and the sort make of routed rows, cut into batches of some rows."""
    table = pa.Table.from_batches(routed).sort_by(
        [(name, "ascending") for name in ("part", "at", "topic", "partition", "offset")]
    )
    return list(table.combine_chunks().to_batches(max_chunksize=chunk))


def counted(
    batch: pa.RecordBatch, codec: Codec | None = None, chunk: int = 7
) -> dict[int, list[tuple[EventBatch, Any]]]:
    """The events that every partition gets."""
    route_by = routing(codec)
    found: dict[int, list[tuple[EventBatch, Any]]] = {}
    for part, some in by_partition(shuffled([route(batch, route_by)], chunk)):
        assert part not in found
        found[part] = [events_of(each, part, route_by) for each in some]
    return found


def keys_of(found: Mapping[int, Sequence[tuple[EventBatch, Any]]], kind: str) -> Counter[tuple[int, int]]:
    """How often each event is in each partition, by (partition, key)."""
    return Counter(
        (part, key)
        for part, some in found.items()
        for batch, _ in some
        for group in getattr(batch, kind)
        for key in group.keys.tolist()
    )


def test_a_prediction_and_its_outcome_meet() -> None:
    """Of forty predictions in three topic partitions and their outcomes in two, each pair is in one partition, once."""
    messages: list[tuple[str, int, int, bytes | None]] = []
    for n in range(40):
        messages.append(("scores", n % 3, n, encoded(prediction(prediction_id=f"p-{n}"))))
        messages.append(("results", n % 2, n, encoded(outcome(prediction_id=f"p-{n}"))))
    found = counted(rows(messages))
    predictions, outcomes = keys_of(found, "predictions"), keys_of(found, "outcomes")
    assert predictions == outcomes
    assert set(predictions.values()) == {1}
    assert len({key for _, key in predictions}) == 40
    assert {part for part, _ in predictions} == set(range(N_PARTITIONS))


def test_models_do_not_meet() -> None:
    """Equal ids of two models are different predictions, routed by their own hashes."""
    messages = [
        ("scores", 0, 0, encoded(prediction(prediction_id="same"))),
        ("scores", 0, 1, encoded(prediction(prediction_id="same", model="fraud", version="1"))),
    ]
    assert len({key for _, key in keys_of(counted(rows(messages)), "predictions")}) == 2


def test_events_of_a_partition_are_in_the_order_of_the_rows() -> None:
    """The place of an event is that of its row, so that of two conflicting ones the earlier message is the first."""
    values = [encoded(prediction(prediction_id="p-1", score=score)) for score in (0.1, 0.2, 0.3)]
    some = rows([("scores", 2 - n, 50 - n, value) for n, value in enumerate(values)])
    some = some.set_column(3, "at", pa.array([RECEIVED_US + n for n in range(3)]))
    ((batch, _),) = next(iter(counted(some).values()))
    (group,) = batch.predictions
    assert group.scores[np.argsort(group.origin.offsets)].tolist() == [0.1, 0.2, 0.3]


def test_a_message_that_cannot_be_read_is_refused_once_and_found_again() -> None:
    """Garbage goes to one partition, and its dead letter names the topic partition and offset that it came from."""
    messages = [("scores", 1, 700 + n, b"{not json") for n in range(20)]
    messages += [("results", 0, 30, b"")]
    found = counted(rows(messages))
    letters = [locate(letter) for some in found.values() for batch, locate in some for letter in batch.dead_letters]
    expected = {("scores", 1, 700 + n) for n in range(20)} | {("results", 0, 30)}
    assert sorted((letter.topic, letter.partition, letter.offset) for letter in letters) == sorted(expected)
    assert len(found) > 1  # no single partition takes all the garbage


def test_a_message_of_several_events_goes_where_each_belongs() -> None:
    """Every event of a list is in its own partition, once; what is wrong with the list is told once."""
    codec = Several(JsonCodec([CHURN]))
    events = [prediction(prediction_id=f"p-{n}") for n in range(30)]
    wrong = {**events[0], "score": 7.0}
    messages: list[tuple[str, int, int, bytes | None]] = [
        ("scores", 0, 0, encoded([*events[:12], wrong])),
        ("scores", 1, 9, encoded(events[12:])),
        ("scores", 0, 1, encoded([wrong])),
        ("scores", 1, 3, encoded([])),
        ("results", 0, 0, encoded([outcome(prediction_id=f"p-{n}") for n in range(30)])),
    ]
    found = counted(rows(messages, headers=True), codec, chunk=3)
    predictions = keys_of(found, "predictions")
    assert set(predictions.values()) == {1}
    assert predictions == keys_of(found, "outcomes")
    assert len(predictions) == 30
    letters = [locate(letter) for some in found.values() for batch, locate in some for letter in batch.dead_letters]
    assert sorted((letter.partition, letter.offset) for letter in letters) == [(0, 0), (0, 1)]
    assert sum(batch.passed_over.get("prediction", 0) for some in found.values() for batch, _ in some) == 1


def test_halves_of_requests_are_refused() -> None:
    """What brings a request and its response together is no prediction id, so Spark cannot; it says so."""

    @dataclass(frozen=True)
    class Paired:
        reads_headers: bool = False

        def decode(self, messages: Messages) -> Decoded:
            half = Half("pair", "request", b"", messages.topic, 0, 0, 0)
            return Decoded([], [], [], halves=Halves([half], lambda *_: Completed()))

    with pytest.raises(FatalError, match="requests and responses that are messages of their own"):
        route(rows([("scores", 0, 0, b"{}")]), routing(Paired()))
