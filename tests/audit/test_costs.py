"""A gain matters if it is proven and large enough; for a root mean square that is a share of it."""

from __future__ import annotations

import pytest

from sentinel.audit.estimates.costs import is_costly, is_harmless
from sentinel.audit.findings import Inflation, Interval
from sentinel.stats.estimate import NotEnough


def _gain(lower: float, value: float, upper: float, *, metric: str = "auc", stated: float = 0.8) -> Inflation:
    gain = Interval(value=value, lower=lower, upper=upper)
    return Inflation(metric=metric, stated=stated, repaired=stated - value, gain=gain, n=100)


@pytest.mark.parametrize(
    ("gain", "costly", "harmless"),
    [
        (_gain(0.01, 0.02, 0.03), True, False),
        (_gain(-0.01, 0.02, 0.05), False, False),
        (_gain(0.001, 0.002, 0.003), False, True),
        (_gain(-0.03, -0.02, -0.01), False, True),
        (_gain(0.1, 0.2, 0.3, metric="rmse", stated=100.0), False, True),
        (_gain(0.1, 0.6, 1.1, metric="rmse", stated=100.0), True, False),
    ],
)
def test_gain_is_costly_harmless_or_neither(gain: Inflation, costly: bool, harmless: bool) -> None:
    """Proven and large: costly. Proven to be smaller: harmless. An interval that holds both: neither."""
    assert (is_costly(gain), is_harmless(gain)) == (costly, harmless)


def test_unknown_gain_is_neither() -> None:
    """What could not be measured is no proof of anything."""
    for unknown in (None, NotEnough("too few", 1, 10)):
        assert not is_costly(unknown)
        assert not is_harmless(unknown)
