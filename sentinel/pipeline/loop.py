"""The loop: poll, count, checkpoint, again. One thread runs it; everything it owns is touched by no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from sentinel.clock import Clock
from sentinel.errors import FatalError, StoreError
from sentinel.events.batch import DeadLetter, EventBatch
from sentinel.ingest.ledger import Ledger
from sentinel.ingest.protocol import LogSource, Source
from sentinel.pipeline.loop_status import LoopStatus
from sentinel.pipeline.open_partitions import OpenPartitions
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.pipeline.takeovers import Takeovers

POLL_SECONDS = 0.5


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
        self._clock = clock
        self._checkpoint_seconds = checkpoint_seconds
        self._on_dead_letters = on_dead_letters
        self._on_checkpoint = on_checkpoint
        self._due = clock.monotonic() + checkpoint_seconds
        self._stop = threading.Event()
        self.status = LoopStatus(turned_at=clock.monotonic())
        self._partitions = OpenPartitions(
            source,
            open_store,
            plans,
            clock,
            self.status,
            expiry_hold_seconds=expiry_hold_seconds,
            before_checkpoint=before_checkpoint,
        )
        self._takeovers: Takeovers | None = None
        if ledger is not None:
            if not isinstance(source, LogSource):
                raise FatalError(f"the source {source.name} cannot be read again, which a ledger needs")
            self._takeovers = Takeovers(source, self._partitions, ledger, plans, clock, self.status, max_future_us)

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
        self._partitions.resume_due()
        if self._takeovers is not None:
            self._takeovers.claim_due()
        n_events = sum(self._count(batch) for batch in self._source.poll(poll_seconds))
        if self._takeovers is not None:
            self._takeovers.advance()
        if self._clock.monotonic() >= self._due:
            self._save()
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
        failure = self._save()
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Release every partition; what was not checkpointed is dropped. For callers of :meth:`turn`."""
        self._release(self._partitions.opened)

    @property
    def n_joined(self) -> int:
        """Predictions joined with their outcome, over all partitions held."""
        return sum(pipeline.n_joined for pipeline in self._partitions.started.values())

    def loop_age_seconds(self) -> float:
        """Seconds since the loop last turned: what liveness is judged by."""
        return self._clock.monotonic() - self.status.turned_at

    def _follow_assignment(self) -> None:
        changes = self._source.take_changes()
        if not changes:
            return
        self._release(sorted(changes.lost))
        self._publish(self._partitions.save_leaving(changes.revoked))
        gone = changes.lost | changes.revoked
        self._release(sorted(gone))
        self._partitions.hide(gone)
        for number in sorted(changes.gained):
            self._gain(number)

    def _gain(self, number: int) -> None:
        self._release([number])
        if self._takeovers is not None:
            self._takeovers.gain(number)
            return
        self._partitions.open(number)
        self._partitions.start(number)

    def _count(self, batch: EventBatch) -> int:
        if self._takeovers is not None and self._takeovers.take(batch):
            return len(batch)
        refused = self._partitions.process(batch)
        if refused is None:
            return 0
        if refused:
            self._on_dead_letters(refused)
        return len(batch)

    def _save(self) -> StoreError | None:
        positions, failure = self._partitions.save()
        self._due = self._clock.monotonic() + self._checkpoint_seconds
        if positions:
            self._source.commit(positions)
        if failure is None and not self._partitions.is_behind:
            self.status.checkpoint_success_us = self._clock.now_us()
        self._publish(positions)
        self._on_checkpoint()
        return failure

    def _publish(self, numbers: Iterable[int]) -> None:
        if self._takeovers is not None:
            self._takeovers.publish(numbers)

    def _release(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if self._takeovers is not None:
                self._takeovers.release(number)
            self._partitions.release(number)
