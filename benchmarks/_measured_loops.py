"""One loop over topics that are full, in a process of its own: sentinel's, a bare one, or a peer's."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from river.drift import ADWIN
from river.metrics import LogLoss

from benchmarks._bare_consumer import bare_confluent, bare_kafka_python
from benchmarks._event_topics import Filled, Shape, layout
from sentinel.cli.run import GC_THRESHOLDS
from sentinel.clock import MICROSECONDS_PER_SECOND, SystemClock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.events.codecs.json import JsonCodec
from sentinel.ingest.confluent import ConfluentSource
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.kafka_client import client_options
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.summaries.rows import row_dtype
from tests.support.kafka_broker import unique_name
from tests.support.memory_ledger import MemoryLedger, MemoryLog

HORIZON_US = 14 * 86_400 * MICROSECONDS_PER_SECOND
KEPT = {"PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}


def settings(bootstrap: str, filled: Filled) -> KafkaSettings:
    """The product's defaults, for these topics."""
    return KafkaSettings(
        bootstrap_servers=[bootstrap],
        topics=Topics(predictions=filled.predictions, outcomes=filled.outcomes),
        group_id=unique_name("bench"),
    )


def sentinel(source: KafkaSource | ConfluentSource, filled: Filled) -> float:
    """The whole loop: poll, decode, bin, join, count, checkpoint; CPU seconds."""
    frame = layout(filled.shape)
    width = -(-row_dtype(frame).itemsize // 32) * 32
    with tempfile.TemporaryDirectory() as scratch:

        def open_store(partition: int) -> LmdbJoinStore:
            directory = Path(scratch) / f"{partition}"
            directory.mkdir()
            return LmdbJoinStore.open(directory, width)

        loop = Loop(source, open_store, [ModelPlan(frame, HORIZON_US)], SystemClock())
        seen = 0
        while not source.assigned():  # the bare loop's connecting is not measured either
            seen += loop.turn()
        began = time.process_time()
        while seen < 2 * filled.n:
            seen += loop.turn()
        loop.checkpoint()
        seconds = time.process_time() - began
        joined = loop.n_joined
        loop.close()
        source.close(5.0)
    if joined != filled.n:
        raise SystemExit(f"{joined} predictions joined, not {filled.n}")
    return seconds


def rebuilt(make_source: Callable[[], KafkaSource], filled: Filled) -> float:
    """A takeover without any state: all partitions rebuilt from the ledger and the log; CPU seconds of that alone."""
    frame, ledger = layout(filled.shape), MemoryLog()
    width = -(-row_dtype(frame).itemsize // 32) * 32
    with tempfile.TemporaryDirectory() as scratch:

        def open_store(partition: int) -> LmdbJoinStore:
            directory = Path(tempfile.mkdtemp(dir=scratch, prefix=f"{partition}-"))
            return LmdbJoinStore.open(directory, width)

        def turned(until: Callable[[Loop], bool]) -> float:
            source = make_source()
            loop = Loop(source, open_store, [ModelPlan(frame, HORIZON_US)], SystemClock(), ledger=MemoryLedger(ledger))
            while not source.assigned():
                loop.turn()
            began = time.process_time()
            while not until(loop):
                loop.turn()
            seconds = time.process_time() - began
            loop.checkpoint()
            loop.close()
            source.close(5.0)
            return seconds

        turned(lambda loop: loop.n_joined == filled.n)
        n_partitions = filled.shape.n_partitions
        return turned(lambda loop: loop.status.rebuilds == n_partitions)


def columns(source: KafkaSource | ConfluentSource, filled: Filled) -> float:
    """Poll and decode to columns as the product does, and keep nothing; CPU seconds."""
    started: set[int] = set()
    while len(started) < filled.shape.n_partitions:
        source.poll(0.5)
        gained = source.take_changes().gained
        started |= gained
        for partition in gained:
            source.start_at(partition, {})
    began, seen = time.process_time(), 0
    while seen < 2 * filled.n:
        seen += sum(len(batch) for batch in source.poll(0.5))
    seconds = time.process_time() - began
    source.close(5.0)
    return seconds


def river(bootstrap: str, filled: Filled) -> float:
    """Poll, ``json.loads``, and river's log loss and ADWIN on each event; CPU seconds. No outcome is joined."""
    loss = LogLoss()  # type: ignore[no-untyped-call]
    detectors: defaultdict[tuple[str, str], Any] = defaultdict(ADWIN)
    options = client_options(settings(bootstrap, filled)) | {"group_id": None}
    consumer = KafkaConsumer(**options)
    pairs = [TopicPartition(filled.predictions, p) for p in consumer.partitions_for_topic(filled.predictions)]
    consumer.assign(pairs)
    consumer.seek_to_beginning()
    n_seen = 0
    began = time.process_time()
    while n_seen < filled.n:
        for records in consumer.poll(1_000).values():
            for record in records:
                event = json.loads(record.value)
                score = event["score"]
                loss.update(score < 0.5, score)
                for name, value in event["slices"].items():
                    detectors[name, value].update(score)
                for name, number in event["features"].items():
                    detectors[name, ""].update(number)
            n_seen += len(records)
    seconds = time.process_time() - began
    consumer.close()
    return seconds


def measure(kind: str, bootstrap: str, filled: Filled) -> float:
    """CPU seconds of one loop over everything that it reads."""
    chosen = settings(bootstrap, filled)

    def own_group() -> KafkaSettings:
        return settings(bootstrap, filled)

    codec, clock, n = JsonCodec([layout(filled.shape).schema]), SystemClock(), 2 * filled.n
    kinds: dict[str, Callable[[], float]] = {
        "bare kafka-python": lambda: bare_kafka_python(chosen, codec, n, columns=False),
        "bare kafka-python, our reader": lambda: bare_kafka_python(chosen, codec, n, columns=True),
        "sentinel kafka-python": lambda: sentinel(KafkaSource(chosen, codec, clock), filled),
        "rebuilt kafka-python": lambda: rebuilt(lambda: KafkaSource(own_group(), codec, clock), filled),
        "columns kafka-python": lambda: columns(KafkaSource(chosen, codec, clock), filled),
        "columns confluent-kafka": lambda: columns(ConfluentSource(chosen, codec, clock), filled),
        "bare confluent-kafka": lambda: bare_confluent(chosen, codec, n),
        "sentinel confluent-kafka": lambda: sentinel(ConfluentSource(chosen, codec, clock), filled),
        "river": lambda: river(bootstrap, filled),
    }
    return kinds[kind]()


def measured(kind: str, bootstrap: str, filled: Filled) -> float:
    """Run a loop in a process of its own; CPU seconds."""
    shape = filled.shape
    numbers = [str(n) for n in (filled.n, shape.n_features, shape.n_slices, shape.n_partitions)]
    topics = [filled.predictions, filled.outcomes, filled.by_slice]
    return child([sys.executable, "-m", "benchmarks._measured_loops", kind, bootstrap, *topics, *numbers])


def child(command: list[str]) -> float:
    """Run a command whose last line of output is its CPU seconds."""
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | KEPT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return float(done.stdout.splitlines()[-1])


def main() -> int:
    """Measure one loop, in this process."""
    kind, bootstrap, predictions, outcomes, by_slice, *numbers = sys.argv[1:]
    n, n_features, n_slices, n_partitions = map(int, numbers)
    filled = Filled(predictions, outcomes, by_slice, n, Shape(n_features, n_slices, n_partitions))
    gc.freeze()  # as `sentinel run` does; every loop gets it
    gc.set_threshold(*GC_THRESHOLDS)
    print(measure(kind, bootstrap, filled))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
