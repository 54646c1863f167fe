"""A ledger in this process: what several members of a test share in place of a topic."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping

from sentinel.ingest.ledger import FencedError, LedgerError, Records, partition_of

Transaction = tuple[tuple[bytes, bytes | None], ...]


class MemoryLog:
    """What all members write to and read from: finished transactions, and who may write each partition."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.writers: dict[int, MemoryLedger] = {}
        self.entries: list[Transaction] = []
        self.fails = False
        """Whether the log does not answer."""


class MemoryLedger:
    """One member's way to the log; implements :class:`~sentinel.ingest.ledger.Ledger`.

    Parameters
    ----------
    log : MemoryLog
        Shared with the other members.
    """

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._claimed: set[int] = set()

    def claim(self, partition: int) -> None:
        """Replace whoever had it."""
        with self._log.lock:
            self._answer()
            self._log.writers[partition] = self
            self._claimed.add(partition)

    def read(self, partition: int) -> dict[bytes, bytes]:
        """The latest record of each key."""
        latest: dict[bytes, bytes | None] = {}
        with self._log.lock:
            self._answer()
            for transaction in self._log.entries:
                latest.update((key, value) for key, value in transaction if partition_of(key) == partition)
        return {key: value for key, value in latest.items() if value is not None}

    def write(self, partition: int, records: Records) -> None:
        """Append one transaction."""
        with self._log.lock:
            self._answer()
            if partition not in self._claimed:
                raise LedgerError(f"partition {partition} is not claimed")
            if self._log.writers.get(partition) is not self:
                self._claimed.discard(partition)
                raise FencedError(f"partition {partition} was claimed by another member")
            self._log.entries.append(tuple(records.items()))

    def release(self, partition: int) -> None:
        """Let go of it."""
        self._claimed.discard(partition)

    def close(self, timeout_seconds: float) -> None:  # noqa: ARG002
        """Let go of everything."""
        self._claimed.clear()

    def _answer(self) -> None:
        if self._log.fails:
            raise LedgerError("the ledger does not answer")


class MemoryLedgerReader:
    """Follows the log; implements :class:`~sentinel.ingest.ledger.LedgerReader`."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._next = 0
        self._goal: int | None = None

    def poll(self, timeout_seconds: float) -> list[tuple[bytes, bytes | None]]:  # noqa: ARG002
        """Everything that was written since the last call, at once."""
        with self._log.lock:
            if self._log.fails:
                return []
            fresh = self._log.entries[self._next :]
            self._next += len(fresh)
            self._goal = self._next if self._goal is None else self._goal
        return [record for transaction in fresh for record in transaction]

    def caught_up(self) -> bool:
        """Whether a poll was answered: it delivers everything."""
        return self._goal is not None and self._next >= self._goal

    def lag(self) -> Mapping[int, int]:
        """Records of all partitions that were not delivered yet, as one."""
        with self._log.lock:
            behind: dict[int, int] = defaultdict(int)
            behind[0] = sum(map(len, self._log.entries[self._next :]))
        return behind

    def close(self, timeout_seconds: float) -> None:
        """Nothing to leave."""
