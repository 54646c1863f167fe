"""Messages that the log let go before they were read: found by the gaps that they leave, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from kafka.structs import TopicPartition

from sentinel.logs import get_logger

log = get_logger(__name__)

ASK_SECONDS: Final = 1.0
"""Between two questions to the brokers: topics with transactions have gaps all the time."""
_ASK_AGAIN_SECONDS: Final = 10.0
Beginnings = Callable[[Sequence[TopicPartition]], Mapping[TopicPartition, int]]


class MissedMessages:
    """Compares what comes with what was to come next.

    Offsets are missing for good reasons, too: markers of transactions, aborted messages, compaction. Those lie within
    the log; what retention took lies before its beginning. So where there is a gap, and only there, the brokers are
    asked where the log begins.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._gaps: dict[TopicPartition, list[tuple[int, int]]] = {}
        self._ask_at = 0.0

    def note(self, place: TopicPartition, expected: int | None, found: int) -> None:
        """Look at the offset that came, or at which the client stands; ``expected`` is None where any may come."""
        if expected is None or found == expected:
            return
        if found > expected:
            self._gaps.setdefault(place, []).append((expected, found))
            return
        log.warning(
            "positions_reset",
            topic=place.topic,
            partition=place.partition,
            stored=expected,
            found=found,
            hint="the log ends before the stored position, as that of a new topic: it is read from its beginning",
        )

    def settle(self, now: float, beginnings: Beginnings) -> None:
        """Ask about the gaps since the last time; does nothing where there are none, or it asked just now.

        Parameters
        ----------
        now : float, seconds, monotonic
        beginnings : callable
            Topic partitions -> the first offset of each; blocks for a bounded time.

        Raises
        ------
        SourceError
            If nobody answers; the gaps are kept for another time.
        """
        if not self._gaps or now < self._ask_at:
            return
        self._ask_at = now + _ASK_AGAIN_SECONDS
        found = beginnings(list(self._gaps))
        self._ask_at = now + ASK_SECONDS
        gaps, self._gaps = self._gaps, {}
        for place, some in gaps.items():
            first = found[place]
            self._count(place, sum(max(0, min(first, stop) - start) for start, stop in some), first)

    def _count(self, place: TopicPartition, n: int, first: int) -> None:
        if not n:
            return
        self._counts[place.topic] += n
        log.error(
            "messages_missed",
            topic=place.topic,
            partition=place.partition,
            count=n,
            first=first,
            hint="they were deleted before they were read and are not counted: keep the topic longer (retention.ms), "
            "and look at the lag",
        )

    def statistics(self, predictions: str, outcomes: str) -> dict[str, int]:
        """``missed`` messages since the start: all, and those of either topic."""
        return {
            "missed": self._counts.total(),
            "missed_predictions": self._counts[predictions],
            "missed_outcomes": self._counts[outcomes],
        }
