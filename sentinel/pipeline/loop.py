"""The loop: poll, count, checkpoint, again. One thread runs it; everything it owns is touched by no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sentinel.clock import Clock
from sentinel.errors import StoreError
from sentinel.events.batch import DeadLetter
from sentinel.ingest.protocol import Source
from sentinel.logs import get_logger
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
    """What a partition shows to other threads, as of its last checkpoint; replaced whole, never changed."""

    series: Mapping[Key, PaneSeries]
    tally: Tally
    watermark: int | None
    pending: int
    store: StoreStatistics


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
        on_dead_letters: Callable[[Iterable[DeadLetter]], None] = lambda _: None,
        on_checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._open_store = open_store
        self._plans = plans
        self._clock = clock
        self._checkpoint_seconds = checkpoint_seconds
        self._on_dead_letters = on_dead_letters
        self._on_checkpoint = on_checkpoint
        self._stores: dict[int, JoinStore] = {}
        self._partitions: dict[int, PartitionPipeline] = {}
        self._dirty: set[int] = set()
        self._due = clock.monotonic() + checkpoint_seconds
        self._stop = threading.Event()
        self.status = LoopStatus(turned_at=clock.monotonic())

    def run(self) -> None:
        """Turn until :meth:`stop`, or until the source is exhausted; then checkpoint and release everything.

        Raises
        ------
        FatalError
            If a person has to act first. What was counted since the last checkpoint is read again after a restart.
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
        n_events = 0
        for batch in self._source.poll(poll_seconds):
            partition = self._partitions.get(batch.partition)
            if partition is None:
                continue
            self._dirty.add(batch.partition)
            refused = partition.process(batch)
            if refused:
                self._on_dead_letters(refused)
            n_events += len(batch)
        if self._clock.monotonic() >= self._due:
            self._try_checkpoint()
        self.status.turned_at = self._clock.monotonic()
        self.status.turns += 1
        return n_events

    def checkpoint(self) -> None:
        """Make all partitions durable, then tell the source."""
        positions = {}
        for number in sorted(self._dirty):
            positions[number] = self._save(number)
        self._dirty.clear()
        self._due = self._clock.monotonic() + self._checkpoint_seconds
        self.status.checkpoint_success_us = self._clock.now_us()
        if positions:
            self._source.commit(positions)
        self._on_checkpoint()

    def _try_checkpoint(self) -> None:
        """A failed checkpoint (disk full) is loud and tried again; counting goes on in memory meanwhile."""
        try:
            self.checkpoint()
        except StoreError as error:
            self.status.checkpoint_failures += 1
            self._due = self._clock.monotonic() + RETRY_SECONDS
            log.error("checkpoint_failed", error=str(error), retry_seconds=RETRY_SECONDS)

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
        )
        self.status.views = {**self.status.views, number: view}

    def _follow_assignment(self) -> None:
        changes = self._source.take_changes()
        if not changes:
            return
        self._release(sorted(changes.lost))
        held = [number for number in sorted(changes.revoked) if number in self._partitions]
        for number in held:
            self._save(number)
        self._release(held)
        gone = changes.lost | changes.revoked
        self.status.views = {number: view for number, view in self.status.views.items() if number not in gone}
        for number in sorted(changes.gained):
            self._gain(number)

    def _gain(self, number: int) -> None:
        if number in self._partitions:
            self._release([number])
        store = self._open_store(number)
        partition = PartitionPipeline(number, store, self._plans)
        self._stores[number], self._partitions[number] = store, partition
        self._show(number, partition.publish())
        self._source.start_at(number, partition.positions)
        log.info("partition_opened", partition=number, rows=len(store), positions=str(partition.positions))

    def _release(self, numbers: Iterable[int]) -> None:
        for number in list(numbers):
            self._partitions.pop(number, None)
            self._dirty.discard(number)
            store = self._stores.pop(number, None)
            if store is not None:
                store.close()
                log.info("partition_closed", partition=number)

    def loop_age_seconds(self) -> float:
        """Seconds since the loop last turned: what liveness is judged by."""
        return self._clock.monotonic() - self.status.turned_at
