"""Expiry waits a moment: outcomes that are on their way may count, however fast event time runs.

Two topics are never read in step. When a backlog or a bulk load moves event time by weeks within a second, predictions
would expire before the outcomes that were written beside them have been read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

NEVER = -(1 << 63)
SAMPLE_RATIO = 0.05


class ExpiryHold:
    """The watermark as it was some time ago, on the clock that measures durations.

    Parameters
    ----------
    hold_seconds : float, >= 0
        How far back. 0: the watermark itself.
    monotonic : callable
        Seconds on a clock that never steps back.
    """

    def __init__(self, hold_seconds: float, monotonic: Callable[[], float]) -> None:
        self._hold_seconds = hold_seconds
        self._monotonic = monotonic
        self._samples: deque[tuple[float, int]] = deque()
        self._settled = NEVER

    def __call__(self, watermark: int) -> int:
        """Note the watermark of now; returns the newest one that is old enough, or ``NEVER``.

        Parameters
        ----------
        watermark : int, microseconds since the epoch, UTC
        """
        if self._hold_seconds == 0:
            return watermark
        now = self._monotonic()
        if not self._samples or now - self._samples[-1][0] >= self._hold_seconds * SAMPLE_RATIO:
            self._samples.append((now, watermark))
        while self._samples and now - self._samples[0][0] >= self._hold_seconds:
            self._settled = self._samples.popleft()[1]
        return self._settled
