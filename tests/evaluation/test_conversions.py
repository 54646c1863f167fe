"""Where silence means a negative, a fixed age gives an unbiased estimate from the first days on; arrivals do not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from sentinel.config.alerts import Alerts
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Evaluation, Finding
from sentinel.evaluation.maturity import Cohorts, find_ages
from sentinel.stats.estimate import Estimate, NotEnough
from sentinel.summaries.rows import Rows
from tests.evaluation.conversions import (
    DAY_US,
    HORIZON_US,
    PER_DAY,
    SETTLED_US,
    TWIN_US,
    conversions,
    offline_side,
    on_day,
    truth,
)
from tests.evaluation.worlds import Side

LARGE_DAYS, N_DAYS = 200, 60
REACH = 3.9
"""Standard errors: of the nine comparisons below one is that far off by chance with probability .001."""


@cache
def reference() -> tuple[Rows, Side]:
    """Two hundred thousand settled rows: their own error is a tenth of what is tested."""
    rows = conversions(np.random.default_rng(1), LARGE_DAYS)
    return rows, offline_side(rows)


@cache
def stream() -> Rows:
    """Sixty days of live traffic under the same law."""
    return conversions(np.random.default_rng(2), N_DAYS)


def ages(day: float) -> tuple[Cohorts, ...]:
    """Every age that can be compared on a day."""
    live, now_us = on_day(stream(), day)
    return find_ages(reference()[1].summary, live, now_us, "negative", SETTLED_US)


def looked(day: float, rows: Rows | None = None) -> Evaluation:
    """The evaluation of a day."""
    live, now_us = on_day(stream() if rows is None else rows, day)
    return evaluate(reference()[1], live, Alerts(), now_us, absence="negative", settled_us=SETTLED_US)


def auc_of(evaluation: Evaluation) -> Finding:
    """The headline."""
    found = evaluation.headline("auc")
    assert found is not None
    return found


def test_the_world_is_that_of_the_table() -> None:
    """The law converts .123 of its traffic with an AUC of .802, of those the best scored soonest."""
    settled, early = truth(reference()[0], HORIZON_US), truth(reference()[0], TWIN_US)
    assert settled.rate == pytest.approx(0.1232, abs=0.003)
    assert settled.auc == pytest.approx(0.8017, abs=0.005)
    assert early.rate < 0.6 * settled.rate
    assert early.auc > settled.auc + 0.01


@pytest.mark.parametrize("day", [5, 20, 40])
def test_estimate_at_a_fixed_age_is_unbiased(day: int) -> None:
    """On day 5, 20 and 40 rate and AUC at three days are those of the truth at three days, within chance."""
    twin, *_ = ages(day)
    expected = truth(reference()[0], TWIN_US)
    outcomes = twin.outcomes().sum(axis=0)
    n = int(outcomes.sum())
    assert n == (day - 3) * PER_DAY
    error = np.sqrt(expected.rate * (1.0 - expected.rate) / n)
    assert abs(outcomes[1] / n - expected.rate) < REACH * error
    area = twin.auc()
    assert isinstance(area, Estimate)
    assert abs(area.value - expected.auc) < REACH * area.standard_error


def test_offline_twin_is_the_same_estimand() -> None:
    """The baseline's reference at an age is the AUC of having converted by that age."""
    for cohorts, age_us in zip(ages(5), (TWIN_US, HORIZON_US, HORIZON_US), strict=True):
        assert isinstance(cohorts.reference, Estimate)
        assert cohorts.reference.value == pytest.approx(truth(reference()[0], age_us).auc, abs=1e-9)


def test_received_outcomes_alone_would_mislead() -> None:
    """Before the first expiry all outcomes received are positive; on day 40 their rate is still twice the truth."""
    live, _ = on_day(stream(), 20)
    assert live.total()["outcomes"][:, 0].sum() == 0
    live, _ = on_day(stream(), 40)
    received = live.total()["outcomes"].sum(axis=0)
    assert received[1] / received.sum() > 2.0 * truth(reference()[0], HORIZON_US).rate


def test_maturity_needs_no_expiry_and_counts_nothing_twice() -> None:
    """Panes of thirty days have every negative, whether the join has counted it yet or not."""
    day = 40
    _, settled, expired = ages(day)
    assert len(settled.live.panes) == day - 30
    assert len(expired.live.panes) == day - 33
    assert settled.outcomes().sum() == (day - 30) * PER_DAY
    assert expired.outcomes().sum() == (day - 33) * PER_DAY
    assert np.array_equal(settled.outcomes()[: day - 33], expired.outcomes())


@pytest.mark.parametrize(("day", "judged"), [(5, TWIN_US), (20, TWIN_US), (33, HORIZON_US), (40, SETTLED_US)])
def test_longest_age_with_enough_outcomes_is_shown(day: int, judged: int) -> None:
    """Three days early on, then the horizon, then what the join itself has settled."""
    found = looked(day)
    maturity = found.maturity
    assert maturity is not None
    assert maturity.judged_seconds == judged / 1e6
    assert auc_of(found).gap is not None
    assert auc_of(found).online.n == (day - judged // DAY_US) * PER_DAY


@pytest.mark.parametrize("day", [5, 20, 40, 60])
def test_honest_stream_raises_nothing(day: int) -> None:
    """No gap at any age, no launch alarm, and whole coverage, since silence is an outcome."""
    found = looked(day)
    assert not auc_of(found).alarm
    assert not found.launch.alarm
    assert found.maturity is not None
    assert found.maturity.coverage_ratio in (None, 1.0)


def test_leak_is_found_weeks_before_maturity() -> None:
    """Scores that know nothing live are raised on day 6, when no prediction is a fifth as old as maturity asks."""
    rows = stream().copy()
    rows["score_bin"] = np.random.default_rng(3).permutation(rows["score_bin"])
    found = looked(6, rows)
    assert auc_of(found).alarm
    assert found.launch.alarm
    assert found.maturity is not None
    assert found.maturity.n_mature == 0


def test_features_of_mature_panes_have_their_negatives() -> None:
    """A feature that knows nothing has an AUC near one half at maturity, though no negative has been counted yet."""
    (feature,) = looked(32).features
    assert feature.online_auc.value == pytest.approx(0.5, abs=0.06)
    assert feature.online_auc.n == 2 * PER_DAY


def test_not_enough_is_said_as_such() -> None:
    """With one day of traffic there is a reason, not a number."""
    _, settled, expired = ages(1)
    assert isinstance(settled.auc(), NotEnough)
    assert isinstance(expired.auc(), NotEnough)
