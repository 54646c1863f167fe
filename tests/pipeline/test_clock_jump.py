"""The wall clock of the machine may be set at any time: nothing that is counted, and no interval, depends on it."""

from __future__ import annotations

import pytest

from sentinel.clock import MICROSECONDS_PER_SECOND, ManualClock
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.partition import PartitionPipeline
from tests.pipeline import streams
from tests.pipeline.scripted import ScriptedSource
from tests.pipeline.test_loop import EVERY_SECONDS, KeptStore, stream, whole

YEAR_US = 365 * 86_400 * MICROSECONDS_PER_SECOND


class Set(ManualClock):
    """A clock whose time of day somebody sets; what has passed goes on."""

    def __init__(self, now_us: int) -> None:
        super().__init__(now_us)
        self.jump_us = 0

    def now_us(self) -> int:
        """The time of day, as it was set."""
        return super().now_us() + self.jump_us


@pytest.mark.parametrize("jump_us", [-YEAR_US, YEAR_US], ids=["back", "ahead"])
def test_checkpoints_keep_their_interval_when_the_clock_is_set(jump_us: int) -> None:
    """Set a year back or ahead in the middle, the loop checkpoints as before and counts what it would have counted."""
    events, store, clock = stream(31), KeptStore(), Set(1_000_000 + YEAR_US)
    loop = Loop(ScriptedSource({0: events}), lambda _: store, streams.PLANS, clock, checkpoint_seconds=EVERY_SECONDS)
    for turn in range(20):
        if turn == 5:
            clock.jump_us = jump_us
        clock.advance(EVERY_SECONDS / 2)
        loop.turn(0.0)
    assert store.n_commits == 10
    assert loop.status.checkpoint_success_us == clock.now_us()
    loop.run()
    assert streams.counted(PartitionPipeline(0, store, streams.PLANS)) == whole(events)
