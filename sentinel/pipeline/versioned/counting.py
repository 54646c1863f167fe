"""Counts one batch of one partition into its versioned store: whole or not at all, and once however often it is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import msgspec

from sentinel.errors import FatalError
from sentinel.events.batch import DeadLetter, EventBatch
from sentinel.pipeline.checkpoint import read_checkpoint
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.versioned.opened import Place, newest, open_newest, record_batch, snapshot_when_due
from sentinel.pipeline.versioned.outbox import OUTBOX, Outbox

BATCHES = "batches"
"""Under this name the positions of a partition hold how many batches it has counted, in place of offsets."""
Locate = Callable[[DeadLetter], DeadLetter]
"""Finds the message of a dead letter whose offset is only its place in the order of counting."""
MOST_LETTERS = 1_000
"""Dead letters that one batch of one partition hands on; all are counted."""
MOST_LETTER_BYTES = 4 << 20
"""Of whole messages among them; of the others the first bytes go along."""


@dataclass(frozen=True, slots=True)
class CountedBatch:
    """What became of one batch of one partition.

    ``repeated`` tells that it had been counted before and nothing was done; then the numbers of events are 0.
    """

    partition: int
    batch: int
    n_events: int
    n_refused: int
    repeated: bool
    cpu_seconds: float


def count_batch(
    place: Place,
    partition: int,
    batch: int,
    plans: Sequence[ModelPlan],
    events: Iterable[tuple[EventBatch, Locate]],
    *,
    outcomes_behind: bool,
) -> CountedBatch:
    """Count a batch and write the next version; the same batch again finds it written and does nothing.

    Parameters
    ----------
    place : Place
    partition : int
    batch : int, >= 0
        Numbers grow from batch to batch, and a number always stands for the same events; some may be missing.
    plans : sequence of ModelPlan
    events : iterable of (EventBatch, Locate)
        In the order in which they count; read once, and not at all where the batch was counted before.
    outcomes_behind : bool
        Whether outcomes older than these predictions may still be unread, so nothing may expire at the end.

    Raises
    ------
    FatalError
        If later batches have been counted already: what numbers the batches has gone back.
    CorruptArtifactError, StoreError
        If the store cannot be read or written.
    """
    started = time.process_time()
    with open_newest(place) as (store, versions):
        done = newest(versions)
        if done > batch:
            raise FatalError(
                f"partition {partition} has counted batch {done}, and is given batch {batch}: the checkpoint of the "
                "query is older than the state beside it; restore both from one moment, or remove both"
            )
        if done == batch:
            return CountedBatch(partition, batch, 0, 0, repeated=True, cpu_seconds=time.process_time() - started)
        known = read_checkpoint(store, partition)
        with record_batch(place, store, versions, batch) as recorded:
            pipeline = PartitionPipeline(partition, recorded, plans)
            n_events, n_refused, letters = 0, 0, list[DeadLetter]()
            for each, locate in events:
                n_events += len(each)
                refused = pipeline.process(replace(each, outcomes_behind=True))
                n_refused += len(refused)
                letters.extend(map(locate, refused[: MOST_LETTERS - len(letters)]))
            letters = _bounded(letters)
            pipeline.process(EventBatch(partition, {BATCHES: batch + 1}, outcomes_behind=outcomes_behind))
            outbox = Outbox({} if known is None else known[0].widths, pipeline.n_pending, letters)
            recorded.put_state(OUTBOX, msgspec.msgpack.encode(outbox))
            pipeline.checkpoint()
        snapshot_when_due(place, store)
    return CountedBatch(
        partition, batch, n_events, n_refused, repeated=False, cpu_seconds=time.process_time() - started
    )


def _bounded(letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Leave whole messages out where they weigh too much."""
    sizes = accumulate(len(letter.payload or b"") for letter in letters)
    return [
        letter if weight <= MOST_LETTER_BYTES else replace(letter, payload=None)
        for letter, weight in zip(letters, sizes, strict=True)
    ]
