"""What is judged of input partitions: their counts, and how far they have come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sentinel.pipeline.tally import Tally
from sentinel.summaries.panes import PaneSeries


class CountedView(Protocol):
    """The counts of one input partition, or of several together; nobody changes it once it is shown.

    All of it adds up: panes and tallies by sum, the moments by the latest. So views of single partitions and one view
    of all of them say the same.
    """

    @property
    def series(self) -> Mapping[tuple[str, str], PaneSeries]:
        """Panes by (model, version)."""
        ...

    @property
    def tally(self) -> Tally:
        """What became of every event."""
        ...

    @property
    def watermark(self) -> int | None:
        """Event time up to which predictions have been read, microseconds; None before the first event."""
        ...

    @property
    def expired_until(self) -> int | None:
        """Prediction time up to which outcomes that were due have been read; None before there are any."""
        ...

    @property
    def joined_until(self) -> int | None:
        """The latest time of an outcome that counts; None before the first."""
        ...
