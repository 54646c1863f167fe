"""What counting costs an event: predictions and outcomes through one partition, join store included.

Run with `python -m benchmarks.pipeline_cost [--quick] [--profile]`. Ten features in five pairs, five
slice columns of twenty values beside the built-in ones;
each prediction is looked up among a million training rows and as many entities.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sentinel.events.batch import EventBatch, Origin, Outcomes, Predictions
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.summaries.bloom import BloomFilter
from sentinel.summaries.layout import OF_SCORE, FeatureBins, FeaturePair, Layout, SliceColumn
from sentinel.summaries.rows import row_dtype
from sentinel.summaries.trained import TrainedOn

N_FEATURES, N_SLICES, N_VALUES, N_BINS = 10, 5, 20, 20
N_SCORE_BINS = 200
N_PAIRS = 5
QUARTERS = ((4, 9), (9, 14), (14, 19), (19, 24))
N_TRAINED = 1_000_000
HOUR_US = 3_600_000_000
START_US = 1_795_694_400_000_000
BATCHES_PER_CHECKPOINT = 10


def layout() -> Layout:
    """What a middling model is counted by."""
    values = tuple(f"v{i}" for i in range(N_VALUES))
    names = [f"c{i}" for i in range(N_SLICES)]
    edges = tuple(np.linspace(0.0, 1.0, N_SCORE_BINS + 1)[1:-1].tolist())
    feature_edges = tuple(np.linspace(-3.0, 3.0, N_BINS + 1).tolist())
    return Layout(
        model="bench",
        version="1",
        task="binary",
        columns=(
            *((f"n{i}", "numeric", ()) for i in range(N_FEATURES)),
            *((name, "categorical", values) for name in names),
        ),
        features=tuple(FeatureBins(name=f"n{i}", kind="numeric", edges=feature_edges) for i in range(N_FEATURES)),
        slices=(
            *(SliceColumn(name=name, columns=(name,), values=values) for name in names),
            SliceColumn(name="@predicted_class", columns=(OF_SCORE,), values=("negative", "positive"), edges=(0.5,)),
            SliceColumn(name="@score_band", columns=(OF_SCORE,), values=tuple("12345"), edges=(0.2, 0.4, 0.6, 0.8)),
        ),
        score_edges=edges,
        slice_score_edges=edges[9::10],
        threshold=0.5,
        pairs=tuple(FeaturePair(features=(i, (i + 1) % N_FEATURES), groups=(QUARTERS,) * 2) for i in range(N_PAIRS)),
    )


def batches(
    made: Layout, rng: np.random.Generator, n: int, size: int, n_panes: int = 1
) -> tuple[list[EventBatch], list[EventBatch]]:
    """Predictions, and their outcomes an hour later, in batches that touch so many panes each."""
    predicted, happened = [], []
    for start in range(0, n, size):
        keys = rng.integers(0, 2**64 - 1, size, np.uint64)
        times = START_US + rng.integers(0, n_panes * HOUR_US, size)
        offsets = np.arange(start, start + size)
        scores = rng.random(size)
        predictions = Predictions(
            made.schema,
            keys,
            times,
            scores,
            rng.integers(1, 10_000, size, np.uint64),
            rng.normal(size=(N_FEATURES, size)),
            rng.integers(0, N_VALUES, (N_SLICES, size)).astype(np.int32),
            Origin("predictions", 0, offsets),
        )
        outcomes = Outcomes(
            "bench", keys, times + HOUR_US, (rng.random(size) < scores).astype(float), Origin("outcomes", 0, offsets)
        )
        predicted.append(EventBatch(0, {"predictions": start + size}, predictions=(predictions,)))
        happened.append(EventBatch(0, {"outcomes": start + size}, outcomes=(outcomes,)))
    return predicted, happened


def trained_on(rng: np.random.Generator) -> TrainedOn:
    """Filters of training rows that hold none of the rows and two thirds of the entities."""
    rows, entities = BloomFilter.sized_for(N_TRAINED, 1), BloomFilter.sized_for(N_TRAINED, 2)
    rows.add(rng.integers(0, 2**64 - 1, N_TRAINED, np.uint64))
    entities.add(rng.integers(0, 1_000_000, N_TRAINED).astype(np.uint64))
    return TrainedOn(rows, entities)


def cost_us(pipeline: PartitionPipeline, events: Sequence[EventBatch]) -> tuple[float, float]:
    """CPU microseconds an event of counting, and of checkpoints."""
    counting = saving = 0.0
    for number, batch in enumerate(events, 1):
        started = time.process_time()
        pipeline.process(batch)
        counting += time.process_time() - started
        if number % BATCHES_PER_CHECKPOINT == 0:
            started = time.process_time()
            pipeline.checkpoint()
            saving += time.process_time() - started
    n_events = sum(map(len, events))
    return counting / n_events * 1e6, saving / n_events * 1e6


def main() -> None:
    """Print one line a store and batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 events instead of 500,000")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    options = parser.parse_args()
    n = 100_000 if options.quick else 500_000
    made = layout()
    plan = ModelPlan(made, 24 * 14 * HOUR_US, trained_on=trained_on(np.random.default_rng(2)))
    width = row_dtype(made).itemsize
    warm_up = PartitionPipeline(0, MemoryJoinStore(width), [plan])
    for events in batches(made, np.random.default_rng(0), 2_000, 2_000):
        cost_us(warm_up, events)
    print(f"{n:,} events of each kind, rows of {width} bytes; CPU us an event (+ checkpoint every 10 batches)")
    for size, n_panes in ((2_000, 1), (10_000, 1), (2_000, 20), (2_000, 200)):
        for name in ("memory", "lmdb"):
            with tempfile.TemporaryDirectory() as directory:
                store: JoinStore = MemoryJoinStore(width)
                if name == "lmdb":
                    store = LmdbJoinStore.open(Path(directory), width, fsync=False)
                pipeline = PartitionPipeline(0, store, [plan])
                predicted, happened = batches(made, np.random.default_rng(1), n, size, n_panes)
                profile = cProfile.Profile()
                if options.profile:
                    profile.enable()
                p, p_saved = cost_us(pipeline, predicted)
                o, o_saved = cost_us(pipeline, happened)
                profile.disable()
                line = f"predictions {p:.2f} (+{p_saved:.2f})  outcomes {o:.2f} (+{o_saved:.2f})"
                print(f"{name:6} batches of {size:6,} over {n_panes:3} panes: {line}")
                if options.profile:
                    pstats.Stats(profile).sort_stats("tottime").print_stats(18)
                store.close()


if __name__ == "__main__":
    main()
