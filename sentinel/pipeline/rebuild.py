"""Rebuilds what a partition's owner kept beside its counts, by reading the log again without counting.

The counts come from the ledger. What waits in the store (predictions until their outcome is final, outcomes ahead of
their prediction) comes from the log: both topics are read from long enough ago up to exactly where the counts end, by
an ordinary pipeline in which nothing expires, and then its counts are thrown away for the ledger's.

The two topics are not read side by side but in slices of log time, the predictions of a slice before its outcomes. A
slice is no longer than the shortest grace, so an outcome that was on time meets its own prediction even where ids are
used again, however fast each topic is read. See docs/design/0012-ledger-and-takeover.md for what is promised.
"""

from __future__ import annotations

from collections.abc import Sequence

from sentinel.events.batch import EventBatch
from sentinel.ingest.protocol import LogSource
from sentinel.logs import get_logger
from sentinel.pipeline.handover import Held, adopt
from sentinel.pipeline.hold import NEVER
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.published import Progress
from sentinel.pipeline.store.protocol import JoinStore

log = get_logger(__name__)

N_KEEPS = 2
"""How many times the longest keep the log is read back: an outcome of the last may be of a prediction before it."""
MAX_SLICES = 48


class Rebuild:
    """One partition on its way from counts alone to counts with everything that waits.

    Parameters
    ----------
    partition : int
    store : JoinStore
        Empty.
    plans : sequence of ModelPlan
    held : Held
        The counts, and how far they reach.
    source : LogSource
    max_future_us : int, microseconds, >= 0
        How much earlier than its event a message may be stamped.
    """

    def __init__(
        self,
        partition: int,
        store: JoinStore,
        plans: Sequence[ModelPlan],
        held: Held,
        source: LogSource,
        max_future_us: int,
    ) -> None:
        self.missing_us = 0
        self.share = 0.0
        self._partition = partition
        self._store, self._plans, self._held, self._source = store, plans, held, source
        self._pipeline = PartitionPipeline(partition, store, plans, expire_until=lambda _: NEVER)
        self._ends = _slice_ends(held.progress, plans, max_future_us)
        self._told: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._at: dict[str, int] = {}
        self._legs: list[tuple[str, int]] = []
        self._reading = self._done = False

    def take(self, batch: EventBatch) -> None:
        """Put back what waits. Nothing of it is counted, and what it refuses was refused before.

        Raises
        ------
        StoreError
            If the store has no room.
        """
        self._pipeline.process(batch)

    def advance(self) -> bool:
        """Read on once the source has reached the end of a leg; call it after each poll.

        Returns
        -------
        bool
            Whether all of the log was read: then :meth:`finish`.

        Raises
        ------
        SourceError
            If the source cannot say where a slice ends; call again.
        """
        while not self._done and (not self._reading or self._source.reached(self._partition)):
            if not self._legs and not self._next_slice():
                self._done = True
                break
            if not self._legs:
                continue
            topic, end = self._legs.pop(0)
            start, self._at[topic] = dict(self._at), end
            self._source.start_at(self._partition, start, self._at)
            self._source.resume([self._partition])  # not before: it may stand beyond what is counted
            self._reading = True
        return self._done

    def finish(self) -> None:
        """Put the counts in place, and make all of it durable.

        Raises
        ------
        StoreError
            If the disk refuses; nothing of it is durable then.
        """
        adopt(self._store, self._held, self._pipeline, self._plans)

    def _next_slice(self) -> bool:
        """Plan the legs of the next slice that holds anything; False after the last."""
        if not self._ends:
            return False
        time_us = self._ends[0]
        goal = self._told
        if time_us is not None:
            found = self._source.offsets_at(self._partition, time_us)
            if not self._at:  # a topic of which the owner had read nothing ends where it begins
                told = self._held.progress.positions
                self._told = {topic: told.get(topic, at) for topic, at in found.positions.items()}
            goal = {topic: min(at, self._told[topic]) for topic, at in found.positions.items()}
            if not self._at:
                self._at, self._first, self.missing_us = dict(goal), dict(goal), found.missing_us
        del self._ends[0]
        self._legs = [(topic, goal[topic]) for topic in self._at if goal[topic] > self._at[topic]]
        self._tell()
        return True

    def _tell(self) -> None:
        goal = self._told
        total = sum(goal[topic] - at for topic, at in self._first.items())
        left = sum(goal[topic] - at for topic, at in self._at.items())
        self.share = 1.0 - left / total if total else 1.0
        log.info("rebuild_progress", partition=self._partition, share=round(self.share, 3), messages_left=left)


def _slice_ends(progress: Progress, plans: Sequence[ModelPlan], max_future_us: int) -> list[int | None]:
    """Where the replay starts, and the ends of its slices; the last, None, is where the counts end.

    What counts is up to when the owner had let rows go, which is less than the watermark while it was catching up.
    One that never let anything go has read nothing but what it still held: it is read again whole.
    """
    if progress.watermark == NEVER:
        return [0, None]
    longest = max(plan.keep_us for plan in plans)
    grace = min(plan.keep_us - plan.horizon_us for plan in plans)
    held_from = progress.watermark if progress.expired_until == NEVER else progress.expired_until
    first = held_from - N_KEEPS * longest - max_future_us
    span = progress.watermark - first
    n_slices = min(MAX_SLICES, -(-span // grace))
    ends = [first + span * i // n_slices for i in range(n_slices + 1)]
    return [0 if progress.expired_until == NEVER else first, *ends[1:], None]
