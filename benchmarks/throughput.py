"""Events per CPU second through a real Kafka, end to end, beside a bare loop that only polls and decodes.

    python -m benchmarks.throughput [--events N] [--rounds R] [--quick]

Both read the same messages with the same client and the same options, each in a process of its own, in turn; the
table shows medians of whole-process CPU time and their ratio. Messages: canonical JSON of 10 numeric features and 5
slices of 20 values, and one outcome each, over 4 partitions, lz4.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from kafka import KafkaProducer

from benchmarks._bare_consumer import bare_rate
from sentinel.clock import MICROSECONDS_PER_SECOND, SystemClock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.events.codecs.json import JsonCodec
from sentinel.ingest.kafka import KafkaSource
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.summaries.layout import FeatureBins, Layout, SliceColumn
from sentinel.summaries.rows import row_dtype
from tests.support.kafka_broker import KafkaBroker, start_broker, unique_name

N_FEATURES, N_SLICES, N_VALUES, N_PARTITIONS = 10, 5, 20, 4
BINS = 20
HORIZON_US = 14 * 86_400 * MICROSECONDS_PER_SECOND
MONTH_SECONDS = 30 * 86_400


def layout() -> Layout:
    """Ten features of 20 bins, five slices of 20 values, 128 score bins."""
    values = tuple(f"v{i}" for i in range(N_VALUES))
    numbers = [f"f{i}" for i in range(N_FEATURES)]
    names = [f"s{i}" for i in range(N_SLICES)]
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


def fill(broker: KafkaBroker, topics: tuple[str, str], n: int) -> None:
    """Write n predictions, then their outcomes."""
    rng = np.random.default_rng(7)
    begin = time.time() - MONTH_SECONDS / 4
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap,
        linger_ms=50,
        batch_size=300_000,
        compression_type="lz4",
        **broker.client_options,
    )
    encode = msgspec.json.Encoder().encode
    for i in range(n):
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(begin + i * 0.01)) + f".{i % 1000:03d}Z"
        event: dict[str, Any] = {
            "kind": "prediction",
            "model": "bench",
            "version": "1",
            "prediction_id": f"{i:016x}",
            "predicted_at": at,
            "score": round(float(rng.random()), 4),
            "features": {f"f{j}": round(float(x), 4) for j, x in enumerate(rng.normal(size=N_FEATURES))},
            "slices": {f"s{j}": f"v{x}" for j, x in enumerate(rng.integers(0, N_VALUES, N_SLICES))},
            "group": f"u{i % 5000}",
        }
        producer.send(topics[0], key=f"{i:016x}".encode(), value=encode(event))
    for i in range(n):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin + i * 0.01 + 3_600))
        outcome: dict[str, Any] = {
            "kind": "outcome",
            "model": "bench",
            "prediction_id": f"{i:016x}",
            "outcome": int(i % 3 == 0),
            "outcome_at": at,
        }
        producer.send(topics[1], key=f"{i:016x}".encode(), value=encode(outcome))
    producer.flush()
    producer.close()


def settings(bootstrap: str, topics: tuple[str, str]) -> KafkaSettings:
    """The product's defaults, for these topics."""
    return KafkaSettings(
        bootstrap_servers=[bootstrap],
        topics=Topics(predictions=topics[0], outcomes=topics[1]),
        group_id=unique_name("bench"),
    )


def measure_bare(bootstrap: str, topics: tuple[str, str], n_events: int) -> dict[str, float]:
    """CPU of polling and decoding alone."""
    events, seconds = bare_rate(
        bootstrap, Topics(predictions=topics[0], outcomes=topics[1]), JsonCodec([layout().schema])
    )
    if events < n_events:
        raise SystemExit(f"the bare loop saw {events} of {n_events} events")
    return {"events": events, "cpu_seconds": seconds}


def measure_sentinel(bootstrap: str, topics: tuple[str, str], n_events: int, scratch: Path) -> dict[str, float]:
    """CPU of the whole loop: poll, decode, bin, join, count, checkpoint."""
    frame = layout()
    width = -(-row_dtype(frame).itemsize // 32) * 32

    def open_store(partition: int) -> LmdbJoinStore:
        directory = scratch / f"{partition}"
        directory.mkdir()
        return LmdbJoinStore.open(directory, width)

    source = KafkaSource(settings(bootstrap, topics), JsonCodec([frame.schema]), SystemClock())
    loop = Loop(source, open_store, [ModelPlan(frame, HORIZON_US)], SystemClock())
    seen = 0
    while not source.assigned():  # the bare loop's connecting is not measured either
        seen += loop.turn()
    began = time.process_time()
    while seen < n_events:
        seen += loop.turn()
    loop.checkpoint()
    seconds = time.process_time() - began
    joined = loop.n_joined
    loop.close()
    source.close(5.0)
    if joined * 2 != n_events:
        raise SystemExit(f"{joined} predictions joined, not {n_events // 2}")
    return {"events": seen, "cpu_seconds": seconds}


def _child(kind: str, bootstrap: str, topics: tuple[str, str], n_events: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.throughput", "--child", kind, bootstrap, *topics, str(n_events)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{kind}: {done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> int:
    """Fill the topics, measure in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="predictions; as many outcomes follow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="20,000 predictions, one round")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        kind, bootstrap, predictions, outcomes, count = arguments.child
        with tempfile.TemporaryDirectory() as scratch:
            topics = (predictions, outcomes)
            if kind == "bare":
                result = measure_bare(bootstrap, topics, int(count))
            else:
                result = measure_sentinel(bootstrap, topics, int(count), Path(scratch))
        print(json.dumps(result))
        return 0
    n = 20_000 if arguments.quick else arguments.events
    rounds = 1 if arguments.quick else arguments.rounds
    with tempfile.TemporaryDirectory() as scratch, start_broker(Path(scratch)) as broker:
        topics = (unique_name("predictions"), unique_name("outcomes"))
        for topic in topics:
            broker.create_topic(topic, N_PARTITIONS)
        fill(broker, topics, n)
        taken: dict[str, list[float]] = {"bare": [], "sentinel": []}
        for _ in range(rounds):
            for kind, rates in taken.items():
                result = _child(kind, broker.bootstrap, topics, 2 * n)
                rates.append(result["events"] / result["cpu_seconds"])
    bare, ours = (statistics.median(taken[kind]) for kind in ("bare", "sentinel"))
    print(f"{n} predictions and {n} outcomes, {N_PARTITIONS} partitions, {broker.kind} broker, median of {rounds}")
    print(f"{'bare poll + decode':24}{bare:12,.0f} events per CPU second {1e6 / bare:8.2f} us an event")
    print(f"{'sentinel end to end':24}{ours:12,.0f} events per CPU second {1e6 / ours:8.2f} us an event")
    print(f"{'share of the bare rate':24}{ours / bare:12.2f}   (target .85)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
