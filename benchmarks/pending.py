"""Joined pairs through a whole partition, as the number of predictions that wait for their outcome grows.

    python -m benchmarks.pending [--quick] [--rounds R] [--held N [N ...]]

No Kafka: batches of ready columns. Each size is a process of its own, filled first; then, batch after batch, as many
predictions come as outcomes, and as many expire. A prediction has one outcome, at any age up to a day; so a batch of
outcomes is drawn evenly, and in no order, from all that is held. Every ten batches are made durable. All sizes spread
over the same day, so the panes touched are the same and only the store grows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.join_store import MIB, keys_numbered, resident_mib
from benchmarks.pipeline_cost import layout
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import I64, EventBatch, Origin, Outcomes, Predictions
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import row_dtype

HELD = (100_000, 1_000_000, 10_000_000)
DAY_US = 86_400 * MICROSECONDS_PER_SECOND
START_US = 1_795_694_400 * MICROSECONDS_PER_SECOND
BATCH = 10_000
BATCHES_PER_CHECKPOINT = 10
N_TEMPLATES = 8  # batches of inputs made beforehand, so that making them is not measured
TARGET_RATIO, TARGET_MIB, TARGET_REOPEN_SECONDS = 0.6, 1024.0, 5.0


class Stream:
    """An endless stream of predictions, ``held`` of them a day, and of outcomes of any that are still held."""

    def __init__(self, made: Layout, held: int, seed: int = 1) -> None:
        self._schema = made.schema
        self._rng = np.random.default_rng(seed)
        self._step_us = DAY_US / held
        self._ages = np.array_split(self._rng.permutation(BATCH), held // BATCH)  # who of a batch, by batches waited
        n_numeric = sum(column.kind == "numeric" for column in made.schema.columns)
        n_categorical = len(made.schema.columns) - n_numeric
        self._inputs = [
            (
                self._rng.random(BATCH),
                self._rng.normal(size=(n_numeric, BATCH)),
                self._rng.integers(0, 20, (n_categorical, BATCH)).astype(np.int32),
                self._rng.integers(1, 10_000, BATCH, np.uint64),
            )
            for _ in range(N_TEMPLATES)
        ]
        self.n_predicted = 0

    def predictions(self) -> EventBatch:
        """The next ones."""
        numbers = np.arange(self.n_predicted, self.n_predicted + BATCH)
        scores, numeric, categorical, groups = self._inputs[self.n_predicted // BATCH % N_TEMPLATES]
        rows = Predictions(
            self._schema,
            keys_numbered(numbers),
            self._times(numbers),
            scores,
            groups,
            numeric,
            categorical,
            Origin("predictions", 0, numbers),
        )
        self.n_predicted += BATCH
        return EventBatch(0, {"predictions": self.n_predicted}, predictions=(rows,))

    def outcomes(self, turn: int) -> EventBatch:
        """As many outcomes, of some predictions of each batch of the last day."""
        newest = self.n_predicted - BATCH
        numbers = np.concatenate([newest - age * BATCH + members for age, members in enumerate(self._ages)])
        numbers = self._rng.permutation(numbers)
        values = self._rng.integers(0, 2, BATCH).astype(np.float64)
        offsets = np.arange(turn * BATCH, (turn + 1) * BATCH)
        at = np.full(BATCH, self._times(np.array([newest]))[0])
        rows = Outcomes("bench", keys_numbered(numbers), at, values, Origin("outcomes", 0, offsets))
        return EventBatch(0, {"outcomes": int(offsets[-1]) + 1}, outcomes=(rows,))

    def _times(self, numbers: I64) -> I64:
        times: I64 = START_US + (numbers * self._step_us).astype(np.int64)
        return times


def measure(held: int, n_batches: int, home: Path) -> dict[str, float]:
    """Fill, churn, reopen; CPU microseconds a pair, MiB and seconds."""
    made = layout()
    plan = ModelPlan(made, DAY_US)
    width = row_dtype(made).itemsize
    before = resident_mib()
    store = LmdbJoinStore.open(home, width)
    pipeline = PartitionPipeline(0, store, [plan])
    stream = Stream(made, held)
    to_fill = round(held * plan.keep_us / DAY_US)  # from here on as many expire as come
    started = time.process_time()
    while stream.n_predicted < to_fill:
        pipeline.process(stream.predictions())
        if stream.n_predicted // BATCH % BATCHES_PER_CHECKPOINT == 0:
            pipeline.checkpoint()
    pipeline.checkpoint()
    fill_us = (time.process_time() - started) / stream.n_predicted * 1e6
    joined_before = pipeline.n_joined
    cpu, wall = time.process_time(), time.perf_counter()
    for turn in range(n_batches):
        pipeline.process(stream.predictions())
        pipeline.process(stream.outcomes(turn))
        if turn % BATCHES_PER_CHECKPOINT == BATCHES_PER_CHECKPOINT - 1:
            pipeline.checkpoint()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    n_pairs = n_batches * BATCH
    peak = resident_mib()
    n_rows, n_joined = len(store), pipeline.n_joined - joined_before
    if n_joined != n_pairs:
        raise SystemExit(f"{n_joined} pairs were joined, not {n_pairs}")
    store.close()
    started = time.perf_counter()
    store = LmdbJoinStore.open(home, width)
    PartitionPipeline(0, store, [plan])
    reopen = time.perf_counter() - started
    store.close()
    return {
        "rows": n_rows,
        "joined": n_joined,
        "fill_us": fill_us,
        "pair_us": cpu / n_pairs * 1e6,
        "pair_wall_us": wall / n_pairs * 1e6,
        "anonymous_mib": peak["RssAnon"] - before["RssAnon"],
        "own_mib": peak["RssAnon"],
        "disk_mib": sum(file.stat().st_blocks * 512 for file in home.iterdir()) / MIB,
        "reopen_seconds": reopen,
    }


def _child(held: int, n_batches: int, directory: Path | None) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.pending", "--child", str(held), str(n_batches)]
    if directory is not None:
        command += ["--directory", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{held} held: {done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> int:
    """Measure each size in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="up to a million held, one round of fewer batches")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--held", type=int, nargs="+", default=list(HELD))
    parser.add_argument("--directory", type=Path, help="where to put the stores (default: the temporary directory)")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        with tempfile.TemporaryDirectory(dir=chosen.directory) as home:
            held, n_batches = chosen.child
            print(json.dumps(measure(held, n_batches, Path(home))))
        return 0
    sizes = [held for held in chosen.held if not chosen.quick or held <= 1_000_000]
    n_batches, rounds = (50, 1) if chosen.quick else (100, chosen.rounds)
    taken: dict[int, list[dict[str, float]]] = {held: [] for held in sizes}
    for _ in range(rounds):
        for held, results in taken.items():
            results.append(_child(held, n_batches, chosen.directory))
    print(f"pairs through one partition, {BATCH:,} a batch, 10 features, 100 slices; median of {rounds}")
    print(f"{'held':>12}{'us a pair':>11}{'(wall)':>9}{'rate':>7}{'own MiB':>9}{'disk MiB':>10}{'reopen s':>10}")
    first = 0.0
    for held, results in taken.items():
        at = {name: statistics.median(result[name] for result in results) for name in results[0]}
        first = first or at["pair_us"]
        print(
            f"{held:12,}{at['pair_us']:11.2f}{at['pair_wall_us']:9.2f}{first / at['pair_us']:7.2f}"
            f"{at['own_mib']:9.0f}{at['disk_mib']:10.0f}{at['reopen_seconds']:10.2f}"
        )
    wanted = f"{TARGET_RATIO:7.2f}{TARGET_MIB:9.0f}{'':10}{TARGET_REOPEN_SECONDS:10.2f}"
    print(f"{'target':>12}{'':20}{wanted}   (largest size)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
