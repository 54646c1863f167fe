"""What the age of a prediction is measured by: how far outcomes have been read, however many partitions there are."""

from __future__ import annotations

import pytest

from sentinel.pipeline.loop_status import PartitionView
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.progress import outcomes_through
from sentinel.pipeline.store.protocol import StoreStatistics
from sentinel.pipeline.tally import Tally
from tests.support.layouts import HOUR_US, small_layout

PLAN = ModelPlan(small_layout(), 10 * HOUR_US)
SILENT = ModelPlan(small_layout(), 10 * HOUR_US, absence="negative")
NOW_US = 1_000 * HOUR_US


def view(expired: int | None, joined: int | None) -> PartitionView:
    """A partition whose expiry and joins stand so many hours from now."""
    moments = (None if hours is None else NOW_US + hours * HOUR_US for hours in (expired, joined))
    expired_until, joined_until = moments
    return PartitionView({}, Tally(), NOW_US, 0, StoreStatistics(0, 0, 0, 0, 0.0), expired_until, joined_until)


@pytest.mark.parametrize(
    ("views", "hours"),
    [
        ([(0, -2)], 0),  # outcomes trail predictions, and expiry has waited for them
        ([(0, 5)], 5),  # predictions ended; their outcomes go on
        ([(None, 3)], 3),  # expiry is held since the start; what was joined has been read
        ([(0, None), (-4, -3)], 0),  # the further of two: one partition would have said the same
    ],
)
def test_furthest_reading_tells(views: list[tuple[int | None, int | None]], hours: int) -> None:
    """The latest of expiry and joins over all partitions."""
    assert outcomes_through([view(*one) for one in views], PLAN) == NOW_US + hours * HOUR_US


def test_silence_is_measured_by_expiry_alone() -> None:
    """A positive that comes late in time makes no negative of the predictions before it."""
    assert outcomes_through([view(0, 5)], SILENT) == NOW_US


def test_before_the_first_event_nothing_is_mature() -> None:
    """Without partitions, or with empty ones, the moment is the epoch."""
    assert outcomes_through([], PLAN) == 0
    assert outcomes_through([view(None, None)], PLAN) == 0
