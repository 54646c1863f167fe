"""A Source whose every move a test decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sentinel.events.batch import EventBatch
from sentinel.ingest.protocol import Changes
from tests.pipeline import streams
from tests.support.join_oracle import Event


class ScriptedSource:
    """Delivers the events of each partition in order, ``size()`` at a time; implements ``Source``.

    ``journal`` tells what the loop called, in order. ``changes`` are reported one a turn.
    """

    name = "scripted"

    def __init__(self, logs: Mapping[int, Sequence[Event]], size: Callable[[], int] = lambda: 10) -> None:
        self.logs = logs
        self.size = size
        self.changes: list[Changes] = [Changes(gained=frozenset(logs))]
        self.journal: list[tuple[str, object]] = []
        self.on_commit: Callable[[], object] = lambda: None
        self.live = False
        self.waited_seconds = 0.0
        self.transform: Callable[[EventBatch], EventBatch] = lambda batch: batch
        self._positions: dict[int, dict[str, int]] = {}
        self._paused: set[int] = set()

    def assigned(self) -> frozenset[int]:
        """Partitions that were started."""
        return frozenset(self._positions)

    def take_changes(self) -> Changes:
        """The next scripted change."""
        changes = self.changes.pop(0) if self.changes else Changes()
        for number in changes.lost | changes.revoked:
            self._positions.pop(number, None)
        return changes

    def start_at(self, partition: int, positions: Mapping[str, int]) -> None:
        """Go to the positions, of one order of the log in which both topics stand there."""
        self.journal.append(("start_at", (partition, dict(positions))))
        self._positions[partition] = dict(positions)

    def poll(self, timeout_seconds: float) -> list[EventBatch]:
        """The next events of each partition, at once."""
        self.waited_seconds = timeout_seconds
        batches = []
        for number in sorted(self._positions.keys() - self._paused):
            start = self._delivered(number)
            part = self.logs[number][start : start + self.size()]
            if part:
                batch = streams.batch_of(part, self._positions[number], number)
                self._positions[number] |= batch.positions
                batches.append(self.transform(batch))
        return batches

    def commit(self, positions: Mapping[int, Mapping[str, int]]) -> None:
        """Note it."""
        self.on_commit()
        self.journal.append(("commit", {number: dict(some) for number, some in positions.items()}))

    def pause(self, partitions: Iterable[int]) -> None:
        """Deliver nothing of these."""
        self._paused |= set(partitions)
        self.journal.append(("pause", sorted(partitions)))

    def resume(self, partitions: Iterable[int]) -> None:
        """Deliver these again."""
        self._paused -= set(partitions)
        self.journal.append(("resume", sorted(partitions)))

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Unknown."""
        return {}

    def exhausted(self) -> bool:
        """Whether all logs were delivered, unless ``live``."""
        return (
            not self.live
            and not self.changes
            and all(self._delivered(number) >= len(self.logs[number]) for number in self._positions)
        )

    def statistics(self) -> Mapping[str, int]:
        """None."""
        return {}

    def close(self, timeout_seconds: float) -> None:
        """Nothing to leave."""

    def _delivered(self, number: int) -> int:
        return sum(self._positions[number].values())
