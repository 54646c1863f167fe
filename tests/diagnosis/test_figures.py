"""Numbers of metrics in words."""

from __future__ import annotations

import pytest

from sentinel.diagnosis.figures import estimate, figure
from sentinel.evaluation.findings import Value


@pytest.mark.parametrize(
    ("metric", "value", "sign", "said"),
    [
        ("auc", 0.7684, "", "0.768"),
        ("auc", 0.0004, "+", "+0.000"),
        ("mae", 0.00042, "", "0.00042"),  # three decimals would say that there is no error at all
        ("rmse", -0.00042, "+", "-0.00042"),
        ("rmse", 51234.5, "", "5.123e+04"),
    ],
)
def test_a_number_has_the_digits_of_its_unit(metric: str, value: float, sign: str, said: str) -> None:
    """Shares have three decimals; what is in the unit of the outcome has four digits, wherever its point is."""
    assert figure(metric, value, sign=sign) == said


def test_an_estimate_says_its_interval_where_it_has_one() -> None:
    """Value and interval in the same digits; without bounds the value alone; without a value what is given for it."""
    whole = Value(value=0.0123456, lower=0.01, upper=0.02, n=100)
    assert estimate("mae", whole, unknown="") == "0.01235 [0.01, 0.02]"
    assert estimate("auc", Value(value=0.5, lower=None, upper=None, n=100), unknown="") == "0.500"
    assert (
        estimate("auc", Value(value=None, lower=None, upper=None, n=0, reason="too few"), unknown="not known")
        == "not known"
    )
