"""How long until a lag is gone."""

from __future__ import annotations

import pytest

from sentinel.pipeline.catch_up import LEAST_SECONDS, CatchUp

ONE = ("predictions", 0)


def after(*lags: int, step: float = 10.0) -> float | None:
    """The estimate after lags of one partition, so many seconds apart."""
    catch_up = CatchUp()
    for number, lag in enumerate(lags):
        catch_up.observe(number * step, {ONE: lag})
    return catch_up.seconds


@pytest.mark.parametrize(
    ("lags", "seconds"),
    [
        ((1_000, 900, 800), 80.0),  # 10 messages a second less
        ((1_000, 500), 10.0),
        ((0, 0), 0.0),
        ((1_000, 0), 0.0),
        ((0,), 0.0),
        ((1_000,), None),  # no rate yet
        ((1_000, 1_000), None),
        ((1_000, 1_200), None),
        ((), None),
    ],
)
def test_lag_over_the_rate_at_which_it_shrinks(lags: tuple[int, ...], seconds: float | None) -> None:
    """Known where it shrinks, zero where nothing waits, absent otherwise."""
    assert after(*lags) == seconds


def test_too_short_a_look_tells_nothing() -> None:
    """Two looks closer together than a batch takes are noise."""
    assert after(1_000, 900, step=LEAST_SECONDS / 2) is None


def test_the_rate_is_that_of_the_window() -> None:
    """An hour of standing still does not slow the estimate down once the window is past."""
    catch_up = CatchUp(window_seconds=100.0)
    for second in range(0, 3_600, 50):
        catch_up.observe(second, {ONE: 10_000})
    for second in range(3_600, 3_751, 50):
        catch_up.observe(second, {ONE: 10_000 - 10 * (second - 3_600)})
    assert catch_up.seconds == pytest.approx((10_000 - 1_500) / 10)


def test_partitions_that_go_are_no_progress() -> None:
    """A rebalance that takes partitions away, or brings some, starts the estimate anew."""
    catch_up = CatchUp()
    catch_up.observe(0.0, {ONE: 1_000, ("predictions", 1): 9_000})
    catch_up.observe(60.0, {ONE: 1_000})
    assert catch_up.seconds is None
    catch_up.observe(120.0, {})
    assert catch_up.seconds is None
