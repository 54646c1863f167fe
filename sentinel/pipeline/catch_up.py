"""How long it takes to work off what waits, from how fast it has been getting less."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

WINDOW_SECONDS = 120.0
"""Long enough to even out batches and bursts, short enough to follow a member that came or went."""
LEAST_SECONDS = 10.0
"""What is seen over less is noise."""


class CatchUp:
    """Estimates when a lag is gone: lag over (rate of consumption - rate of arrival).

    The denominator is by how much the lag shrinks in a second, so nothing else has to be measured. It starts anew when
    the partitions change, whose lag came and went with them.

    Parameters
    ----------
    window_seconds : float, > 0
        How far back the rate looks.

    Examples
    --------
    >>> catch_up = CatchUp()
    >>> for second in range(0, 31, 10):
    ...     catch_up.observe(second, {("predictions", 0): 10_000 - 50 * second})
    >>> catch_up.seconds
    170.0
    """

    def __init__(self, window_seconds: float = WINDOW_SECONDS) -> None:
        self._window_seconds = window_seconds
        self._seen: deque[tuple[float, int]] = deque()
        self._partitions: frozenset[tuple[str, int]] = frozenset()
        self.seconds: float | None = None

    def observe(self, now: float, lag: Mapping[tuple[str, int], int]) -> None:
        """Take in a lag.

        Afterwards ``seconds`` is the estimate: 0 where nothing waits; None where it is unknown yet, where nothing is
        read, or where the lag does not shrink.

        Parameters
        ----------
        now : float, seconds of a monotonic clock
        lag : mapping of (topic, partition) to int, messages >= 0
        """
        if lag.keys() != self._partitions:
            self._seen.clear()
            self._partitions = frozenset(lag)
        self._seen.append((now, sum(lag.values())))
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window_seconds:
            self._seen.popleft()
        self.seconds = self._estimate()

    def _estimate(self) -> float | None:
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        if not self._partitions:
            return None
        if last == 0:
            return 0.0
        if last_at - first_at < LEAST_SECONDS or last >= first:
            return None
        return last * (last_at - first_at) / (first - last)
