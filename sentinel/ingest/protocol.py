"""What a place that events come from promises to the loop, whatever it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sentinel.events.batch import EventBatch


@dataclass(frozen=True, slots=True)
class Changes:
    """How the assignment changed since the loop last asked. Act on ``lost``, then ``revoked``, then ``gained``.

    A partition may stand in ``gained`` and in one of the others: it went and came back, and whoever had it meanwhile
    may have moved on. A partition that a rebalance took and gave back at once stands in none: nothing happened.

    Parameters
    ----------
    gained : frozenset of int
        New to us. Nothing of them is delivered until :meth:`Source.start_at` says from where.
    revoked : frozenset of int
        Taken from us in order, and perhaps read by somebody else already. Checkpoint what was delivered of them and
        let go: the checkpoint is local and holds its own positions, so it stays true whoever reads on, and should the
        partition return, :meth:`Source.start_at` continues from it.
    lost : frozenset of int
        Taken from us because we were silent for too long. Discard everything since the last checkpoint.
    """

    gained: frozenset[int] = frozenset()
    revoked: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.gained or self.revoked or self.lost)


@dataclass(frozen=True, slots=True)
class LogStart:
    """Where a log is to be read from, to have everything from a moment on.

    Parameters
    ----------
    positions : mapping of topic to next offset
        No message before them is as late as the moment. The topic of the predictions comes first.
    missing_us : int, microseconds, >= 0
        How much later than asked the log begins, in the worst of the topics, because older messages were removed.
    """

    positions: Mapping[str, int]
    missing_us: int = 0


class Source(Protocol):
    """Delivers predictions and outcomes, at least once, in the order of each partition.

    One thread, the loop, calls everything here except :meth:`lag`, :meth:`assigned` and :meth:`statistics`, which any
    thread may call and which never block. A *partition* is a pair: partition p of the predictions and partition p of
    the outcomes, always owned together, so a prediction meets its outcome in one place.

    The loop's turn::

        changes = source.take_changes()      # checkpoint or discard what went, open what came
        for p in changes.gained:
            source.start_at(p, checkpoint_of(p).positions)
        for batch in source.poll(1.0):       # count it; batch.positions go into the same checkpoint
            ...
        source.commit(positions)             # now and then, after the checkpoint is on disk

    A message that cannot be read comes out as a dead letter of its batch and never stops the stream. A source that
    cannot be reached delivers nothing, counts that in :meth:`statistics`, and goes on trying for as long as it is
    polled; only what a person has to mend is raised, as a :class:`~sentinel.errors.FatalError`. So too while something
    that decoding needs is away, a schema registry: what was fetched comes again, and is delivered once.
    """

    @property
    def name(self) -> str:
        """What log lines and metrics call this source: ``kafka``, ``replay``, ``memory``."""
        ...

    def assigned(self) -> frozenset[int]:
        """The partitions owned now; empty while there is nothing to read from, so the daemon is not ready."""
        ...

    def take_changes(self) -> Changes:
        """Report, once, how the assignment changed since the last call. The loop calls it before each poll."""
        ...

    def start_at(self, partition: int, positions: Mapping[str, int]) -> None:
        """Deliver a gained partition from here on; on one already started: go back, or forward, to here.

        Does not block. A partition that is no longer assigned is ignored: the next changes say so.

        Parameters
        ----------
        partition : int
        positions : mapping of topic -> next offset, >= 0
            Where the checkpoint ends. A topic that is not named starts where the configuration says (the earliest
            message, unless told otherwise), so ``{}`` begins from the beginning.
        """
        ...

    def poll(self, timeout_seconds: float) -> list[EventBatch]:
        """Wait for events until some come or the time is over.

        Returns
        -------
        list of EventBatch, in ascending order of partition
            At most one a partition, predictions and outcomes together, each in offset order. ``positions`` names only
            topics that moved; merge them over the earlier ones. Empty when nothing came. Messages without a value
            (tombstones) pass through to the codec.

        Raises
        ------
        FatalError
            If a person has to act first: wrong credentials, topics that cannot be joined.
        """
        ...

    def commit(self, positions: Mapping[int, Mapping[str, int]]) -> None:
        """Tell the source how far the checkpoint has come, after it is on disk.

        Advice, for the eyes of operators and their tools: nothing is ever resumed from it, though what it covers may
        be forgotten. Does not wait for an answer; a failure is counted and logged, never raised. Partitions that are
        not assigned are left out.
        """
        ...

    def pause(self, partitions: Iterable[int]) -> None:
        """Deliver nothing of these until resumed, and stay a live owner: go on polling. Not assigned: ignored."""
        ...

    def resume(self, partitions: Iterable[int]) -> None:
        """Deliver these again, with nothing skipped. Not paused: ignored."""
        ...

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Messages between what was delivered and the last known end, by (topic, partition); unknown is left out."""
        ...

    def exhausted(self) -> bool:
        """Whether everything was delivered and nothing will ever come again: files say so, live sources never do."""
        ...

    def statistics(self) -> Mapping[str, int]:
        """Counters since the start, by name.

        Of these the missed messages are metrics; what fails is logged as well, and log lines are counted by name.
        """
        ...

    def close(self, timeout_seconds: float) -> None:
        """Leave, within the time given. Delivers and commits nothing more; a second call does nothing."""
        ...


@runtime_checkable
class LogSource(Source, Protocol):
    """A source whose messages can be read again: what a partition that changes hands needs.

    All of it is called by the loop's thread.
    """

    def start_at(self, partition: int, positions: Mapping[str, int], until: Mapping[str, int] | None = None) -> None:
        """As :meth:`Source.start_at`; a topic that ``until`` names delivers nothing at or beyond its offset.

        An end holds until the next call. A topic that stands beyond its end delivers nothing either.
        """
        ...

    def reached(self, partition: int) -> bool:
        """Whether every topic stands where the last :meth:`start_at` told it to end; the loop asks between polls.

        Messages that are never delivered (markers of transactions, gaps of compaction) count as passed. True where no
        end was told; False for a partition that is not assigned or was not started.
        """
        ...

    def offsets_at(self, partition: int, time_us: int) -> LogStart:
        """Where to start so as to read every message from a moment on, by the messages' own timestamps.

        Blocks for a bounded time. A topic whose messages are all older stands at its end. Where messages carry no
        time, the answer is the beginning.

        Parameters
        ----------
        partition : int
        time_us : int, microseconds since the epoch, UTC

        Raises
        ------
        SourceError
            If there is no answer in time; ask again later.
        FatalError
            If a person has to act first.
        """
        ...
