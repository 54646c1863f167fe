"""A stream that has everything in it, made from a seed and written to Kafka by a process of its own."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Producer

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.times import rfc3339

HORIZON_SECONDS = 86_400
SPACING_SECONDS = 0.5
FIRST_US = 1_760_000_000 * MICROSECONDS_PER_SECOND
MODEL, VERSION = "churn", "1"
FEATURES = ("f0", "f1", "f2")
REGIONS = ("north", "south", "east", "west")
_SHARES = {"late": 0.01, "early": 0.01, "duplicate": 0.01, "corrected": 0.01, "garbage": 0.005, "silent": 0.1}
_BATCH = 1_000


class ChaosEvent(NamedTuple):
    """One message: the topic that it goes to (0: predictions, 1: outcomes), its key and its value."""

    topic: int
    key: bytes
    value: bytes


def stream(n_predictions: int, seed: int, first_us: int = FIRST_US) -> Iterator[ChaosEvent]:
    """Predictions and their outcomes in the order of their times; some late, early, repeated, corrected or broken.

    Parameters
    ----------
    n_predictions : int
        About as many outcomes come with them.
    seed : int
    first_us : int, microseconds since the epoch, UTC
        When the first prediction is made.
    """
    rng = np.random.default_rng(seed)
    scores, inputs = rng.random(n_predictions), rng.normal(size=(n_predictions, len(FEATURES)))
    regions = rng.integers(len(REGIONS), size=n_predictions)
    outcomes = (rng.random(n_predictions) < scores).astype(int)
    made = first_us + (np.arange(n_predictions) * SPACING_SECONDS * MICROSECONDS_PER_SECOND).astype(np.int64)
    what = rng.choice([*_SHARES, "plain"], size=n_predictions, p=[*_SHARES.values(), 1 - sum(_SHARES.values())])
    delay = rng.integers(1, HORIZON_SECONDS, size=n_predictions) * MICROSECONDS_PER_SECOND
    delay[what == "late"] += HORIZON_SECONDS * MICROSECONDS_PER_SECOND
    known = made + delay
    sent = np.where(what == "early", made - MICROSECONDS_PER_SECOND, known)
    order = np.argsort(np.concatenate([made, sent]), kind="stable")
    encode = msgspec.json.encode
    for at in order.tolist():
        i = at % n_predictions
        name = f"{seed}-{i}"
        key = name.encode()
        if at < n_predictions:
            event: dict[str, Any] = {
                "kind": "prediction",
                "model": MODEL,
                "version": VERSION,
                "prediction_id": name,
                "predicted_at": rfc3339(int(made[i])),
                "score": float(scores[i]),
                "features": dict(zip(FEATURES, inputs[i].tolist(), strict=True)),
                "slices": {"region": REGIONS[regions[i]]},
                "group": f"g{i % 5_000}",
            }
            copies = 2 if what[i] == "duplicate" else 1
            yield from [ChaosEvent(0, key, encode(event))] * copies
            if what[i] == "garbage":
                yield ChaosEvent(0, key, b"{not json")
            continue
        if what[i] == "silent":
            continue
        fields = {"kind": "outcome", "model": MODEL, "prediction_id": name, "outcome_at": rfc3339(int(known[i]))}
        if what[i] == "corrected":
            yield ChaosEvent(1, key, encode({**fields, "outcome": 1 - int(outcomes[i])}))
        yield ChaosEvent(1, key, encode({**fields, "outcome": int(outcomes[i])}))


def produce(
    bootstrap: str, topics: tuple[str, str], n_predictions: int, seed: int, per_second: float, n_parts: int = 1
) -> int:
    """Write streams that follow each other at a pace, whatever happens to the broker; returns how many messages."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 20,
            "compression.type": "lz4",
            "delivery.timeout.ms": 300_000,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 400_000,
        }
    )
    failed: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    begin, n = time.monotonic(), 0
    length_us = int(n_predictions * SPACING_SECONDS * MICROSECONDS_PER_SECOND)
    parts = (stream(n_predictions, seed + part, FIRST_US + part * length_us) for part in range(n_parts))
    for event in itertools.chain.from_iterable(parts):
        while True:
            try:
                producer.produce(topics[event.topic], event.value, event.key, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        n += 1
        if n % _BATCH == 0:
            producer.poll(0)
            time.sleep(max(0.0, begin + n / per_second - time.monotonic()))
    producer.flush(300)
    if failed:
        raise RuntimeError(f"{len(failed)} messages were not written: {failed[0]}")
    return n


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("predictions")
    parser.add_argument("outcomes")
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--per-second", type=float, required=True)
    parser.add_argument("--parts", type=int, default=1)
    given = parser.parse_args()
    topics = given.predictions, given.outcomes
    print(produce(given.bootstrap, topics, given.n, given.seed, given.per_second, given.parts))
