"""Records as the messages that codecs take."""

from __future__ import annotations

import numpy as np

from sentinel.clock import Clock
from sentinel.events.codecs.messages import Messages, Role
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
