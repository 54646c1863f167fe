"""The outbox: order, another attempt, what is dropped when it is full, and what becomes of the rest at a stop."""

from __future__ import annotations

import threading

import pytest

from sentinel.exposition.outbox import DROPPED, WRITTEN, Outbox
from tests.support.process import PATIENCE_SECONDS


class Counter:
    """Where items arrive: it may be closed for a while, and asks some of them to come again."""

    def __init__(self, *, capacity: int = 10, loses_rest: bool = False, again: int = 0, is_open: bool = True) -> None:
        self.seen: list[int] = []
        self.entered, self.open = threading.Event(), threading.Event()
        self.closed = 0
        self._again = again
        if is_open:
            self.open.set()
        self.outbox = Outbox("outbox", self._take, self._close, capacity=capacity, loses_rest=loses_rest)
        self.outbox.start()

    def _take(self, item: int) -> float | None:
        self.entered.set()
        assert self.open.wait(PATIENCE_SECONDS)
        self.seen.append(item)
        if self._again:
            self._again -= 1
            return 0.0
        self.outbox.count(WRITTEN)
        return None

    def _close(self) -> None:
        self.closed += 1


def test_what_has_to_come_again_comes_before_what_came_later() -> None:
    """Items are delivered in order, one that is to be tried again included; each is counted once."""
    counter = Counter(again=2)
    for item in (1, 2, 3):
        counter.outbox.put(item)
    assert counter.outbox.settled(PATIENCE_SECONDS)
    assert counter.seen == [1, 1, 1, 2, 3]
    assert counter.outbox.results == {WRITTEN: 3}
    assert counter.outbox.stop(PATIENCE_SECONDS)
    assert counter.closed == 1


def test_a_full_outbox_drops_the_oldest_that_wait() -> None:
    """While one item is on its way, as many as there is room for wait: the newest."""
    counter = Counter(capacity=2, is_open=False)
    counter.outbox.put(0)
    assert counter.entered.wait(PATIENCE_SECONDS)
    for item in (1, 2, 3, 4):
        counter.outbox.put(item)
    assert counter.outbox.results == {DROPPED: 2}
    counter.open.set()
    assert counter.outbox.settled(PATIENCE_SECONDS)
    assert counter.seen == [0, 3, 4]


@pytest.mark.parametrize(("loses_rest", "results"), [(True, {DROPPED: 2, WRITTEN: 1}), (False, {WRITTEN: 1})])
def test_a_stop_leaves_what_takes_too_long(loses_rest: bool, results: dict[str, int]) -> None:
    """It comes back while an item is still on its way; what waits is counted as dropped where it is lost for good."""
    counter = Counter(loses_rest=loses_rest, is_open=False)
    counter.outbox.put(0)
    assert counter.entered.wait(PATIENCE_SECONDS)
    counter.outbox.put(1)
    counter.outbox.put(2)
    assert not counter.outbox.stop(0.01)
    counter.open.set()
    assert counter.outbox.stop(PATIENCE_SECONDS)
    assert counter.seen == [0]
    assert {result: n for result, n in counter.outbox.results.items() if n} == results
