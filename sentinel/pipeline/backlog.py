"""Expiry while outcomes lag behind: up to where they have been read, by the times of the log itself.

While outcomes are unread, a prediction must not expire for want of them. A partition that never catches up would then
hold everything it ever read. So each mark of event time is kept with the log time at which it was reached, and is let
go when outcomes logged later than that have been read: as it would have been, had both topics been read in step.
"""

from __future__ import annotations

from collections import deque

from sentinel.events.batch import EventBatch
from sentinel.pipeline.hold import NEVER

SLACK_US = 60_000_000
"""How far the clocks that stamp the two topics may be apart."""
MOST_MARKS = 4096


class OutcomeBacklog:
    """The watermark that outcomes have been read up to."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque()  # (log time, watermark), both ascending
        self._settled = NEVER

    def until(self, watermark: int, batch: EventBatch) -> int:
        """Note a batch that was counted; returns the moment of event time before which rows may expire.

        Parameters
        ----------
        watermark : int, microseconds since the epoch, UTC
            After the predictions of the batch.
        batch : EventBatch

        Returns
        -------
        int, microseconds since the epoch, UTC
            The watermark itself where all outcomes have been read, ``NEVER`` while nothing is known.
        """
        if not batch.outcomes_behind:
            self._marks.clear()
            self._settled = watermark
            return watermark
        if batch.predictions_logged_at is not None:
            last = self._marks[-1][0] if self._marks else batch.predictions_logged_at
            self._marks.append((max(last, batch.predictions_logged_at), watermark))
        if batch.outcomes_logged_at is not None:
            while self._marks and self._marks[0][0] + SLACK_US <= batch.outcomes_logged_at:
                self._settled = self._marks.popleft()[1]
        if len(self._marks) > MOST_MARKS:  # coarser: what lies between expires with what follows it
            self._marks = deque(list(self._marks)[1::2])
        return self._settled
