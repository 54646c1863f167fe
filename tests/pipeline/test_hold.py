"""Expiry is held for a while on the monotonic clock, and not for ever."""

from __future__ import annotations

from sentinel.clock import ManualClock
from sentinel.pipeline.hold import NEVER, ExpiryHold

HOLD_SECONDS = 60.0


def test_watermark_is_given_out_once_it_is_old_enough() -> None:
    """Nothing at first; after the hold the watermark of that time, while newer ones still wait."""
    clock = ManualClock()
    hold = ExpiryHold(HOLD_SECONDS, clock.monotonic)
    assert hold(100) == NEVER
    clock.advance(30)
    assert hold(200) == NEVER
    clock.advance(30)
    assert hold(300) == 100
    clock.advance(30)
    assert hold(300) == 200


def test_watermark_never_goes_back_and_memory_is_bounded() -> None:
    """A thousand looks in one hold keep at most the samples that a hold is divided into."""
    clock = ManualClock()
    hold = ExpiryHold(HOLD_SECONDS, clock.monotonic)
    given = []
    for step in range(2_000):
        given.append(hold(step))
        clock.advance(HOLD_SECONDS / 1_000)
    assert given == sorted(given)
    assert given[-1] > 0
    assert len(hold._samples) <= 21


def test_without_a_hold_the_watermark_stands() -> None:
    """Zero seconds: what may expire is told by event time alone."""
    assert ExpiryHold(0.0, ManualClock().monotonic)(7) == 7
