"""Partitions with a ledger: claimed when they are gained, rebuilt where another member is ahead, and published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sentinel.clock import MICROSECONDS_PER_SECOND, Clock
from sentinel.errors import RecoverableError, SourceError, StoreError
from sentinel.events.batch import EventBatch
from sentinel.ingest.ledger import FencedError, Ledger, LedgerError
from sentinel.ingest.protocol import LogSource
from sentinel.logs import get_logger
from sentinel.pipeline.checkpoint import read_checkpoint
from sentinel.pipeline.handover import Held, covers, wipe
from sentinel.pipeline.loop_status import LoopStatus
from sentinel.pipeline.open_partitions import RETRY_SECONDS, OpenPartitions
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.publisher import Publisher
from sentinel.pipeline.rebuild import Rebuild
from sentinel.pipeline.store.protocol import JoinStore

log = get_logger(__name__)

CLAIM_SECONDS = 2.0
"""After so long in one turn, further partitions are claimed in the next: the loop goes on polling."""
FENCED_SECONDS = 30.0
"""A member that was fenced and still has the partition after so long is its owner: one that was silent for too long
has been told by its group before that."""


class Takeovers:
    """What the loop does about its partitions where counts are kept in a ledger as well.

    Parameters
    ----------
    source : LogSource
    partitions : OpenPartitions
        The loop's.
    ledger : Ledger
    plans : sequence of ModelPlan
    clock : Clock
    status : LoopStatus
    max_future_us : int, microseconds, >= 0
        As of :class:`~sentinel.pipeline.loop.Loop`.
    """

    def __init__(
        self,
        source: LogSource,
        partitions: OpenPartitions,
        ledger: Ledger,
        plans: Sequence[ModelPlan],
        clock: Clock,
        status: LoopStatus,
        max_future_us: int,
    ) -> None:
        self._source = source
        self._partitions = partitions
        self._plans = plans
        self._clock = clock
        self._status = status
        self._max_future_us = max_future_us
        self._publisher = Publisher(ledger, clock)
        self._claim_at: dict[int, float] = {}
        self._rebuilds: dict[int, Rebuild] = {}

    # -- claiming

    def gain(self, number: int) -> None:
        """Have a partition claimed that the group gave us."""
        self._claim_at[number] = self._clock.monotonic()

    def claim_due(self) -> None:
        """Claim what was gained, as much as a turn allows; one that fails leaves the others to a later turn.

        Raises
        ------
        StoreError
            If a store cannot be opened, which a person has to mend.
        """
        now = self._clock.monotonic()
        assigned = self._source.assigned()
        self._claim_at = {number: at for number, at in self._claim_at.items() if number in assigned}
        for number in sorted(number for number, at in self._claim_at.items() if at <= now):
            del self._claim_at[number]
            try:
                self._claim(number)
            except RecoverableError as error:
                self._note_ledger_failure(number, error)
                self._release(number)
                self._claim_at[number] = self._clock.monotonic() + RETRY_SECONDS
                return
            except StoreError as error:
                if number not in self._partitions.opened:
                    raise
                self._rebuild_later(number, error)
                return
            if self._clock.monotonic() - now > CLAIM_SECONDS:
                return

    def release(self, number: int) -> None:
        """Write a partition no more, and rebuild it no further; its store is released by the caller."""
        self._claim_at.pop(number, None)
        if self._rebuilds.pop(number, None) is not None:
            self._show_rebuilds()
        self._publisher.release(number)

    def _claim(self, number: int) -> None:
        """Go on from the local store, or from the ledger where that is ahead.

        Raises
        ------
        LedgerError, FencedError
            If the ledger does not let us; the partition is not open then.
        """
        held = self._publisher.claim(number)
        store = self._partitions.open(number)
        stored = read_checkpoint(store, number)
        positions = {} if stored is None else stored[0].positions
        if held is not None and (stored is None or not covers(positions, held.progress.positions)):
            self._rebuild(number, store, held, positions)
            return
        if stored is None and len(store):
            wipe(store)
        self._start(number)

    def _start(self, number: int) -> None:
        self._source.resume([number])
        self._partitions.start(number)
        self._partitions.touch(number)  # published with the next checkpoint, whether or not anything comes

    # -- rebuilding

    def take(self, batch: EventBatch) -> bool:
        """Put back what waits; False where the batch is of a partition that is not being rebuilt."""
        rebuild = self._rebuilds.get(batch.partition)
        if rebuild is None:
            return False
        try:
            rebuild.take(batch)
        except StoreError as error:
            self._rebuild_later(batch.partition, error)
        return True

    def advance(self) -> None:
        """Let each rebuild read on, and start those that are done; the loop calls it after each poll."""
        for number, rebuild in list(self._rebuilds.items()):
            try:
                if rebuild.advance():
                    self._finish(number, rebuild)
            except SourceError as error:
                log.warning("rebuild_waits", partition=number, error=str(error))
            except StoreError as error:
                self._rebuild_later(number, error)
            self._show_rebuilds()

    def _rebuild(self, number: int, store: JoinStore, held: Held, positions: Mapping[str, int]) -> None:
        log.info(
            "partition_taken_over",
            partition=number,
            writer=held.progress.writer,
            positions=str(held.progress.positions),
            local=str(dict(positions)),
        )
        wipe(store)
        self._rebuilds[number] = Rebuild(number, store, self._plans, held, self._source, self._max_future_us)
        self._show_rebuilds()

    def _finish(self, number: int, rebuild: Rebuild) -> None:
        rebuild.finish()
        del self._rebuilds[number]
        self._status.rebuilds += 1
        if rebuild.missing_us:
            self._status.rebuilds_short += 1
            log.warning(
                "rebuild_short",
                partition=number,
                missing_seconds=rebuild.missing_us // MICROSECONDS_PER_SECOND,
                hint="the log no longer reaches back two outcome horizons: outcomes of the predictions that are "
                "missing will not be counted; keep the input topics longer (retention.ms)",
            )
        self._start(number)

    def _rebuild_later(self, number: int, error: StoreError) -> None:
        """Begin a rebuild anew after a while."""
        self._partitions.note_failure(number, error)
        self._claim_again(number, RETRY_SECONDS)

    def _show_rebuilds(self) -> None:
        self._status.rebuilding = {number: rebuild.share for number, rebuild in self._rebuilds.items()}

    # -- publishing

    def publish(self, numbers: Iterable[int]) -> None:
        """Bring the ledger up to the last checkpoint of these, and of those that it did not take before."""
        self._publisher.note(numbers)
        # Positions and tally are those of now: where events came after the checkpoint they say more than its panes.
        due = [number for number in self._publisher.due() if not self._partitions.is_dirty(number)]
        for number in due:
            try:
                view = self._status.views[number]
                self._publisher.publish(number, self._partitions.started[number], view.series)
            except FencedError as error:
                if number in self._source.assigned():
                    self._drop_fenced(number, error)
                else:  # on its way out, and the next owner was faster: it reads on from what the ledger had before
                    self._release(number)
            except LedgerError as error:
                self._note_ledger_failure(number, error)
                return
        if due and not self._publisher.behind:
            self._status.ledger_success_us = self._clock.now_us()

    def _drop_fenced(self, number: int, error: FencedError) -> None:
        """Let go of a partition that another member has claimed; if it is still ours after a while, claim it back."""
        self._status.fenced += 1
        log.warning("partition_fenced", partition=number, error=str(error), retry_seconds=FENCED_SECONDS)
        self._partitions.hide([number])
        self._claim_again(number, FENCED_SECONDS)

    def _note_ledger_failure(self, number: int, error: RecoverableError) -> None:
        self._status.ledger_failures += 1
        log.error("ledger_failed", partition=number, error=str(error))

    # -- letting go

    def _claim_again(self, number: int, seconds: float) -> None:
        self._release(number)
        self._source.pause([number])
        self._claim_at[number] = self._clock.monotonic() + seconds

    def _release(self, number: int) -> None:
        self.release(number)
        self._partitions.release(number)
