"""Each verdict against its look-alike: a leak is named, and what only resembles one is not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from sentinel.baseline.evidence import StaticEvidence
from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import find_suspects
from sentinel.diagnosis.report import Cause, Verdict
from sentinel.diagnosis.verdict import PROMOTED, diagnose, leakage_probability
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import FeatureFinding, Value
from sentinel.simulation import SCENARIOS
from sentinel.summaries.layout import BIN_BELOW, BIN_MISSING
from sentinel.summaries.panes import PaneSeries
from sentinel.summaries.rows import Rows
from tests.diagnosis.streams import watch
from tests.evaluation.worlds import HOUR_US, Meta, Side, count, draw, offline, series, world_layout

LAYOUT = world_layout()
PAGES = {"SentinelLeakageSuspected", "SentinelOfflineOnlineGap"}


def verdict_on(before: Rows, after: Rows, meta: Meta | None = None) -> Verdict:
    """The verdict on two sets of rows."""
    side = Side(LAYOUT, count(LAYOUT, before), meta or Meta())
    return diagnose(
        evaluate(side, series(LAYOUT, after), Alerts()), side, {"predictions": len(after), "joined": len(after)}
    )


@pytest.mark.parametrize("name", ["target_leakage", "target_leakage_default"])
def test_served_leak_is_named_with_its_feature(name: str) -> None:
    """A leak whose feature is null, or a default, when served is target leakage, its feature the first culprit."""
    seen = watch(name)
    assert seen.verdict.cause is Cause.TARGET_LEAKAGE
    assert seen.verdict.culprits[0].name == "cancellation_calls"
    assert leakage_probability(seen.verdict) >= 0.8


def test_skew_is_a_rival_of_a_served_leak() -> None:
    """Without feature times a wrongly served feature looks the same: skew is among three, and they are asked for."""
    verdict = watch("target_leakage").verdict
    ranked = sorted(verdict.probabilities, key=lambda cause: verdict.probabilities[cause], reverse=True)
    assert ranked[0] == "target_leakage"
    assert "train_serve_skew" in ranked[:3]
    assert "feature times or a backfill" in " ".join(verdict.missing_evidence)


def test_future_feature_keeps_something() -> None:
    """A feature that still arrives and knows something is a leak, a temporal one among the two likeliest."""
    seen = watch("future_feature")
    probabilities = seen.verdict.probabilities
    assert seen.verdict.family == "leakage"
    assert "temporal_leakage" in sorted(probabilities, key=lambda cause: probabilities[cause])[-2:]
    assert seen.verdict.culprits[0].name == "sessions_this_month"


def test_copied_rows_are_leakage_without_a_feature() -> None:
    """A leak that no feature shows is still leakage, and has no culprit."""
    verdict = watch("duplicate_leakage").verdict
    assert verdict.family == "leakage"
    assert leakage_probability(verdict) >= 0.8
    assert verdict.culprits == ()


@pytest.mark.parametrize("name", ["clean", "covariate_drift", "concept_drift", "data_quality_fault"])
def test_look_alikes_are_no_leak(name: str) -> None:
    """What is no leak never comes near one, and never raises the alert for one."""
    seen = watch(name)
    assert leakage_probability(seen.verdict) < 0.2
    assert "SentinelLeakageSuspected" not in seen.names()


def test_clean_stream_is_none_and_silent() -> None:
    """Nothing wrong: the verdict is none, and no alert of any name fires."""
    seen = watch("clean")
    assert seen.verdict.cause is Cause.NONE
    assert seen.alerts == ()


def test_concept_drift_is_drift() -> None:
    """A gap from the middle on is drift, said to have come later, and a warning only."""
    seen = watch("concept_drift")
    assert seen.verdict.cause is Cause.CONCEPT_DRIFT
    assert any("was not there at launch" in reason for reason in seen.verdict.reasons)
    assert {a.severity for a in seen.alerts if a.name == "SentinelOfflineOnlineGap"} == {"warning"}


def test_fault_is_named_with_its_feature() -> None:
    """A feature that arrives as null from the middle on is a data-quality fault."""
    seen = watch("data_quality_fault")
    assert seen.verdict.cause is Cause.DATA_QUALITY_FAULT
    assert seen.verdict.culprits[0].name == "days_since_login"
    assert "SentinelDataQuality" in seen.names()


@pytest.mark.parametrize("name", SCENARIOS)
def test_probabilities_are_probabilities(name: str) -> None:
    """Every cause has a probability, they sum to one, and the confidence is that of the cause."""
    verdict = watch(name).verdict
    assert set(verdict.probabilities) == {cause.value for cause in Cause}
    assert sum(verdict.probabilities.values()) == pytest.approx(1.0, abs=1e-12)
    assert all(math.isfinite(p) and 0 <= p <= 1 for p in verdict.probabilities.values())
    assert verdict.confidence == verdict.probabilities[verdict.cause.value]
    assert verdict.family == verdict.cause.family
    assert sum(culprit.weight for culprit in verdict.culprits) <= 1 + 1e-12


def test_too_small_a_validation_set_is_said() -> None:
    """Sixty positives offline can prove no gap of .07, so the verdict abstains and says what is short."""
    rng = np.random.default_rng(1)
    verdict = verdict_on(draw(LAYOUT, rng, 300, base_rate=0.2), draw(LAYOUT, rng, 4_000, base_rate=0.2))
    assert verdict.cause is Cause.INSUFFICIENT_EVIDENCE
    assert verdict.minimum_detectable_gap["auc"] > 0.07
    assert "a larger validation set" in verdict.missing_evidence[0]


def test_no_outcomes_yet_is_insufficient() -> None:
    """Before the first outcome the verdict abstains and asks for outcomes."""
    side = offline(LAYOUT, draw(LAYOUT, np.random.default_rng(2), 4_000))
    found = evaluate(side, PaneSeries(LAYOUT, HOUR_US, ()), Alerts())
    verdict = diagnose(found, side, {"predictions": 5, "joined": 0})
    assert verdict.cause is Cause.INSUFFICIENT_EVIDENCE
    assert "5 predictions still have none" in verdict.missing_evidence[0]


def test_covariate_shift_since_launch_is_no_leak() -> None:
    """Other inputs since launch narrow the scores of a calibrated model: the gap is real, the cause covariate drift."""
    rng = np.random.default_rng(3)
    wide, narrow = draw(LAYOUT, rng, 6_000, auc=0.9), draw(LAYOUT, rng, 6_000, auc=0.75)
    narrow["features"][:, 1] = np.minimum(narrow["features"][:, 1] + 2, narrow["features"].max())
    verdict = verdict_on(wide, narrow)
    assert verdict.cause is Cause.COVARIATE_DRIFT
    assert leakage_probability(verdict) < 0.5


def test_constant_feature_is_not_excused_as_other_inputs() -> None:
    """The same narrowing, but with the best feature gone: then it is the feature, not the customers."""
    rng = np.random.default_rng(4)
    wide = draw(LAYOUT, rng, 6_000, auc=0.9, first_feature=0.85)
    narrow = draw(LAYOUT, rng, 6_000, auc=0.75)
    narrow["features"][:, 0] = BIN_MISSING
    verdict = verdict_on(wide, narrow)
    assert verdict.cause is Cause.TARGET_LEAKAGE
    assert verdict.culprits[0].name == "x0"


@pytest.mark.parametrize(("n", "cause"), [(49, Cause.INSUFFICIENT_EVIDENCE), (50, Cause.TRAIN_SERVE_SKEW)])
def test_few_missing_values_say_nothing_without_a_gap(n: int, cause: Cause) -> None:
    """A feature missing in the first few predictions may be chance; only from fifty on it is a verdict by itself."""
    rng = np.random.default_rng(6)
    first = draw(LAYOUT, rng, n, auc=0.75)
    first["features"][:, 0] = BIN_MISSING
    assert verdict_on(draw(LAYOUT, rng, 6_000, auc=0.75), first).cause is cause


def test_more_positives_at_every_score_is_label_shift() -> None:
    """The same ranking with twice the base rate is label shift, whatever the losses say."""
    rng = np.random.default_rng(5)
    live = draw(LAYOUT, rng, 8_000, base_rate=0.2)
    kept = (live["outcome"] == 1) | (rng.random(len(live)) < 0.375)  # odds times 8 / 3
    verdict = verdict_on(draw(LAYOUT, rng, 8_000, base_rate=0.2), live[kept])
    assert verdict.cause is Cause.LABEL_SHIFT


def test_values_out_of_range_since_launch_are_skew() -> None:
    """A feature in another unit, which the model relied on, is train-serve skew before it is a leak."""
    rng = np.random.default_rng(6)
    before = draw(LAYOUT, rng, 6_000, auc=0.85, first_feature=0.8)
    live = draw(LAYOUT, rng, 6_000, auc=0.75)
    live["score"] = live["score"] ** 0.3
    live["score_bin"] = np.searchsorted(LAYOUT.edges_array, live["score"], side="right")
    live["features"][:, 0] = BIN_BELOW
    probabilities = verdict_on(before, live).probabilities
    assert probabilities["train_serve_skew"] >= 0.05
    assert probabilities["train_serve_skew"] > probabilities["data_quality_fault"]


@pytest.mark.parametrize(("protocol", "cause"), [("time", "temporal_leakage"), ("group", "group_leakage")])
def test_stated_split_speaks_against_its_leak(protocol: str, cause: str) -> None:
    """A split by time or group makes its own leak less likely than an unknown split does."""
    rng = np.random.default_rng(7)
    before, live = draw(LAYOUT, rng, 4_000, auc=0.9), draw(LAYOUT, rng, 4_000, auc=0.75)
    live["score"] = np.clip(live["score"] * rng.uniform(0.2, 1.8, len(live)), 0.001, 0.999)
    live["score_bin"] = np.searchsorted(LAYOUT.edges_array, live["score"], side="right")
    unknown, known = (verdict_on(before, live, Meta(static=StaticEvidence(split_protocol=p))) for p in (None, protocol))
    assert known.probabilities[cause] < unknown.probabilities[cause]


def finding(offline_missing: float, online_missing: float, top: float = 0.5, unseen: float = 0.0) -> FeatureFinding:
    """A feature without association, served like this."""
    known = Value(value=0.5, lower=0.4, upper=0.6, n=100)
    return FeatureFinding(
        name="x",
        kind="numeric",
        offline_auc=known,
        online_auc=known,
        collapse=0.0,
        offline_missing_ratio=offline_missing,
        online_missing_ratio=online_missing,
        offline_top_share=0.4,
        online_top_share=top,
        online_top_bin="[0, 1)",
        online_unseen_ratio=unseen,
    )


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        (finding(0.0, 0.3), True),
        (finding(0.0, 0.1), False),  # a tenth is no fault
        (finding(0.4, 0.64), False),  # odds 2.7 times as high: near one half shares move easily
        (finding(0.1, 0.4), True),
        (finding(0.3, 0.0), False),  # fewer missing is no fault
    ],
)
def test_missing_share_that_jumped(feature: FeatureFinding, expected: bool) -> None:
    """A rise counts when it is large in share and in odds."""
    assert any(suspect.missing_rose for suspect in find_suspects((feature,))) is expected


def test_constant_out_of_range_is_no_constant() -> None:
    """Values beyond the last bin share a bin, not a value."""
    (suspect,) = find_suspects((finding(0.0, 0.0, top=1.0, unseen=1.0),))
    assert (suspect.constant, suspect.out_of_range, suspect.since_launch) == (False, True, True)


@dataclass(frozen=True)
class Promoted(Meta):
    """What the meta of a promoted baseline has besides."""

    provenance: str = "accepted"


def test_against_promoted_traffic_no_leak_is_likely() -> None:
    """The same gap, of a feature that went missing, is a leak against offline rows and none against live ones."""
    rng = np.random.default_rng(4)
    before = draw(LAYOUT, rng, 6_000, auc=0.9, first_feature=0.85)
    live = draw(LAYOUT, rng, 6_000, auc=0.75)
    live["features"][:, 0] = BIN_MISSING
    offline_rows, promoted = verdict_on(before, live), verdict_on(before, live, Promoted())
    odds = [p / (1 - p) for p in (leakage_probability(offline_rows), leakage_probability(promoted))]
    assert math.log(odds[0] / odds[1]) == pytest.approx(PROMOTED)
    assert promoted.reasons[1].startswith("the reference is promoted live traffic")
    assert not any("promoted" in reason for reason in offline_rows.reasons)


def test_an_alarm_of_the_losses_is_said_where_the_auc_cannot_be_judged() -> None:
    """Outcomes of one class leave no AUC to judge; the loss stands at alarm, and the reasons say so."""
    rng = np.random.default_rng(8)
    live = draw(LAYOUT, rng, 8_000)
    live = live[live["outcome"] == 1]
    verdict = verdict_on(draw(LAYOUT, rng, 8_000), live)
    assert verdict.cause is not Cause.NONE
    said = [reason for reason in verdict.reasons if reason.startswith("log_loss over all traffic is ")]
    assert said
    assert said[0].endswith("; the AUC proves none")
