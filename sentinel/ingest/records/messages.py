"""Records as the messages that codecs take, and as the batch that is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sentinel.clock import Clock
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.decoded import assemble
from sentinel.events.codecs.messages import Messages, Role
from sentinel.events.codecs.protocol import Codec
from sentinel.ingest.records.columns import Columns

_US_PER_MS = 1_000


def messages_of(topic: str, partition: int, role: Role, records: Columns, clock: Clock) -> Messages:
    """The messages of one topic partition; received now where the topic carries no timestamps."""
    stamps = records.timestamps
    if len(stamps) and stamps.min() < 0:
        stamps = np.where(stamps < 0, clock.now_us() // _US_PER_MS, stamps)
    return Messages(
        topic=topic,
        partition=partition,
        role=role,
        offsets=records.offsets.tolist(),
        payloads=records.values,
        received_at=(stamps * _US_PER_MS).tolist(),
        keys=records.keys,
        headers=records.headers,
    )


def batch_of(
    partition: int,
    topics: Sequence[tuple[str, Role]],
    records: Mapping[str, Columns],
    codec: Codec,
    clock: Clock,
    *,
    outcomes_behind: bool,
) -> EventBatch:
    """Decode what was fetched of one partition.

    Parameters
    ----------
    partition : int
    topics : sequence of (str, Role)
        In the order in which their messages count.
    records : mapping from topic to Columns, none of them empty
    codec : Codec
    clock : Clock
        Stamps messages of topics that carry no timestamps.
    outcomes_behind : bool
        Whether outcomes are still unread.
    """
    known = [(topic, role, records[topic]) for topic, role in topics if topic in records]
    runs = [codec.decode(messages_of(topic, partition, role, some, clock)) for topic, role, some in known]
    positions = {topic: int(some.offsets[-1]) + 1 for topic, some in records.items()}
    logged = {role: some.timestamps for _, role, some in known if int(some.timestamps.min()) >= 0}
    newest_prediction = int(logged["prediction"].max()) * _US_PER_MS if "prediction" in logged else None
    oldest_outcome = int(logged["outcome"].min()) * _US_PER_MS if "outcome" in logged else None
    batch = assemble(partition, positions, runs, outcomes_behind=outcomes_behind)
    return replace(batch, predictions_logged_at=newest_prediction, outcomes_logged_at=oldest_outcome)
