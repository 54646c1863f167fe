"""Topics full of predictions and their outcomes, of a chosen width, and the layout that they are counted by."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Producer

from sentinel.summaries.layout import FeatureBins, Layout, SliceColumn
from tests.support.kafka_broker import KafkaBroker, unique_name

N_VALUES, BINS = 20, 20
MONTH_SECONDS = 30 * 86_400
CHUNK = 10_000  # messages handed over before the producer's queue is looked after


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide the events are, and over how many partitions they go."""

    n_features: int = 10
    n_slices: int = 5
    n_partitions: int = 4


def layout(shape: Shape) -> Layout:
    """Features of 20 bins, slices of 20 values, 128 score bins."""
    values = tuple(f"v{i}" for i in range(N_VALUES))
    numbers = [f"f{i}" for i in range(shape.n_features)]
    names = [f"s{i}" for i in range(shape.n_slices)]
    edges = tuple(np.linspace(0.0, 1.0, 128)[1:].tolist())
    return Layout(
        model="bench",
        version="1",
        task="binary",
        columns=(*((n, "numeric", ()) for n in numbers), *((n, "categorical", values) for n in names)),
        features=tuple(
            FeatureBins(name=n, kind="numeric", edges=tuple(np.linspace(-3, 3, BINS + 1).tolist())) for n in numbers
        ),
        slices=tuple(SliceColumn(name=n, columns=(n,), values=values) for n in names),
        score_edges=edges,
        slice_score_edges=edges[3::4],
        threshold=0.5,
    )


@dataclass(frozen=True, slots=True)
class Filled:
    """Two topics, and a third with the predictions once more, keyed by one of 20 slice values instead of their id."""

    predictions: str
    outcomes: str
    by_slice: str
    n: int
    shape: Shape


def fill(broker: KafkaBroker, shape: Shape, n: int, *, by_slice: bool = False) -> Filled:
    """Write n predictions, then their outcomes, a hundred a second of event time; lz4, in large batches."""
    filled = Filled(unique_name("predictions"), unique_name("outcomes"), unique_name("by-slice"), n, shape)
    for topic in (filled.predictions, filled.outcomes, *([filled.by_slice] if by_slice else [])):
        broker.create_topic(topic, shape.n_partitions)
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "linger.ms": 50,
            "batch.size": 300_000,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 4 * CHUNK,
            "partitioner": "murmur2",
        }
    )
    rng, begin = np.random.default_rng(7), time.time() - MONTH_SECONDS / 4
    encode = msgspec.json.Encoder().encode
    for i in range(n):
        value = encode(_prediction(rng, shape, i, begin))
        producer.produce(filled.predictions, value, key=f"{i:016x}")
        if by_slice:
            producer.produce(filled.by_slice, value, key=f"v{i % N_VALUES}")
        if i % CHUNK == CHUNK - 1:
            producer.flush()
    for i in range(n):
        producer.produce(filled.outcomes, encode(_outcome(i, begin)), key=f"{i:016x}")
        if i % CHUNK == CHUNK - 1:
            producer.flush()
    if producer.flush(60):
        raise SystemExit("the broker did not take all messages")
    return filled


def _prediction(rng: np.random.Generator, shape: Shape, i: int, begin: float) -> dict[str, Any]:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(begin + i * 0.01)) + f".{i % 1000:03d}Z"
    return {
        "kind": "prediction",
        "model": "bench",
        "version": "1",
        "prediction_id": f"{i:016x}",
        "predicted_at": at,
        "score": round(float(rng.random()), 4),
        "features": {f"f{j}": round(float(x), 4) for j, x in enumerate(rng.normal(size=shape.n_features))},
        "slices": {f"s{j}": f"v{x}" for j, x in enumerate(rng.integers(0, N_VALUES, shape.n_slices))},
        "group": f"u{i % 5000}",
    }


def _outcome(i: int, begin: float) -> dict[str, Any]:
    return {
        "kind": "outcome",
        "model": "bench",
        "prediction_id": f"{i:016x}",
        "outcome": int(i % 3 == 0),
        "outcome_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin + i * 0.01 + 3_600)),
    }
