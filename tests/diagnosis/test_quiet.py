"""Without a gap: none where one worth knowing is excluded, abstention where it is not, a fault by its own evidence."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.baseline.evidence import StaticEvidence
from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import HINT, LEVEL_SHIFT, RATE_SHIFT, Evidence, gather
from sentinel.diagnosis.missing import evidence_for
from sentinel.diagnosis.quiet import (
    COPIES,
    EVIDENT,
    EXCLUDED,
    LEAST_COVERAGE,
    LEAST_SERVED,
    NEVER_THERE,
    NEVER_THERE_BEST,
    OVERSAMPLED,
    PERHAPS_OVERSAMPLED,
    RARE,
    UNKNOWN,
    assess,
    softmax,
)
from sentinel.diagnosis.report import Cause
from sentinel.evaluation.findings import Finding
from tests.diagnosis.test_mix import split, valued
from tests.diagnosis.test_proofs import feature, stuck
from tests.evaluation.worlds import Meta

N_OTHERS = len(Cause) - 2
"""Causes besides none and insufficient evidence."""


def evidence(*, excludes: bool, missing: float | None = None, **changes: Any) -> Evidence:
    """A judged stream without a gap, one of which is excluded or not; a feature may be missing live."""
    features = () if missing is None else (feature(lost=False, online_missing_ratio=missing),)
    found = gather(
        msgspec.structs.replace(split(None, None), features=features),
        Meta(),
        {"predictions": 5_000, "joined": 5_000},
        Alerts(),
    )
    quiet = msgspec.structs.replace(found.headline, upper=None, log_evidence=0.0)
    return replace(found, judged=True, detectable=0.0 if excludes else 9.0, **{"headline": quiet} | changes)


def test_an_excluded_gap_is_none() -> None:
    """By hand: none against eleven rare causes and a rare abstention."""
    probabilities, words = assess(evidence(excludes=True))
    assert probabilities[Cause.NONE] == pytest.approx(1 / (1 + (N_OTHERS + 1) * math.exp(RARE - EXCLUDED)))
    assert words == []


def test_what_cannot_be_excluded_is_insufficient_evidence() -> None:
    """By hand: abstention against none at even odds and eleven rare causes."""
    probabilities, _ = assess(evidence(excludes=False))
    rest = math.exp(-UNKNOWN) + N_OTHERS * math.exp(RARE - UNKNOWN)
    assert probabilities[Cause.INSUFFICIENT_EVIDENCE] == pytest.approx(1 / (1 + rest))


@pytest.mark.parametrize(
    ("detectable", "log_evidence", "wish"),
    [
        (9.0, 0.0, "can show a gap of 9.000 AUC, 0.070 is wanted"),
        (0.0, HINT, "hint at a gap, and neither prove nor exclude one"),
        (0.0, 0.0, None),
    ],
)
def test_only_what_is_lacking_is_wanted(detectable: float, log_evidence: float, wish: str | None) -> None:
    """Outcomes that could show any gap worth knowing, but hint at one, are not said to show too little."""
    found = evidence(excludes=False)
    headline = msgspec.structs.replace(found.headline, log_evidence=log_evidence)
    found = replace(found, detectable=detectable, headline=headline)
    wishes = evidence_for(Cause.INSUFFICIENT_EVIDENCE, found, {"predictions": 5_000, "joined": 5_000})
    told = [one for one in wishes if one.startswith("more outcomes")]
    assert [one.endswith(wish) for one in told] == [True] if wish else not told


def beside(one: Evidence, metric: str) -> Evidence:
    """The same, and another metric over all traffic that is worse beyond doubt."""
    loss = Finding(
        metric=metric,
        slice="all",
        offline=valued(0.6),
        online=valued(0.4),
        gap=0.2,
        lower=0.1,
        upper=0.3,
        log_evidence=40.0,
        alarm=True,
    )
    findings = (*one.evaluation.findings, loss)
    return replace(one, evaluation=msgspec.structs.replace(one.evaluation, findings=findings))


def test_a_metric_of_the_task_that_is_worse_forbids_none() -> None:
    """The question's AUC excludes a gap, but the explained variance has one: nothing is excluded, and it is said."""
    probabilities, words = assess(beside(evidence(excludes=True), "explained_variance"))
    assert max(probabilities, key=lambda cause: probabilities[cause]) is Cause.INSUFFICIENT_EVIDENCE
    assert words[0].startswith("explained_variance over all traffic is 0.400 live")


def test_a_loss_that_is_worse_is_said_and_proves_no_ranking_gap() -> None:
    """Losses beside the AUC leave its verdict as it is, with words for them."""
    probabilities, words = assess(beside(evidence(excludes=True), "log_loss"))
    assert probabilities == assess(evidence(excludes=True))[0]
    assert words[0].startswith("log_loss over all traffic is 0.400 live")


@pytest.mark.parametrize(("missing", "cause"), [(1.0, Cause.TRAIN_SERVE_SKEW), (0.5, Cause.DATA_QUALITY_FAULT)])
@pytest.mark.parametrize("excludes", [True, False])
def test_a_feature_that_stopped_arriving_shows_by_itself(missing: float, cause: Cause, excludes: bool) -> None:
    """All of it missing is skew since launch, half of it a later fault, before any gap can be seen."""
    probabilities, words = assess(evidence(excludes=excludes, missing=missing))
    assert max(probabilities, key=lambda one: probabilities[one]) is cause
    other = EXCLUDED if excludes else UNKNOWN
    assert probabilities[cause] / probabilities[Cause.NONE if excludes else Cause.INSUFFICIENT_EVIDENCE] == (
        pytest.approx(math.exp(RARE + EVIDENT - other))
    )
    assert "'balance'" in words[0]


@pytest.mark.parametrize(("n", "shows"), [(LEAST_SERVED, True), (LEAST_SERVED - 1, False)])
def test_of_a_few_predictions_any_share_may_be_chance(n: int, shows: bool) -> None:
    """From fifty predictions on a missing share is taken at its word."""
    _, words = assess(evidence(excludes=False, missing=1.0, n_predictions=n))
    assert bool(words) is shows


@pytest.mark.parametrize(
    ("rate", "level", "coverage", "way"),
    [
        (RATE_SHIFT, LEVEL_SHIFT, LEAST_COVERAGE, "more"),
        (-RATE_SHIFT, -LEVEL_SHIFT, 1.0, "less"),
        (RATE_SHIFT, LEVEL_SHIFT, LEAST_COVERAGE - 1e-9, None),  # early outcomes alone
        (RATE_SHIFT - 1e-9, LEVEL_SHIFT, 1.0, None),
        (RATE_SHIFT, LEVEL_SHIFT - 1e-9, 1.0, None),  # other scores explain the rate
    ],
)
def test_other_outcomes_at_equal_scores_are_label_shift(
    rate: float, level: float, coverage: float, way: str | None
) -> None:
    """Rate and level have both moved, and nearly all outcomes are known."""
    found = evidence(excludes=True, rate_shift=rate, level_shift=level, coverage=coverage)
    probabilities, words = assess(found)
    likeliest = max(probabilities, key=lambda cause: probabilities[cause])
    assert likeliest is (Cause.NONE if way is None else Cause.LABEL_SHIFT)
    assert way is None or f"25% {way} frequent" in words[0]


def never_served(*, best: bool) -> Evidence:
    """A feature that knew .8 offline and is missing in all of live; another knew more, or less."""
    other = valued(0.9 if not best else 0.6)
    struck = feature(online_missing_ratio=1.0, online_auc=valued(0.5))
    beside = feature(lost=False, name="tenure", offline_auc=other, online_auc=other)
    found = gather(
        msgspec.structs.replace(split(None, None), features=(struck, beside)),
        Meta(),
        {"predictions": 5_000, "joined": 5_000},
        Alerts(),
    )
    return replace(
        found, judged=True, detectable=0.0, headline=msgspec.structs.replace(found.headline, log_evidence=0.0)
    )


@pytest.mark.parametrize(("log_evidence", "cause"), [(HINT, Cause.INSUFFICIENT_EVIDENCE), (HINT - 1e-9, Cause.NONE)])
def test_a_hint_of_a_gap_forbids_none(log_evidence: float, cause: Cause) -> None:
    """A gap worth knowing would have been shown, but a smaller one is likely: nobody says that all is well."""
    found = evidence(excludes=True)
    hinting = replace(found, headline=msgspec.structs.replace(found.headline, log_evidence=log_evidence))
    probabilities, words = assess(hinting)
    assert max(probabilities, key=lambda one: probabilities[one]) is cause
    assert bool(words) is (cause is Cause.INSUFFICIENT_EVIDENCE)


@pytest.mark.parametrize(("best", "less"), [(True, NEVER_THERE_BEST), (False, NEVER_THERE)])
def test_a_value_that_is_never_served_may_not_exist_yet(best: bool, less: float) -> None:
    """Skew comes first, a leak close behind, closer if no feature knew more; both are said."""
    probabilities, words = assess(never_served(best=best))
    assert max(probabilities, key=lambda cause: probabilities[cause]) is Cause.TRAIN_SERVE_SKEW
    odds = probabilities[Cause.TRAIN_SERVE_SKEW] / probabilities[Cause.TARGET_LEAKAGE]
    assert odds == pytest.approx(math.exp(less))
    assert "may not exist yet" in words[1]


@pytest.mark.parametrize(
    ("rate", "oversampled", "lead"),
    [
        (-0.5, COPIES, -OVERSAMPLED),
        (-0.5, None, PERHAPS_OVERSAMPLED),
        (-0.5, 0.0, EVIDENT),
        (0.5, COPIES, EVIDENT),  # copies of positives cannot make them rarer offline
    ],
)
def test_positives_that_were_copied_make_live_ones_look_rare(
    rate: float, oversampled: float | None, lead: float
) -> None:
    """Where training rows show the copies they are named; where nobody can look, they stay likely."""
    static = StaticEvidence(oversampled_ratio=oversampled)
    found = evidence(excludes=True, rate_shift=rate, level_shift=rate, coverage=1.0, static=static)
    probabilities, _ = assess(found)
    odds = probabilities[Cause.LABEL_SHIFT] / probabilities[Cause.DUPLICATE_LEAKAGE]
    assert math.log(odds) == pytest.approx(lead)


@given(st.lists(st.floats(-1e6, 1e6), min_size=len(Cause), max_size=len(Cause)))
def test_softmax_is_a_distribution(scores: list[float]) -> None:
    """Whatever the log-odds, probabilities sum to one and keep their order."""
    found = softmax(dict(zip(Cause, scores, strict=True)))
    assert math.fsum(found.values()) == pytest.approx(1.0)
    assert found[list(Cause)[scores.index(max(scores))]] == max(found.values())


@pytest.mark.parametrize(("from_launch", "cause"), [(True, Cause.TRAIN_SERVE_SKEW), (False, Cause.DATA_QUALITY_FAULT)])
def test_a_stuck_score_is_a_fault_even_where_it_has_cost_nothing(from_launch: bool, cause: Cause) -> None:
    """Named with its words, whatever the gap."""
    found = msgspec.structs.replace(split(0.0, 0.01), stuck_score=stuck(from_launch=from_launch))
    evidence = gather(found, Meta(), {"predictions": 5_000, "joined": 5_000}, Alerts())
    probabilities, words = assess(evidence)
    assert max(probabilities, key=lambda one: probabilities[one]) is cause
    assert any(said.startswith("the live score ") for said in words)
