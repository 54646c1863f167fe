"""The benchmark of pages in a year: what a year brings, who is told of what, and that a benign year wakes nobody."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from benchmarks._flapping import GATE, RELEASE, gap_evidence, times_fired
from benchmarks._ordinary_years import (
    DAYS,
    HOLIDAYS,
    LIVES,
    SLOW_MONTH,
    Life,
    benign_years,
    demo_year,
    leak_years,
    live,
    mean_traffic,
    play_year,
    traffic,
)
from benchmarks._pager import PAGE, TICKET, Notice, Pager, inhibitions
from benchmarks.false_pages import Told, rate, upper_bound, watch
from sentinel.diagnosis.report import Cause
from sentinel.simulation.causes import VARIANTS
from sentinel.simulation.simulator import simulate
from sentinel.simulation.trials import GENERATORS
from tests.diagnosis.test_alerts import GOOD, Look, leaning

GAP, LEAK = "SentinelOfflineOnlineGap", "SentinelLeakageSuspected"


def test_a_year_of_the_benign_demonstration_wakes_nobody() -> None:
    """A year of 40 predictions a day, with holidays and a slow month: no page, and one ticket, for the old baseline."""
    told = watch(demo_year(per_day=40.0, seed=7), Told("simulated", "benign", "demo", ""))
    assert told.of(PAGE) == []
    assert [ticket.name for ticket in told.of(TICKET)] == ["SentinelBaselineStale"]
    assert told.years == pytest.approx(1.0, abs=0.02)
    assert told.n_outcomes > 0.95 * 40 * DAYS


def test_the_same_watcher_pages_on_a_leak() -> None:
    """Silence is not for want of looking: the demonstration's leak pages on its seventh day, for its cause."""
    leaking = simulate("target_leakage", seed=7, n_stream=1_500, stream_days=10)
    told = watch(leaking, Told("simulated", "leak", "demo", ""))
    (page,) = told.of(PAGE)
    assert page.name == LEAK
    assert 6.0 <= told.days(page) <= 9.0


def pages(*looks: Look) -> list[str]:
    """What these looks page for."""
    pager = Pager(inhibitions())
    for day, (evaluation, verdict, counts) in enumerate(looks):
        pager.look(evaluation, verdict, counts, day * 86_400_000_000)
    return [notice.name for notice in pager.notices if notice.severity == PAGE]


def named(look: Look, cause: Cause) -> Look:
    """The same look, with this cause named."""
    evaluation, verdict, counts = look
    return evaluation, msgspec.structs.replace(verdict, cause=cause), counts


def test_a_page_that_comes_back_is_a_second_page() -> None:
    """A gap that no leak explains pages, stands without a word, ends, and pages anew."""
    gap = named(leaning(0.0), Cause.CONCEPT_DRIFT)
    assert pages(gap, gap, GOOD, gap) == [GAP, GAP]
    assert pages(GOOD, GOOD) == []


def test_a_named_leak_silences_its_gap() -> None:
    """A leak and its gap are one page by the example of Alertmanager; the gap pages once no leak is named."""
    assert pages(leaning(0.9)) == [LEAK]
    assert pages(leaning(0.9), named(leaning(0.0), Cause.CONCEPT_DRIFT)) == [LEAK, GAP]
    assert pages(leaning(0.6)) == [GAP], "a suspicion that only warns silences no page"


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_a_year_has_its_holidays_and_its_traffic(life: Life) -> None:
    """No prediction in the holidays, few in the slow month, none at night where there are nights."""
    noon = traffic(life, np.arange(0.0, DAYS) + 0.5)
    assert not noon[int(HOLIDAYS[0]) : int(HOLIDAYS[1])].any()
    assert noon[int(SLOW_MONTH[0]) : int(SLOW_MONTH[1])].max() < 0.2
    midnight = traffic(life, np.arange(0.0, DAYS))
    assert midnight.any() != life.has_nights
    assert 0.2 < mean_traffic(life) < 0.95


def test_what_a_year_brings_happens_to_every_part_alike() -> None:
    """Ids, feature times and backfills still fit, and the outcomes of the stalled days come at once."""
    year = replace(benign_years(9, seed=4)[0], life=LIVES[1])
    nuisances = replace(year.plan.nuisances, n_train=600, n_validation=600, n_features=4, learner="logistic")
    nuisances = replace(nuisances, has_feature_times=True, has_backfills=True, delay="none")
    simulated = play_year(replace(year, plan=replace(year.plan, nuisances=nuisances)))
    rows, times, backfills = simulated.stream, simulated.feature_times, simulated.backfills
    assert times is not None
    assert backfills is not None
    assert list(times["prediction_id"]) == [*simulated.validation["prediction_id"], *rows["prediction_id"]]
    assert set(backfills["prediction_id"]) <= set(rows["prediction_id"])
    assert len(rows) == pytest.approx(LIVES[1].per_day * DAYS, rel=0.05)
    most, n = Counter(rows["outcome_at"]).most_common(1)[0]
    assert n == pytest.approx(4 * len(rows) / (DAYS - 14.0 - 0.85 * 30.0), rel=0.25)
    assert (most - rows["predicted_at"].min()).days == 103


def test_the_same_year_is_the_same() -> None:
    """What is taken out of a stream depends on nothing but the stream."""
    drawn = simulate("clean", seed=3, n_train=200, n_validation=200, n_stream=400, stream_days=DAYS)
    first, second = live(drawn, LIVES[0]), live(drawn, LIVES[0])
    assert first.stream.equals(second.stream)


def test_benign_years_take_every_variant_generator_and_life() -> None:
    """Of 36 years each variant has four, every generator and traffic is there, and four are clean and stand still."""
    years = benign_years(36, seed=1)
    assert Counter(y.plan.variant for y in years if not y.is_still) == dict.fromkeys(VARIANTS["none"], 4)
    assert {y.plan.generator for y in years} == set(GENERATORS)
    assert {y.life for y in years} == set(LIVES)
    assert sum(y.is_still for y in years) == 4
    assert {y.plan.cause for y in leak_years(6, seed=1)} == {y.world for y in leak_years(6, seed=1)}


def test_the_bound_is_that_of_a_poisson_law() -> None:
    """With no event in 10 years the rate is at most -ln(.05) / 10; e^-x (1 + x) = .05 at 4.744 for one."""
    assert upper_bound(0, 10.0) == pytest.approx(0.29957, abs=1e-5)
    assert upper_bound(1, 10.0) == pytest.approx(0.4744, abs=1e-4)


def test_only_what_is_false_is_counted_as_false() -> None:
    """Every page of a benign stream, the leaks claimed of a drifting one, nothing of a leaking one."""
    sent = [Notice(name, PAGE, 0, 0, "") for name in (GAP, LEAK)] + [Notice("SentinelDrift", TICKET, 0, 0, "")]
    told = {kind: Told("simulated", kind, "", "", years=2.0, notices=sent) for kind in ("benign", "drift", "leak")}
    assert {kind: len(one.false_pages) for kind, one in told.items()} == {"benign": 2, "drift": 1, "leak": 0}
    assert rate([told["benign"]])[:2] == (2, 2.0)


def test_one_gap_fires_once_where_it_is_not_resolved_at_the_gate() -> None:
    """Resolved at the gate a gap of .10 fires three times or more on average, at the odds that warn hardly twice."""
    evidence = gap_evidence(25, 0.10, seed=5)
    at_gate, at_release = times_fired(evidence, GATE), times_fired(evidence, RELEASE)
    assert ((at_gate > 0) == (at_release > 0)).all()
    assert at_gate[at_gate > 0].mean() > 2.5
    assert at_release[at_release > 0].mean() < 1.2
