"""Only predictions that are old enough are judged, at every age that both sides can be compared at."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np
import pytest

from sentinel.config.alerts import Alerts
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Evaluation, Finding, Maturity
from sentinel.evaluation.gap import log_evidence
from sentinel.evaluation.launch import combined, judge_launch
from sentinel.evaluation.maturity import (
    Cohorts,
    coverage_of,
    covered_seconds,
    find_ages,
    judge_maturity,
    mature_panes,
)
from sentinel.stats.estimate import Estimate
from sentinel.summaries.metrics import auc_of_buckets
from sentinel.summaries.panes import PaneBook, PaneSeries
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import HOUR_US, START_US, Side, draw, offline, series, world_layout

MATURITY_US = 40 * HOUR_US
TWIN_US = 10 * HOUR_US
PLAIN = world_layout(n_features=1, n_values=2)
LAYOUT = msgspec.structs.replace(PLAIN, maturity_us=MATURITY_US, twin_horizons_us=(TWIN_US,))
ALERTS = Alerts()
KNOWN = Maturity(seconds=60.0, coverage_ratio=0.5, lowest_coverage_ratio=None, delay_p_value=None, delay_ratio=None)
YOUNG = msgspec.structs.replace(KNOWN, coverage_ratio=None)
HOURS = 100
"""Length of the streams; a pane is an hour."""


def delayed(rows: Rows, rng: np.random.Generator, slower: float = 1.0) -> Rows:
    """Outcomes uniform over the maturity, or ``slower`` times as late."""
    rows["outcome_at"] = rows["predicted_at"] + (rng.random(len(rows)) * MATURITY_US * slower).astype(np.int64)
    return rows


def arrived(rows: Rows, now_us: int) -> PaneSeries:
    """Panes as the join holds them at a moment."""
    book = PaneBook(LAYOUT, HOUR_US, 512)
    asked = rows[rows["predicted_at"] < now_us]
    book.observe_predictions(asked)
    known = asked[asked["outcome_at"] < now_us]
    if len(known):
        book.observe_outcomes(known)
    return PaneSeries(LAYOUT, book.width_us, tuple(book))


@cache
def side() -> Side:
    """A baseline of eight thousand rows with AUC .85."""
    rng = np.random.default_rng(1)
    return offline(LAYOUT, delayed(draw(LAYOUT, rng, 8_000, auc=0.85), rng))


def live_rows(seed: int, n: int = 10_000, auc: float = 0.85, slower: float = 1.0) -> Rows:
    """A stream of a hundred hours."""
    rng = np.random.default_rng(seed)
    return delayed(draw(LAYOUT, rng, n, auc=auc, hours=HOURS), rng, slower)


def at(rows: Rows, hour: float) -> Evaluation:
    """The evaluation at an hour of the stream."""
    now_us = START_US + int(hour * HOUR_US)
    return evaluate(side(), arrived(rows, now_us), ALERTS, now_us)


def auc_of(found: Evaluation) -> Finding:
    """The headline."""
    headline = found.headline("auc")
    assert headline is not None
    return headline


def test_a_pane_is_mature_once_its_end_is_old_enough() -> None:
    """A pane counts at the very moment when its last prediction has reached the age, and not a microsecond before."""
    live = series(PLAIN, draw(PLAIN, np.random.default_rng(2), 100, hours=2))
    ripe = START_US + HOUR_US + TWIN_US
    assert len(mature_panes(live, TWIN_US, ripe).panes) == 1
    assert len(mature_panes(live, TWIN_US, ripe - 1).panes) == 0
    assert mature_panes(live, TWIN_US, None) is live


def test_early_positives_do_not_bias_the_estimate() -> None:
    """Where positives come at once and negatives late, the base rate of mature panes is the true one; of all, twice."""
    rows = live_rows(3)
    positive = rows["outcome"] == 1.0
    rows["outcome_at"] = rows["predicted_at"] + np.where(positive, HOUR_US // 2, MATURITY_US - HOUR_US)
    now_us = START_US + 60 * HOUR_US
    live = arrived(rows, now_us)
    rate = evaluate(side(), live, ALERTS, now_us).headline("base_rate")
    assert rate is not None
    assert rate.online.value is not None
    assert rate.online.value == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 2_000))
    received = live.total()["outcomes"].sum(axis=0)
    assert received[1] / received.sum() > 0.45


def test_what_is_too_young_changes_nothing_but_served_values() -> None:
    """Outcomes of panes that are not mature at any age leave every finding as it is; features served count."""
    now_us = START_US + 60 * HOUR_US
    rows = live_rows(4)
    young = rows["predicted_at"] >= now_us - TWIN_US
    changed = rows.copy()
    changed["outcome"][young] = 1.0 - changed["outcome"][young]
    before, after = (evaluate(side(), arrived(one, now_us), ALERTS, now_us) for one in (rows, changed))
    assert before == after
    assert evaluate(side(), arrived(rows[~young], now_us), ALERTS, now_us).features != before.features


def test_unknown_delays_and_immediate_outcomes_are_judged_as_they_come() -> None:
    """Without a maturity, or with one shorter than a pane, the moment of the look plays no part."""
    rng = np.random.default_rng(5)
    rows = draw(PLAIN, rng, 3_000, auc=0.7)
    quick = msgspec.structs.replace(PLAIN, maturity_us=HOUR_US - 1)
    for layout in (PLAIN, quick):
        before = offline(layout, draw(layout, np.random.default_rng(6), 3_000, auc=0.85))
        found = evaluate(before, series(layout, rows), ALERTS, START_US)
        assert auc_of(found) == auc_of(evaluate(before, series(layout, rows), ALERTS))
        assert auc_of(found).online.n == 3_000


def test_a_finished_file_is_all_mature() -> None:
    """Without a moment every pane counts, and only at the full age."""
    live = arrived(live_rows(7), START_US + 1_000 * HOUR_US)
    (full,) = find_ages(side().summary, live, None)
    assert full.outcomes().sum() == 10_000
    assert auc_of(evaluate(side(), live, ALERTS)).online.n == 10_000


def test_twin_compares_like_with_like() -> None:
    """The twin's two sides hold the outcomes that came within its age, of all panes that have reached it."""
    rows, hour = live_rows(8), 60
    now_us = START_US + hour * HOUR_US
    twin, full = find_ages(side().summary, arrived(rows, now_us), now_us)
    old = rows["predicted_at"] < now_us - TWIN_US
    quick = rows["outcome_at"] - rows["predicted_at"] <= TWIN_US
    assert twin.outcomes().sum() == (old & quick).sum()
    assert full.outcomes().sum() == (rows["predicted_at"] < now_us - MATURITY_US).sum()
    assert isinstance(twin.reference, Estimate)
    assert twin.reference.n == side().summary["twins"][0].sum()


def test_shown_age_moves_from_the_twin_to_maturity() -> None:
    """Early on the estimates are the twin's; once mature panes have enough outcomes they are theirs."""
    rows = live_rows(9)
    seconds = [judged(at(rows, hour)) for hour in (30, 90)]
    assert seconds == [TWIN_US / 1e6, MATURITY_US / 1e6]
    early = at(rows, 30)
    assert early.maturity is not None
    assert early.maturity.n_mature == 0
    assert auc_of(early).gap is not None
    loss = early.headline("log_loss")
    assert loss is not None
    assert loss.online.value is None


def judged(found: Evaluation) -> float | None:
    """The age shown."""
    return None if found.maturity is None else found.maturity.judged_seconds


def test_leak_is_found_at_the_twins_age() -> None:
    """A drop from .85 to .65 alarms before any prediction is mature, in the launch window too."""
    found = at(live_rows(10, auc=0.65), 36)
    assert found.maturity is not None
    assert found.maturity.n_mature == 0
    assert auc_of(found).alarm
    assert found.launch.alarm


def test_evidence_is_the_mean_over_the_ages() -> None:
    """The headline's evidence is log of the mean of both ages' e-values, so that looking at both costs nothing."""
    now_us = START_US + 90 * HOUR_US
    live = arrived(live_rows(11, auc=0.80), now_us)
    found = evaluate(side(), live, ALERTS, now_us)
    alone = []
    for cohorts in find_ages(side().summary, live, now_us):
        area = cohorts.auc()
        assert isinstance(area, Estimate)
        assert isinstance(cohorts.reference, Estimate)
        gap = (cohorts.reference.value - area.value - ALERTS.tolerance) / ALERTS.tau
        s2 = (area.variance + cohorts.reference.variance) / ALERTS.tau**2  # in units of tau
        alone.append(_log_bayes_factor(gap, s2))
    assert auc_of(found).log_evidence == pytest.approx(np.log(np.mean(np.exp(alone))), abs=1e-9)


def _log_bayes_factor(gap: float, s2: float) -> float:
    """The half-normal Bayes factor with tau 1, by direct integration over the gap."""
    grid = np.linspace(0.0, 8.0, 200_001)
    prior = 2.0 * np.exp(-(grid**2) / 2.0) / np.sqrt(2.0 * np.pi)
    ratio = np.exp(-((gap - grid) ** 2 - gap**2) / (2.0 * s2))
    return float(np.log(np.trapezoid(prior * ratio, grid)))


def test_an_age_that_cannot_be_judged_is_no_evidence() -> None:
    """Of two ages with one judged, the mean e-value is half of it and one half."""
    assert combined([None, 3.0]) == pytest.approx(np.log(0.5 + 0.5 * np.exp(3.0)))
    assert combined([2.0]) == pytest.approx(2.0)


def test_gate_is_quiet_over_ages_at_the_null() -> None:
    """Of 40 null streams looked at five times, headline and launch window together raise at most 1 % plus chance."""
    raised = sum(gate(live_rows(1_000 + seed, n=4_000)) for seed in range(40))
    assert raised <= 3  # P(Binomial(40, .01) > 3) = .0007


def gate(rows: Rows) -> bool:
    """Whether any of five looks alarms on everything mature and in the launch window."""
    for hour in range(20, 101, 20):
        now_us = START_US + hour * HOUR_US
        ages = find_ages(side().summary, arrived(rows, now_us), now_us)
        evidence = combined([log_evidence("auc", age.reference, age.auc(), ALERTS) for age in ages])
        if evidence is not None and evidence >= -np.log(ALERTS.alpha) and judge_launch(ages, ALERTS).window.alarm:
            return True
    return False


def test_slower_outcomes_are_seen_and_the_twins_left_out() -> None:
    """Outcomes 2.5 times as slow show in ratio and p-value, and only settled outcomes are then compared."""
    now_us = START_US + 200 * HOUR_US
    live = arrived(live_rows(12, slower=2.5), now_us)
    maturity = judge_maturity(side().summary, live, now_us)
    assert maturity.delay_p_value is not None
    assert maturity.delay_p_value < 1e-6
    assert maturity.delay_ratio == pytest.approx(2.5, rel=0.35)  # medians read from doubling bins
    assert [cohorts.twin for cohorts in find_ages(side().summary, live, now_us)] == [None]


def test_like_outcomes_keep_the_twins() -> None:
    """Under the same law the delays do not differ, and both ages stay."""
    now_us = START_US + 200 * HOUR_US
    live = arrived(live_rows(13), now_us)
    maturity = judge_maturity(side().summary, live, now_us)
    assert maturity.delay_p_value is not None
    assert maturity.delay_p_value > 1e-3
    assert maturity.delay_ratio == pytest.approx(1.0, abs=0.05)
    assert [cohorts.twin for cohorts in find_ages(side().summary, live, now_us)] == [0, None]


def test_coverage_is_that_of_mature_predictions() -> None:
    """With every second outcome lost coverage is one half, however many young predictions wait."""
    rows = live_rows(14)
    rows["outcome_at"][::2] = np.iinfo(np.int64).max
    now_us = START_US + 80 * HOUR_US
    maturity = judge_maturity(side().summary, arrived(rows, now_us), now_us)
    assert maturity.n_mature == 4_000
    assert maturity.coverage_ratio == pytest.approx(0.5, abs=0.01)
    assert maturity.lowest_coverage_ratio == pytest.approx(0.5, abs=0.1)


def test_selective_outcomes_show_in_the_lowest_tenth() -> None:
    """Where the best scored tenth is never told, coverage is nine tenths, and zero in that tenth."""
    rows = live_rows(15)
    cut = np.quantile(rows["score"], 0.9)
    rows["outcome_at"][rows["score"] >= cut] = np.iinfo(np.int64).max
    now_us = START_US + 80 * HOUR_US
    maturity = judge_maturity(side().summary, arrived(rows, now_us), now_us)
    assert maturity.coverage_ratio == pytest.approx(0.9, abs=0.02)
    assert maturity.lowest_coverage_ratio is not None
    assert maturity.lowest_coverage_ratio < 0.2  # the cut falls inside a score bin


def test_before_anything_is_mature_there_is_no_coverage() -> None:
    """No mature prediction, no coverage, no delay: a null, not a zero."""
    maturity = judge_maturity(side().summary, PaneSeries(LAYOUT, HOUR_US, ()), START_US)
    assert (maturity.n_mature, maturity.coverage_ratio, maturity.lowest_coverage_ratio) == (0, None, None)
    assert (maturity.delay_p_value, maturity.delay_ratio) == (None, None)


def test_entities_widen_the_twins_variance() -> None:
    """Where one bucket's scores are noise, the twin's variance grows by the design effect of the full counts."""
    rows = live_rows(16)
    rng = np.random.default_rng(17)
    bad = rows["bucket"] < 8
    rows["score_bin"][bad] = rng.permutation(rows["score_bin"][bad])
    now_us = START_US + 200 * HOUR_US
    twin, full = find_ages(side().summary, arrived(rows, now_us), now_us)
    area, settled = twin.auc(), full.auc()
    assert isinstance(area, Estimate)
    assert isinstance(settled, Estimate)
    assert twin.design_effect > 1.5
    # A quarter of the outcomes have come by the twin's age: four times the variance of all.
    assert area.variance == pytest.approx(4.0 * settled.variance, rel=0.2)


@pytest.mark.parametrize(
    ("maturity", "counts", "expected"),
    [
        (KNOWN, {"matured": 10, "unjoined": 9}, 0.5),  # maturity is known, so the horizon says nothing
        (YOUNG, {"matured": 10, "unjoined": 9}, None),
        (None, {"matured": 10, "unjoined": 9}, 0.1),
        (None, {"matured": 10, "unjoined": 9, "assumed_negative": 9}, 1.0),  # silence is an outcome
        (None, {"matured": 0}, None),
    ],
)
def test_coverage_is_of_the_mature_or_else_of_those_past_the_horizon(
    maturity: Maturity | None, counts: dict[str, int], expected: float | None
) -> None:
    """One share for report and metric; nothing where nothing is old enough."""
    found = coverage_of(maturity, counts)
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_time_covered_is_that_of_the_age_with_most_panes() -> None:
    """From the start of the first pane to the end of the last one at any age; without panes 0."""
    layout = PLAIN
    live = series(layout, draw(layout, np.random.default_rng(1), 2_000, hours=240))
    early = PaneSeries(layout, live.width_us, live.panes[:24])
    nothing = PaneSeries(layout, live.width_us, ())
    side = live.total()
    ages = [Cohorts(0, one, side, auc_of_buckets(side["buckets"])) for one in (live, early, nothing)]
    assert covered_seconds(ages) == 240 * 3_600.0
    assert covered_seconds(ages[1:]) == 24 * 3_600.0
    assert covered_seconds(ages[2:]) == covered_seconds([]) == 0.0
