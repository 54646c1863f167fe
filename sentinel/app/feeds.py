"""Where the judging half of a process finds the counts: in the loop beside it, or in the ledger of all collectors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from sentinel.clock import Clock
from sentinel.ingest.ledger import LedgerReader
from sentinel.pipeline.follower import Follower
from sentinel.pipeline.view import CountedView

READ_SECONDS = 0.5
SETTLE_SECONDS = 5.0
"""How long a ledger that never pauses may put an evaluation off."""
PAUSE_SECONDS = 0.05
"""Between polls that find nothing: a ledger that is away answers at once."""
CLOSE_SECONDS = 5.0


class _HaltedError(Exception):
    """The thread was told to stop while it summed up."""


class Feed(Protocol):
    """What the judging thread waits on and reads."""

    def wait(self, seconds: float, halt: threading.Event) -> None:
        """Let this time pass, or less once ``halt`` is set; take in what comes meanwhile.

        Raises
        ------
        FatalError
            If a person has to act before anything can come.
        """
        ...

    def views(self) -> Sequence[CountedView]:
        """The counts as they stand; none while they are not complete, so that nothing is judged by a part of them."""
        ...

    def unready_reasons(self) -> tuple[str, ...]:
        """Why there is nothing to judge yet; for any thread."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class LoopFeed:
    """Counts of this process alone.

    Parameters
    ----------
    views : callable
        What the loop shows, by partition.
    """

    def __init__(self, views: Callable[[], Mapping[int, CountedView]]) -> None:
        self._views = views

    def wait(self, seconds: float, halt: threading.Event) -> None:
        """Sleep: the loop has a thread of its own."""
        halt.wait(seconds)

    def views(self) -> Sequence[CountedView]:
        """One view a partition."""
        return list(self._views().values())

    def unready_reasons(self) -> tuple[str, ...]:
        """None of its own: the loop says what is missing."""
        return ()

    def close(self) -> None:
        """Nothing is held."""


class LedgerFeed:
    """Counts of all collectors.

    Parameters
    ----------
    reader : LedgerReader
        Owned from here on.
    follower : Follower
    clock : Clock
    """

    def __init__(self, reader: LedgerReader, follower: Follower, clock: Clock) -> None:
        self.reader = reader
        self.follower = follower
        self._clock = clock
        self._caught_up = False
        self._halt = threading.Event()
        self.lag: Mapping[int, int] = {}
        self.turned_at = clock.monotonic()

    def wait(self, seconds: float, halt: threading.Event) -> None:
        """Follow until the time is over and nothing more is there.

        The records of one checkpoint are seen at once, but may be delivered in several polls: a poll that finds
        nothing says that no checkpoint is half taken in.
        """
        self._halt = halt
        due = self._clock.monotonic() + seconds
        while not halt.is_set():
            records = self.reader.poll(READ_SECONDS)
            self.follower.apply(records)
            self.lag = dict(self.reader.lag())
            self.turned_at = now = self._clock.monotonic()
            if not self._caught_up and self.reader.caught_up():
                self._caught_up, due = True, now  # the first report need not wait for its turn
            if now >= due and (not records or now >= due + SETTLE_SECONDS):
                return
            if not records:
                halt.wait(PAUSE_SECONDS)

    def views(self) -> Sequence[CountedView]:
        """All partitions as one view; none before the end of the ledger was reached once, and none once it is over."""
        if not self._caught_up:
            return []
        try:
            return [self.follower.view(self._go_on)]
        except _HaltedError:
            return []

    def unready_reasons(self) -> tuple[str, ...]:
        """Until everything has been read once, sums would lack partitions."""
        return () if self._caught_up else ("the summaries topic has not been read to its end yet",)

    def _go_on(self) -> None:
        """Between two models: a sign of life, and a place to stop."""
        if self._halt.is_set():
            raise _HaltedError
        self.turned_at = self._clock.monotonic()

    def close(self) -> None:
        """Disconnect."""
        self.reader.close(CLOSE_SECONDS)
