"""When what is followed of a ledger is taken for whole."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sentinel.app.feeds import SETTLE_SECONDS, LedgerFeed, LoopFeed
from sentinel.clock import ManualClock
from sentinel.errors import FatalError
from sentinel.pipeline.follower import Follower
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.published import progress_key
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from tests.pipeline import streams
from tests.pipeline.scripted import ScriptedSource
from tests.support.ledger import Record, ScriptedReader, records_of


class TimedReader(ScriptedReader):
    """Each poll takes a second of a clock that the test holds."""

    clock: ManualClock

    def poll(self, timeout_seconds: float) -> list[Record]:
        """The next poll, a second later."""
        self.clock.advance(1.0)
        return super().poll(timeout_seconds)


def ledger() -> list[Record]:
    """Records of one partition."""
    log = streams.orderly(np.random.default_rng(1), 50)
    loop = Loop(ScriptedSource({0: log}), lambda _: MemoryJoinStore(streams.ROW_BYTES), streams.PLANS, ManualClock())
    loop.run()
    return records_of(0, loop.status.views[0])


def feed_of(reader: TimedReader) -> LedgerFeed:
    """A feed with a clock of its own."""
    reader.clock = ManualClock()
    return LedgerFeed(reader, Follower(streams.LAYOUTS), reader.clock)


def test_it_waits_for_a_poll_that_finds_nothing() -> None:
    """A checkpoint that comes in three polls is taken in whole, though the time was over after the first."""
    records = ledger()
    reader = TimedReader(records[:3], records[3:6], records[6:])
    feed = feed_of(reader)
    feed.wait(1.0, threading.Event())
    assert reader.n_polls == 4
    assert list(feed.follower.partitions) == [0]
    assert len(feed.views()) == 1
    assert feed.unready_reasons() == ()
    assert feed.lag == {0: 0}


def test_a_ledger_that_never_pauses_is_judged_all_the_same() -> None:
    """After a while of waiting for a pause the counts are shown as they stand."""
    tombstone: list[Record] = [(progress_key(0), None)]
    reader = TimedReader(*[tombstone] * 100, ends=False)
    feed = feed_of(reader)
    feed.wait(2.0, threading.Event())
    assert reader.n_polls == 2 + SETTLE_SECONDS


def test_nothing_is_shown_before_the_end_was_reached_once() -> None:
    """A sum that lacks partitions is none; once the end was reached, what comes later is shown at once."""
    reader = TimedReader(ledger(), ends=False)
    feed = feed_of(reader)
    feed.wait(1.0, threading.Event())
    assert feed.views() == []
    assert feed.unready_reasons() == ("the summaries topic has not been read to its end yet",)
    reader.ends = True
    feed.wait(1.0, threading.Event())
    assert len(feed.views()) == 1
    reader.ends = False
    feed.wait(1.0, threading.Event())
    assert len(feed.views()) == 1


def test_a_stop_is_obeyed_at_once() -> None:
    """Nothing is polled once the thread was told to halt."""
    reader = TimedReader(ledger())
    halt = threading.Event()
    halt.set()
    feed_of(reader).wait(60.0, halt)
    assert reader.n_polls == 0


def test_each_poll_is_a_sign_of_life() -> None:
    """Liveness is judged by the reading, not by the interval between evaluations."""
    reader = TimedReader(ledger())
    feed = feed_of(reader)
    feed.wait(30.0, threading.Event())
    assert feed.turned_at == reader.clock.monotonic()


def test_summing_up_is_a_sign_of_life_and_can_be_stopped() -> None:
    """The first sum of a large ledger takes minutes: it says that it lives, and a stop does not wait for its end."""
    reader, halt = TimedReader(ledger()), threading.Event()
    feed = feed_of(reader)
    feed.wait(1.0, halt)
    reader.clock.advance(100.0)
    assert len(feed.views()) == 1
    assert feed.turned_at == reader.clock.monotonic()
    halt.set()
    assert feed.views() == []


def test_what_a_person_has_to_mend_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of the reader is not swallowed."""
    reader = TimedReader()

    def poll(_: float) -> list[Record]:
        raise FatalError("no rights")

    feed = feed_of(reader)
    monkeypatch.setattr(reader, "poll", poll)
    with pytest.raises(FatalError, match="no rights"):
        feed.wait(1.0, threading.Event())


def test_the_loop_of_this_process_is_always_whole() -> None:
    """Its views are shown as they are, one a partition; there is nothing to wait for."""
    loop = Loop(
        ScriptedSource({0: [], 3: []}), lambda _: MemoryJoinStore(streams.ROW_BYTES), streams.PLANS, ManualClock()
    )
    loop.turn(0.0)
    feed = LoopFeed(lambda: loop.status.views)
    assert len(feed.views()) == 2
    assert feed.unready_reasons() == ()
    feed.close()
    loop.close()
