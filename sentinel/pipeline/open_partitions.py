"""The partitions that a loop holds open: a store and a pipeline each, counted into, committed, and set back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sentinel.clock import Clock
from sentinel.errors import StoreError
from sentinel.events.batch import DeadLetter, EventBatch
from sentinel.ingest.protocol import Source
from sentinel.logs import get_logger
from sentinel.pipeline.hold import ExpiryHold
from sentinel.pipeline.loop_status import Key, LoopStatus, PartitionView
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.pipeline.tally import Tally
from sentinel.summaries.panes import PaneSeries

log = get_logger(__name__)

RETRY_SECONDS = 5.0
"""After a store that refused, its partition stands still for so long."""


class OpenPartitions:
    """Owned by the loop, and touched by its thread alone.

    A partition is *opened* with its store, then *started*: from there on events are counted into it.

    Parameters
    ----------
    source : Source
        Told where to read on, and to hold back a partition whose store refused.
    open_store : callable
        Partition -> its JoinStore, opened.
    plans : sequence of ModelPlan
    clock : Clock
    status : LoopStatus
        What is shown to others.
    expiry_hold_seconds : float, >= 0
        As of :class:`~sentinel.pipeline.loop.Loop`.
    before_checkpoint : callable
        Likewise.
    """

    def __init__(
        self,
        source: Source,
        open_store: Callable[[int], JoinStore],
        plans: Sequence[ModelPlan],
        clock: Clock,
        status: LoopStatus,
        *,
        expiry_hold_seconds: float,
        before_checkpoint: Callable[[], None],
    ) -> None:
        self._source = source
        self._open_store = open_store
        self._plans = plans
        self._clock = clock
        self._status = status
        self._expiry_hold_seconds = expiry_hold_seconds
        self._before_checkpoint = before_checkpoint
        self._stores: dict[int, JoinStore] = {}
        self._started: dict[int, PartitionPipeline] = {}
        self._dirty: set[int] = set()
        self._retry_at: dict[int, float] = {}

    @property
    def opened(self) -> list[int]:
        """All whose store is open."""
        return list(self._stores)

    @property
    def started(self) -> Mapping[int, PartitionPipeline]:
        """Those that are counted into."""
        return self._started

    @property
    def is_behind(self) -> bool:
        """Whether one of them waits, set back to its last checkpoint, because its store refused."""
        return bool(self._retry_at)

    def open(self, number: int) -> JoinStore:
        """Open the store of a partition.

        Raises
        ------
        StoreError, CorruptArtifactError
            If it cannot be opened; then it is not one of ours.
        """
        self._stores[number] = store = self._open_store(number)
        return store

    def start(self, number: int) -> None:
        """Count into an opened partition from where its checkpoint ends, and show what it holds."""
        store = self._stores[number]
        self._started[number] = pipeline = self._pipeline(number, store)
        self._status.counted.begin(number, pipeline.tally)
        self._show(number, pipeline.publish())
        self._source.start_at(number, pipeline.positions)
        log.info("partition_opened", partition=number, rows=len(store), positions=str(pipeline.positions))

    def process(self, batch: EventBatch) -> list[DeadLetter] | None:
        """Count a batch; None where its partition is not started, or was set back because its store refused."""
        pipeline = self._started.get(batch.partition)
        if pipeline is None:
            return None
        self._dirty.add(batch.partition)
        try:
            return pipeline.process(batch)
        except StoreError as error:
            self._set_back(batch.partition, error)
            return None

    # -- checkpoints

    def touch(self, number: int) -> None:
        """Have the next checkpoint commit a partition whether or not anything comes."""
        self._dirty.add(number)

    def is_dirty(self, number: int) -> bool:
        """Whether more was counted than the last checkpoint covers."""
        return number in self._dirty

    def save(self) -> tuple[dict[int, dict[str, int]], StoreError | None]:
        """Commit all that are dirty, each for itself.

        Returns
        -------
        positions : dict of partition to positions
            Of those that are durable now.
        failure : StoreError or None
            Of one whose store refused; it is set back to its last checkpoint.
        """
        positions, failure = {}, None
        for number in sorted(self._dirty):
            try:
                positions[number] = self._commit(number)
            except StoreError as error:
                self._set_back(number, error)
                failure = error
        self._dirty.clear()
        return positions, failure

    def save_leaving(self, numbers: Iterable[int]) -> list[int]:
        """Commit partitions that were taken from us, before they are released; returns those that were ours."""
        leaving = [number for number in sorted(numbers) if number in self._started]
        for number in leaving:
            try:
                self._commit(number)
                self._dirty.discard(number)
            except StoreError as error:  # its last checkpoint stays true; whoever owns it now reads on from its own
                self._dirty.add(number)
                self.note_failure(number, error)
        return leaving

    def resume_due(self) -> None:
        """Read on where a store refused, once enough time has passed."""
        now = self._clock.monotonic()
        for number in [number for number, at in self._retry_at.items() if at <= now]:
            del self._retry_at[number]
            self._source.resume([number])

    def note_failure(self, number: int, error: StoreError) -> None:
        """Count and log that a store refused."""
        self._status.checkpoint_failures += 1
        log.error("checkpoint_failed", partition=number, error=str(error), retry_seconds=RETRY_SECONDS)

    # -- letting go

    def release(self, number: int) -> None:
        """Close a partition; what was not committed is dropped. One that is not open is ignored."""
        self._started.pop(number, None)
        self._dirty.discard(number)
        if self._retry_at.pop(number, None) is not None:
            self._source.resume([number])
        store = self._stores.pop(number, None)
        if store is not None:
            store.close()
            log.info("partition_closed", partition=number)

    def hide(self, numbers: Iterable[int]) -> None:
        """Show partitions no more: somebody else's counts are the truth."""
        gone = set(numbers)
        self._status.views = {number: view for number, view in self._status.views.items() if number not in gone}

    def _set_back(self, number: int, error: StoreError) -> None:
        """Return a partition to its last checkpoint and read on from there after a while.

        A store that failed half way through a write cannot commit what is left of it, so what was counted since is
        dropped, and counted again from the log.
        """
        self.note_failure(number, error)
        store = self._stores[number]
        store.rollback()
        self._started[number] = pipeline = self._pipeline(number, store)
        self._dirty.discard(number)
        self._source.pause([number])
        self._source.start_at(number, pipeline.positions)
        self._retry_at[number] = self._clock.monotonic() + RETRY_SECONDS

    def _commit(self, number: int) -> dict[str, int]:
        self._before_checkpoint()
        pipeline = self._started[number]
        series = pipeline.checkpoint()
        self._status.counted.add(number, pipeline.tally)
        self._show(number, series)
        return dict(pipeline.positions)

    def _show(self, number: int, series: Mapping[Key, PaneSeries]) -> None:
        pipeline = self._started[number]
        view = PartitionView(
            series=series,
            tally=Tally.from_bytes(pipeline.tally.to_bytes()),
            watermark=_moment(pipeline.watermark),
            pending=pipeline.n_pending,
            store=self._stores[number].statistics(),
            expired_until=_moment(pipeline.expired_until),
            joined_until=_moment(pipeline.joined_until),
        )
        self._status.views = {**self._status.views, number: view}

    def _pipeline(self, number: int, store: JoinStore) -> PartitionPipeline:
        hold = ExpiryHold(self._expiry_hold_seconds, self._clock.monotonic)
        return PartitionPipeline(number, store, self._plans, hold)


def _moment(at_us: int) -> int | None:
    """A moment as views show it: None before the first event."""
    return at_us if at_us > 0 else None
