"""The loop: poll, count, checkpoint, again. One thread runs it; everything it owns is touched by no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sentinel.clock import MICROSECONDS_PER_SECOND, Clock
from sentinel.errors import FatalError, RecoverableError, SourceError, StoreError
from sentinel.events.batch import DeadLetter, EventBatch
from sentinel.ingest.ledger import FencedError, Ledger, LedgerError
from sentinel.ingest.protocol import LogSource, Source
from sentinel.logs import get_logger
from sentinel.pipeline.checkpoint import read_checkpoint
from sentinel.pipeline.counted import Counted
from sentinel.pipeline.handover import Held, covers, wipe
from sentinel.pipeline.hold import ExpiryHold
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.publisher import Publisher
from sentinel.pipeline.rebuild import Rebuild
from sentinel.pipeline.store.protocol import JoinStore, StoreStatistics
from sentinel.pipeline.tally import Tally
from sentinel.summaries.panes import PaneSeries

log = get_logger(__name__)

POLL_SECONDS = 0.5
RETRY_SECONDS = 5.0
CLAIM_SECONDS = 2.0
"""After so long in one turn, further partitions are claimed in the next: the loop goes on polling."""
FENCED_SECONDS = 30.0
"""A member that was fenced and still has the partition after so long is its owner: one that was silent for too long
has been told by its group before that."""
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
    ledger_success_us: int | None = None
    ledger_failures: int = 0
    fenced: int = 0
    rebuilds: int = 0
    rebuilds_short: int = 0
    rebuilding: dict[int, float] = field(default_factory=dict)
    """Partitions that are being rebuilt from the log, and the share of it that was read."""
    views: dict[int, PartitionView] = field(default_factory=dict)
    counted: Counted = field(default_factory=Counted)
    """What this loop counted itself, up to the last checkpoints; what it took over from others is not in it."""


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
    before_checkpoint : callable, optional
        Called before anything is made durable, on the loop's thread; must not raise, and blocks for a bounded time.
    on_checkpoint : callable, optional
        Called after each checkpoint, on the loop's thread.
    ledger : Ledger, optional
        Where each checkpoint is published, and where the counts of a partition come from that another member had
        before. Closed by the caller, after the loop has ended.
    max_future_us : int, microseconds, >= 0
        How much earlier than its event a message may be stamped, that of a request than its response among them: how
        far the log is read back depends on it.

    Raises
    ------
    FatalError
        If there is a ledger, and the source cannot read its messages again.
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
        before_checkpoint: Callable[[], None] = lambda: None,
        on_checkpoint: Callable[[], None] = lambda: None,
        ledger: Ledger | None = None,
        max_future_us: int = 0,
    ) -> None:
        self._source = source
        self._open_store = open_store
        self._plans = plans
        self._clock = clock
        self._checkpoint_seconds = checkpoint_seconds
        self._expiry_hold_seconds = expiry_hold_seconds
        self._on_dead_letters = on_dead_letters
        self._before_checkpoint = before_checkpoint
        self._on_checkpoint = on_checkpoint
        self._stores: dict[int, JoinStore] = {}
        self._partitions: dict[int, PartitionPipeline] = {}
        self._dirty: set[int] = set()
        self._retry_at: dict[int, float] = {}
        self._due = clock.monotonic() + checkpoint_seconds
        self._stop = threading.Event()
        self.status = LoopStatus(turned_at=clock.monotonic())
        self._max_future_us = max_future_us
        self._log: LogSource | None = None
        self._publisher: Publisher | None = None
        self._claim_at: dict[int, float] = {}
        self._rebuilds: dict[int, Rebuild] = {}
        if ledger is not None:
            if not isinstance(source, LogSource):
                raise FatalError(f"the source {source.name} cannot be read again, which a ledger needs")
            self._log, self._publisher = source, Publisher(ledger, clock)

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
            self.close()

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
        self._claim_due()
        n_events = sum(self._count(batch) for batch in self._source.poll(poll_seconds))
        self._advance_rebuilds()
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
        if batch.partition in self._rebuilds:
            return self._put_back(batch)
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
        self._publish(self._partitions.keys() & positions.keys())
        self._on_checkpoint()
        return failure

    def close(self) -> None:
        """Release every partition; what was not checkpointed is dropped. For callers of :meth:`turn`."""
        self._release([*self._partitions, *self._rebuilds])

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
        self._before_checkpoint()
        partition = self._partitions[number]
        series = partition.checkpoint()
        self.status.counted.add(number, partition.tally)
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
                self._dirty.discard(number)
            except StoreError as error:  # its last checkpoint stays true; whoever owns it now reads on from its own
                self._dirty.add(number)
                self._note_failure(number, error)
        self._publish(held)
        gone = changes.lost | changes.revoked
        self._release(sorted(gone))
        self.status.views = {number: view for number, view in self.status.views.items() if number not in gone}
        for number in sorted(changes.gained):
            self._gain(number)

    def _gain(self, number: int) -> None:
        self._release([number])
        if self._publisher is None:
            self._open(number, self._open_store(number))
        else:
            self._claim_at[number] = self._clock.monotonic()

    def _open(self, number: int, store: JoinStore) -> None:
        partition = self._pipeline(number, store)
        self._stores[number], self._partitions[number] = store, partition
        self.status.counted.begin(number, partition.tally)
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
            self._claim_at.pop(number, None)
            if self._rebuilds.pop(number, None) is not None:
                self._show_rebuilds()
            if self._publisher is not None:
                self._publisher.release(number)
            if self._retry_at.pop(number, None) is not None:
                self._source.resume([number])
            store = self._stores.pop(number, None)
            if store is not None:
                store.close()
                log.info("partition_closed", partition=number)

    # -- the ledger

    def _claim_due(self) -> None:
        """Claim what was gained, as much as a turn allows; one that fails leaves the others to a later turn."""
        now = self._clock.monotonic()
        assigned = self._source.assigned()
        self._claim_at = {number: at for number, at in self._claim_at.items() if number in assigned}
        for number in sorted(number for number, at in self._claim_at.items() if at <= now):
            del self._claim_at[number]
            try:
                self._take_over(number)
            except RecoverableError as error:
                self._note_ledger_failure(number, error)
                self._release([number])
                self._claim_at[number] = self._clock.monotonic() + RETRY_SECONDS
                return
            except StoreError as error:
                if number not in self._stores:  # it cannot be opened, which a person has to mend
                    raise
                self._rebuild_later(number, error)
                return
            if self._clock.monotonic() - now > CLAIM_SECONDS:
                return

    def _take_over(self, number: int) -> None:
        """Go on from the local store, or from the ledger where that is ahead.

        Raises
        ------
        LedgerError, FencedError
            If the ledger does not let us; the partition is not open then.
        """
        if self._publisher is None:
            return
        held = self._publisher.claim(number)
        store = self._open_store(number)
        self._stores[number] = store
        stored = read_checkpoint(store, number)
        positions = {} if stored is None else stored[0].positions
        if held is not None and (stored is None or not covers(positions, held.progress.positions)):
            self._rebuild(number, store, held, positions)
            return
        if stored is None and len(store):
            wipe(store)
        self._source.resume([number])
        self._open(number, store)
        self._dirty.add(number)  # published with the next checkpoint, whether or not anything comes

    def _rebuild(self, number: int, store: JoinStore, held: Held, positions: Mapping[str, int]) -> None:
        if self._log is None:
            return
        log.info(
            "partition_taken_over",
            partition=number,
            writer=held.progress.writer,
            positions=str(held.progress.positions),
            local=str(dict(positions)),
        )
        wipe(store)
        self._rebuilds[number] = Rebuild(number, store, self._plans, held, self._log, self._max_future_us)
        self._show_rebuilds()

    def _put_back(self, batch: EventBatch) -> int:
        try:
            self._rebuilds[batch.partition].take(batch)
        except StoreError as error:
            self._rebuild_later(batch.partition, error)
        return len(batch)

    def _advance_rebuilds(self) -> None:
        for number, rebuild in list(self._rebuilds.items()):
            try:
                if rebuild.advance():
                    self._finish(number, rebuild)
            except SourceError as error:
                log.warning("rebuild_waits", partition=number, error=str(error))
            except StoreError as error:
                self._rebuild_later(number, error)
            self._show_rebuilds()

    def _finish(self, number: int, rebuild: Rebuild) -> None:
        rebuild.finish()
        del self._rebuilds[number]
        self.status.rebuilds += 1
        if rebuild.missing_us:
            self.status.rebuilds_short += 1
            log.warning(
                "rebuild_short",
                partition=number,
                missing_seconds=rebuild.missing_us // MICROSECONDS_PER_SECOND,
                hint="the log no longer reaches back two outcome horizons: outcomes of the predictions that are "
                "missing will not be counted; keep the input topics longer (retention.ms)",
            )
        self._source.resume([number])
        self._open(number, self._stores[number])
        self._dirty.add(number)

    def _rebuild_later(self, number: int, error: StoreError) -> None:
        """Begin a rebuild anew after a while."""
        self._note_failure(number, error)
        self._release([number])
        self._source.pause([number])
        self._claim_at[number] = self._clock.monotonic() + RETRY_SECONDS

    def _show_rebuilds(self) -> None:
        self.status.rebuilding = {number: rebuild.share for number, rebuild in self._rebuilds.items()}

    def _publish(self, numbers: Iterable[int]) -> None:
        """Bring the ledger up to the last checkpoint of these, and of those that it did not take before."""
        if self._publisher is None:
            return
        self._publisher.note(numbers)
        # Positions and tally are those of now: where events came after the checkpoint they say more than its panes.
        due = [number for number in self._publisher.due() if number not in self._dirty]
        for number in due:
            try:
                view = self.status.views[number]
                self._publisher.publish(number, self._partitions[number], view.series)
            except FencedError as error:
                if number in self._source.assigned():
                    self._drop_fenced(number, error)
                else:  # on its way out, and the next owner was faster: it reads on from what the ledger had before
                    self._release([number])
            except LedgerError as error:
                self._note_ledger_failure(number, error)
                return
        if due and not self._publisher.behind:
            self.status.ledger_success_us = self._clock.now_us()

    def _drop_fenced(self, number: int, error: FencedError) -> None:
        """Let go of a partition that another member has claimed; if it is still ours after a while, claim it back."""
        self.status.fenced += 1
        log.warning("partition_fenced", partition=number, error=str(error), retry_seconds=FENCED_SECONDS)
        self._release([number])
        self.status.views = {key: view for key, view in self.status.views.items() if key != number}
        self._source.pause([number])
        self._claim_at[number] = self._clock.monotonic() + FENCED_SECONDS

    def _note_ledger_failure(self, number: int, error: RecoverableError) -> None:
        self.status.ledger_failures += 1
        log.error("ledger_failed", partition=number, error=str(error))

    def loop_age_seconds(self) -> float:
        """Seconds since the loop last turned: what liveness is judged by."""
        return self._clock.monotonic() - self.status.turned_at
