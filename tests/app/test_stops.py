"""Stopping: in reverse, all of it, and telling whether it worked."""

from __future__ import annotations

import pytest

from sentinel.app.stops import Stops


def test_stops_run_in_reverse_and_once() -> None:
    """The last part started is the first to stop, and a second run does nothing."""
    stopped: list[str] = []
    stops = Stops()
    for name in ("first", "second"):
        stops.add(name, lambda name=name: stopped.append(name))  # type: ignore[misc] # mypy wants no default here
    assert stops.run()
    assert stops.run()
    assert stopped == ["second", "first"]


def test_stop_that_answers_false_has_failed() -> None:
    """A part that did not stop in time makes the whole stop unclean, and the others are still stopped."""
    stopped: list[str] = []
    stops = Stops()
    stops.add("first", lambda: stopped.append("first"))
    stops.add("second", lambda: False)
    assert not stops.run()
    assert stopped == ["first"]


def test_stop_that_raises_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    """A part whose stop raises is logged, and the others are still stopped."""
    stopped: list[str] = []
    stops = Stops()
    stops.add("first", lambda: stopped.append("first"))
    stops.add("second", lambda: 1 // 0)
    assert not stops.run()
    assert stopped == ["first"]
    assert "stop_failed" in caplog.text
