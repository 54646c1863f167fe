"""Batches that cannot be read: asked for again, and passed over with a dead letter if they stay so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from kafka.structs import TopicPartition

from sentinel.events.batch import DeadLetter, EventBatch, Reason
from sentinel.events.codecs.messages import Role
from sentinel.ingest.records.damage import DamagedBatchError
from sentinel.logs import get_logger

log = get_logger(__name__)

ATTEMPTS: Final = 3
"""So often a batch is fetched before it is given up: what was damaged on its way heals, what is on a disk does not."""


class Damages:
    """Remembers what could not be read, by topic partition."""

    def __init__(self) -> None:
        self._met: dict[TopicPartition, tuple[int, int]] = {}

    def is_lasting(self, place: TopicPartition, first: int) -> bool:
        """Note that reading failed there once more; whether that was often enough to go on without it."""
        offset, n = self._met.get(place, (-1, 0))
        n = n + 1 if offset == first else 1
        self._met[place] = first, n
        return n >= ATTEMPTS


def passed_over(damage: DamagedBatchError, role: Role, stop: int, *, outcomes_behind: bool) -> EventBatch:
    """What is delivered in the place of a batch that cannot be read: one dead letter, and the position after it.

    Parameters
    ----------
    damage : DamagedBatchError
    role : 'prediction' or 'outcome'
        What its topic holds.
    stop : int
        The offset at which reading goes on.
    outcomes_behind : bool
        See `sentinel.events.batch.EventBatch`.
    """
    place, n_offsets = damage.place, stop - damage.first
    log.error(
        "batch_damaged",
        topic=place.topic,
        partition=place.partition,
        offset=damage.first,
        offsets=n_offsets,
        reason=damage.reason,
        hint="these messages are passed over and not counted: look at the disk of the broker that leads the partition",
    )
    detail = f"{n_offsets} offsets from {damage.first} on cannot be read: {damage.reason}"
    letter = DeadLetter(Reason.DAMAGED_BATCH, detail, place.topic, place.partition, damage.first, b"", role)
    return EventBatch(place.partition, {place.topic: stop}, dead_letters=(letter,), outcomes_behind=outcomes_behind)


def with_passed(batches: Iterable[EventBatch], passed: Iterable[EventBatch]) -> list[EventBatch]:
    """Batches of events together with what was passed over meanwhile: one a partition, in order."""
    found = {batch.partition: batch for batch in batches}
    for one in passed:
        into = found.get(one.partition, one)
        positions = {topic: max(offset, into.positions.get(topic, offset)) for topic, offset in one.positions.items()}
        letters = one.dead_letters if into is one else (*into.dead_letters, *one.dead_letters)
        found[one.partition] = replace(into, positions={**into.positions, **positions}, dead_letters=letters)
    return [found[partition] for partition in sorted(found)]
