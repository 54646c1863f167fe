"""Time as a value that is passed in, so that tests advance it instead of sleeping."""

from __future__ import annotations

import time
from typing import Protocol

MICROSECONDS_PER_SECOND = 1_000_000


class Clock(Protocol):
    """Two clocks: one that tells the time of day, one that measures durations."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never steps back; only differences mean anything."""
        ...


class SystemClock:
    """The clocks of the operating system."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        """Seconds on the system's monotonic clock."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now_us: int = 0) -> None:
        self._now_us = now_us
        self._monotonic = 0.0

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC, as last set."""
        return self._now_us

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward.

        Parameters
        ----------
        seconds : float, >= 0

        Raises
        ------
        ValueError
            If ``seconds`` is negative: time does not go back.
        """
        if seconds < 0:
            raise ValueError(f"cannot advance a clock by {seconds} seconds: it must not go back")
        self._monotonic += seconds
        self._now_us += round(seconds * MICROSECONDS_PER_SECOND)
