"""What one process counted itself: the difference that its checkpoints made, whatever its partitions held before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from sentinel.pipeline.tally import Tally

K = TypeVar("K")


class Counted:
    """Counters that never fall and never jump, fed from tallies that come and go with their partitions.

    A tally is all that was ever counted of a partition, by whomever. A partition that is opened, taken over or rebuilt
    therefore brings nothing here: only what a checkpoint adds to it does. What is dropped before its checkpoint is
    counted by whoever reads it again.

    Written by the loop's thread; :attr:`events` and :attr:`dead_letters` are replaced, never changed, so that other
    threads may read them at any time.

    Examples
    --------
    >>> tally, counted = Tally(), Counted()
    >>> tally.count("prediction", "accepted", 100)
    >>> counted.begin(0, tally)
    >>> tally.count("prediction", "accepted", 5)
    >>> counted.add(0, tally)
    >>> dict(counted.events)
    {('prediction', 'accepted'): 5}
    """

    def __init__(self, former: Counted | None = None) -> None:
        self.events: Mapping[tuple[str, str], int] = {} if former is None else former.events
        self.dead_letters: Mapping[str, int] = {} if former is None else former.dead_letters
        self._begun: dict[int, tuple[Counter[tuple[str, str]], Counter[str]]] = {}

    def begin(self, partition: int, tally: Tally) -> None:
        """From here on a partition is counted in this process."""
        self._begun[partition] = Counter(tally.events), Counter(tally.dead_letters)

    def add(self, partition: int, tally: Tally) -> None:
        """Take what came since the last call; call it when it is durable."""
        events, letters = self._begun[partition]
        self.events = _more(self.events, tally.events, events)
        self.dead_letters = _more(self.dead_letters, tally.dead_letters, letters)
        self.begin(partition, tally)


def _more(total: Mapping[K, int], now: Mapping[K, int], before: Counter[K]) -> Mapping[K, int]:
    """The total with what is now and was not before."""
    found = dict(total)
    for key, n in now.items():
        if n != before[key]:
            found[key] = found.get(key, 0) + n - before[key]
    return found
