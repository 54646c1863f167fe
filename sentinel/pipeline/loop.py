"""The loop: poll, count, checkpoint, again. One thread runs it; everything it owns is touched by no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sentinel.clock import Clock
from sentinel.errors import StoreError
from sentinel.events.batch import DeadLetter, EventBatch
from sentinel.ingest.protocol import Source
from sentinel.logs import get_logger
from sentinel.pipeline.hold import ExpiryHold
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.protocol import JoinStore, StoreStatistics
from sentinel.pipeline.tally import Tally
from sentinel.summaries.panes import PaneSeries

log = get_logger(__name__)

POLL_SECONDS = 0.5
RETRY_SECONDS = 5.0
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PartitionView:
    """What a partition shows to other threads, as of its last checkpoint; replaced whole, never changed.

    ``expired_until`` is the prediction time up to which outcomes that were due have been read, ``joined_until`` the
    latest time of an outcome that counts.
    """

    series: Mapping[Key, PaneSeries]
    tally: Tally
    watermark: int | None
    pending: int
    store: StoreStatistics
    expired_until: int | None = None
    joined_until: int | None = None


@dataclass(slots=True)
class LoopStatus:
    """Where the loop stands; plain values that other threads may read at any time."""

    turned_at: float = 0.0
    turns: int = 0
    checkpoint_success_us: int | None = None
    checkpoint_failures: int = 0
    views: dict[int, PartitionView] = field(default_factory=dict)


class Loop:
    """Drives one Source through the partitions that it assigns.

    Parameters
    ----------
    source : Source
    open_store : callable
        Partition -> its JoinStore, opened.
    plans : sequence of ModelPlan
    clock : Clock
    checkpoint_seconds : float
        Time between checkpoints: what a crash has to read again.
    expiry_hold_seconds : float
        How long, as time passes here, a prediction is still kept when event time says that it may go: for outcomes
        that are being read from another topic at this moment. None is needed where both come in step, as from files.
    on_dead_letters : callable
        Takes what was refused; must not raise.
    on_checkpoint : callable, optional
        Called after each checkpoint, on the loop's thread.
    """

    def __init__(
        self,
        source: Source,
        open_store: Callable[[int], JoinStore],
        plans: Sequence[ModelPlan],
        clock: Clock,
        *,
        checkpoint_seconds: float = 5.0,
        expiry_hold_seconds: float = 0.0,
        on_dead_letters: Callable[[Iterable[DeadLetter]], None] = lambda _: None,
        on_checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._open_store = open_store
        self._plans = plans
        self._clock = clock
        self._checkpoint_seconds = checkpoint_seconds
        self._expiry_hold_seconds = expiry_hold_seconds
        self._on_dead_letters = on_dead_letters
        self._on_checkpoint = on_checkpoint
        self._stores: dict[int, JoinStore] = {}
        self._partitions: dict[int, PartitionPipeline] = {}
        self._dirty: set[int] = set()
        self._retry_at: dict[int, float] = {}
        self._due = clock.monotonic() + checkpoint_seconds
        self._stop = threading.Event()
        self.status = LoopStatus(turned_at=clock.monotonic())

    def run(self) -> None:
        """Turn until :meth:`stop`, or until the source is exhausted; then checkpoint and release everything.

        Raises
        ------
        FatalError
            If a person has to act first, or the last checkpoint failed. What was counted since the last good one is
            read again after a restart.
        """
        try:
            while not self._stop.is_set() and not self._source.exhausted():
                self.turn()
            self.checkpoint()
        finally:
            self._release(list(self._partitions))

    def stop(self) -> None:
        """Ask the loop to end after this turn. May be called from any thread, and more than once."""
        self._stop.set()

    def turn(self, poll_seconds: float = POLL_SECONDS) -> int:
        """One turn: follow the assignment, poll, count, checkpoint when due.

        Returns
        -------
        int, events processed
        """
        self._follow_assignment()
        self._resume_due()
        n_events = sum(self._count(batch) for batch in self._source.poll(poll_seconds))
        if self._clock.monotonic() >= self._due:
            self._save_all()
        self.status.turned_at = self._clock.monotonic()
        self.status.turns += 1
        return n_events

    def checkpoint(self) -> None:
        """Make all partitions durable, then tell the source.

        Raises
        ------
        StoreError
            If a store refused. The other partitions are durable; the refused ones are back at their last checkpoint.
        """
        failure = self._save_all()
        if failure is not None:
            raise failure

    def _count(self, batch: EventBatch) -> int:
        partition = self._partitions.get(batch.partition)
        if partition is None:
            return 0
        self._dirty.add(batch.partition)
        try:
            refused = partition.process(batch)
        except StoreError as error:
            self._go_back(batch.partition, error)
            return 0
        if refused:
            self._on_dead_letters(refused)
        return len(batch)

    def _save_all(self) -> StoreError | None:
        positions, failure = {}, None
        for number in sorted(self._dirty):
            try:
                positions[number] = self._save(number)
            except StoreError as error:
                self._go_back(number, error)
                failure = error
        self._dirty.clear()
        self._due = self._clock.monotonic() + self._checkpoint_seconds
        if positions:
            self._source.commit(positions)
        if failure is None and not self._retry_at:
            self.status.checkpoint_success_us = self._clock.now_us()
        self._on_checkpoint()
        return failure

    def close(self) -> None:
        """Release every partition; what was not checkpointed is dropped. For callers of :meth:`turn`."""
        self._release(list(self._partitions))

    @property
    def n_joined(self) -> int:
        """Predictions joined with their outcome, over all partitions held."""
        return sum(partition.n_joined for partition in self._partitions.values())

    def _go_back(self, number: int, error: StoreError) -> None:
        """Return a partition to its last checkpoint and read on from there after a while.

        A store that failed half way through a write cannot commit what is left of it, so what was counted since is
        dropped, and counted again from the log.
        """
        self._note_failure(number, error)
        store = self._stores[number]
        store.rollback()
        self._partitions[number] = partition = self._pipeline(number, store)
        self._dirty.discard(number)
        self._source.pause([number])
        self._source.start_at(number, partition.positions)
        self._retry_at[number] = self._clock.monotonic() + RETRY_SECONDS

    def _note_failure(self, number: int, error: StoreError) -> None:
        self.status.checkpoint_failures += 1
        log.error("checkpoint_failed", partition=number, error=str(error), retry_seconds=RETRY_SECONDS)

    def _resume_due(self) -> None:
        now = self._clock.monotonic()
        for number in [number for number, at in self._retry_at.items() if at <= now]:
            del self._retry_at[number]
            self._source.resume([number])

    def _save(self, number: int) -> dict[str, int]:
        partition = self._partitions[number]
        series = partition.checkpoint()
        self._show(number, series)
        return dict(partition.positions)

    def _show(self, number: int, series: Mapping[Key, PaneSeries]) -> None:
        partition = self._partitions[number]
        seen = partition.watermark > 0
        view = PartitionView(
            series=series,
            tally=Tally.from_bytes(partition.tally.to_bytes()),
            watermark=partition.watermark if seen else None,
            pending=partition.n_pending,
            store=self._stores[number].statistics(),
            expired_until=partition.expired_until if partition.expired_until > 0 else None,
            joined_until=partition.joined_until if partition.joined_until > 0 else None,
        )
        self.status.views = {**self.status.views, number: view}

    def _follow_assignment(self) -> None:
        changes = self._source.take_changes()
        if not changes:
            return
        self._release(sorted(changes.lost))
        held = [number for number in sorted(changes.revoked) if number in self._partitions]
        for number in held:
            try:
                self._save(number)
            except StoreError as error:  # its last checkpoint stays true; whoever owns it now reads on from its own
                self._note_failure(number, error)
        self._release(held)
        gone = changes.lost | changes.revoked
        self.status.views = {number: view for number, view in self.status.views.items() if number not in gone}
        for number in sorted(changes.gained):
            self._gain(number)

    def _gain(self, number: int) -> None:
        if number in self._partitions:
            self._release([number])
        store = self._open_store(number)
        partition = self._pipeline(number, store)
        self._stores[number], self._partitions[number] = store, partition
        self._show(number, partition.publish())
        self._source.start_at(number, partition.positions)
        log.info("partition_opened", partition=number, rows=len(store), positions=str(partition.positions))

    def _pipeline(self, number: int, store: JoinStore) -> PartitionPipeline:
        hold = ExpiryHold(self._expiry_hold_seconds, self._clock.monotonic)
        return PartitionPipeline(number, store, self._plans, hold)

    def _release(self, numbers: Iterable[int]) -> None:
        for number in list(numbers):
            self._partitions.pop(number, None)
            self._dirty.discard(number)
            if self._retry_at.pop(number, None) is not None:
                self._source.resume([number])
            store = self._stores.pop(number, None)
            if store is not None:
                store.close()
                log.info("partition_closed", partition=number)

    def loop_age_seconds(self) -> float:
        """Seconds since the loop last turned: what liveness is judged by."""
        return self._clock.monotonic() - self.status.turned_at
