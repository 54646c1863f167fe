"""Trials: the same for the same plan, circumstances that know nothing of the cause, and mechanisms that are real."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, kruskal
from sklearn.metrics import roc_auc_score

from sentinel.simulation import SimulatedStream
from sentinel.simulation.causes import VARIANTS
from sentinel.simulation.nuisances import Nuisances
from sentinel.simulation.plan import TrialPlan
from sentinel.simulation.strength import Severity
from sentinel.simulation.trials import GENERATORS, HELD_OUT, SEVERITIES, plan_trial, plan_trials, play

ENVELOPE = ["prediction_id", "predicted_at", "outcome_at", "score", "outcome", "group"]
NUMBERS = [f.name for f in fields(Nuisances) if f.type in ("int", "float")]
WORDS = [f.name for f in fields(Nuisances) if f.type not in ("int", "float")]
PLAIN: dict[str, Any] = {
    "n_train": 2_500, "n_validation": 2_500, "n_stream": 4_000, "base_rate": 0.25, "learner": "boosting",
    "capacity": 0.7, "n_features": 10, "strength": 1.2, "profile": "flat", "entity_sd": 0.0, "rows_per_entity": 12.0,
    "returning_ratio": 0.0, "n_marks": 0, "season": 0.0, "day_sd": 0.0, "wobble": 0.0, "missing_ratio": 0.0,
    "harmless_drift": 0.0, "has_context": False, "protocol": "group", "protocol_is_wrong": False,
    "states_protocol": True, "states_candidates": True, "gives_train": True, "candidates": 1,
    "has_feature_times": True, "has_backfills": True, "stamps_are_right": True, "declares_availability": True,
    "delay": "exponential", "delay_hours": 12.0, "absence_is_negative": False, "stream_days": 20.0,
}  # fmt: skip
"""Circumstances in which a mechanism shows plainly."""


@cache
def played(
    cause: str, variant: str, severity: Severity = "large", seed: int = 1, generator: str = "customers", **_: object
) -> SimulatedStream:
    """One trial of a cause under plain circumstances, from the middle of the stream on where it can."""
    return play(plain_plan(cause, variant, severity, seed, generator))


def plain_plan(
    cause: str, variant: str, severity: Severity = "large", seed: int = 1, generator: str = "customers"
) -> TrialPlan:
    """Its plan."""
    onset = 0.5 if cause.endswith(("_drift", "_shift", "_fault")) else 0.0
    return TrialPlan(generator, cause, variant, severity, onset, None, seed, Nuisances(**PLAIN))


def auc(frame: pd.DataFrame) -> float:
    """Area under the curve by scikit-learn."""
    return float(roc_auc_score(frame["outcome"], frame["score"]))


def halves(simulated: SimulatedStream) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The stream before the onset, and from it on."""
    is_later = simulated.stream["predicted_at"] >= simulated.truth.onset
    return simulated.stream[~is_later], simulated.stream[is_later]


def mean_gap(cause: str, variant: str) -> float:
    """Mean gap of three trials: one alone has a standard error of about .015."""
    return float(np.mean([played(cause, variant, seed=seed).truth.gap for seed in (1, 2, 3)]))


@pytest.mark.parametrize("generator", GENERATORS)
def test_same_plan_same_rows(generator: str) -> None:
    """Played twice, a trial is the same to the last bit, truth and manifest included."""
    plan = plan_trials(generator, 20, 7)[11]
    first, second = play(plan), play(plan)
    for part in ("train", "validation", "stream"):
        pd.testing.assert_frame_equal(getattr(first, part), getattr(second, part), check_exact=True)
    assert (first.truth, first.manifest) == (second.truth, second.manifest)
    assert plan == plan_trials(generator, 20, 7)[11]


@pytest.mark.parametrize("generator", GENERATORS)
def test_frames_are_canonical(generator: str) -> None:
    """Columns, types and order of time are those of the public contract in every world, and ids never repeat."""
    simulated = play(plan_trial(generator, "none", variant="clean", seed=3))
    parts = (simulated.train, simulated.validation, simulated.stream)
    for frame in parts:
        assert list(frame.columns[:6]) == ENVELOPE
        assert list(frame.columns) == list(simulated.train.columns)
        assert str(frame["predicted_at"].dtype) == str(frame["outcome_at"].dtype) == "datetime64[us, UTC]"
        assert frame["predicted_at"].is_monotonic_increasing
        assert frame["score"].between(0.0, 1.0).all()
    assert pd.concat(parts)["prediction_id"].is_unique
    assert set(simulated.slices) <= set(simulated.stream.columns)
    assert len(simulated.slices) == 2


def test_causes_are_balanced() -> None:
    """Each cause has its equal share of the plans, each variant and severity of its cause, and 15 % have two."""
    plans = plan_trials("customers", 1_200, 5)
    assert set(Counter(plan.cause for plan in plans).values()) == {100}
    for cause, variants in VARIANTS.items():
        cells = Counter((p.variant, p.severity) for p in plans if p.cause == cause)
        assert len(cells) == len(variants) * len(SEVERITIES)
        assert max(cells.values()) - min(cells.values()) <= 1
    n_two = sum(plan.second_cause is not None for plan in plans)
    assert abs(n_two - 180) < 4 * np.sqrt(1_200 * 0.15 * 0.85)  # binomial, four standard errors
    assert all(plan.second_cause != plan.cause for plan in plans)


@pytest.mark.parametrize("name", WORDS)
def test_words_do_not_depend_on_the_cause(name: str) -> None:
    """A contingency test over 2,400 plans finds nothing at 1 in 10,000: no nuisance may tell the cause."""
    plans = plan_trials("series", 2_400, 11)
    table = pd.crosstab([str(getattr(p.nuisances, name)) for p in plans], [p.cause for p in plans])
    assert chi2_contingency(table).pvalue > 1e-4


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_do_not_depend_on_the_cause(name: str) -> None:
    """A rank test over 2,400 plans finds nothing at 1 in 10,000."""
    plans = plan_trials("series", 2_400, 11)
    samples = [[float(getattr(p.nuisances, name)) for p in plans if p.cause == cause] for cause in VARIANTS]
    assert kruskal(*samples).pvalue > 1e-4


def test_nuisances_are_in_range() -> None:
    """Sizes and base rates are those that were asked for, with enough positives in most trials."""
    drawn = [plan.nuisances for plan in plan_trials("customers", 1_000, 2)]
    assert all(500 <= n.n_train <= 12_000 and 500 <= n.n_validation <= 20_000 for n in drawn)
    assert all(3_000 <= n.n_stream <= 20_000 and 4 <= n.n_features <= 40 for n in drawn)
    assert all(0.005 <= n.base_rate <= 0.4 for n in drawn)
    assert np.mean([n.base_rate * n.n_validation >= 40 for n in drawn]) > 0.8


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("variant", VARIANTS["none"])
def test_benign_worlds_have_no_gap(generator: str, variant: str) -> None:
    """Look-alikes cost nothing: their gap is within four standard errors (.06 here) of 0, and there is no onset."""
    simulated = played("none", variant, generator=generator)
    assert abs(simulated.truth.gap) < 0.06
    assert (simulated.truth.cause, simulated.truth.onset) == ("none", None)


@pytest.mark.parametrize("cause", [c for c in VARIANTS if c.endswith("_leakage")])
def test_leaks_inflate_from_the_launch(cause: str) -> None:
    """Every variant that is planted strongly costs .03 or more, from the first day on."""
    for variant in VARIANTS[cause]:
        gap = mean_gap(cause, variant)
        assert gap > (0.01 if variant == "selection_on_all" else 0.03), (variant, gap)
        assert played(cause, variant).truth.onset == played(cause, variant).stream["predicted_at"].min().normalize()


def test_selection_optimism_grows_with_the_candidates() -> None:
    """The best of 1,000 on a small validation set promises more than the best of 10, and more than it keeps."""
    few, many = mean_gap("selection_optimism", "best_of_10"), mean_gap("selection_optimism", "best_of_1000")
    assert many > 0.03
    assert many > few - 0.02
    assert played("selection_optimism", "best_of_1000").manifest["candidates"] == 1_000


@pytest.mark.parametrize("cause", ["train_serve_skew", "data_quality_fault"])
def test_faults_move_their_culprits_and_nothing_else(cause: str) -> None:
    """Marginals of the culprits change where the fault acts; those of the other numbers pass a rank test."""
    for variant in VARIANTS[cause]:
        simulated = played(cause, variant)
        culprits = simulated.truth.culprits
        assert culprits
        if cause == "data_quality_fault":
            before, after = halves(simulated)
            assert auc(before) > auc(after)
            for name in culprits:
                assert before[name].nunique() + before[name].isna().sum() != after[name].nunique() + (
                    after[name].isna().sum()
                )
        backfills = simulated.backfills
        assert backfills is not None
        served = simulated.stream.set_index("prediction_id").loc[backfills["prediction_id"]].reset_index()
        changed = {n for n in backfills.columns if not served[n].equals(backfills[n])}
        assert set(culprits) <= changed
        assert len(changed) <= len(culprits) + 1  # a swap has a partner


def test_severity_grows() -> None:
    """A leak planted more strongly costs more."""
    gaps = [np.mean([played("target_leakage", "stale", s, seed).truth.gap for seed in (1, 2, 3)]) for s in SEVERITIES]
    assert gaps[0] < gaps[1] < gaps[2]
    assert 0.08 < gaps[2] < 0.25


@pytest.mark.parametrize("variant", ["null", "default", "stale"])
def test_target_leaks_know_the_outcome_offline_only(variant: str) -> None:
    """The culprit ranks offline outcomes and no live ones; recomputed afterwards it ranks these too."""
    simulated = played("target_leakage", variant)
    (culprit,) = simulated.truth.culprits

    def knows(frame: pd.DataFrame) -> float:
        values = frame[culprit]
        return abs(float(roc_auc_score(frame["outcome"], values.fillna(values.min() - 1.0).fillna(-1.0))) - 0.5)

    assert knows(simulated.validation) > 0.15
    assert knows(simulated.stream) < 0.05
    assert simulated.backfills is not None
    outcomes = simulated.stream[["prediction_id", "outcome"]]
    assert knows(simulated.backfills.merge(outcomes, on="prediction_id")) > 0.15


def test_feature_times_and_declarations_give_the_leak_away() -> None:
    """Where stamps are right, the culprit alone is written after the prediction offline, and declared so."""
    simulated = played("target_leakage", "stale")
    (culprit,) = simulated.truth.culprits
    times = simulated.feature_times
    assert times is not None
    n = len(simulated.validation)
    made = pd.concat([simulated.validation["predicted_at"], simulated.stream["predicted_at"]], ignore_index=True)
    late = {name: (times[name] > made) for name in times.columns if name != "prediction_id"}
    assert late[culprit][:n].mean() > 0.3
    assert not late[culprit][n:].any()
    assert not any(values.any() for name, values in late.items() if name != culprit)
    assert [name for name, when in simulated.availability.items() if when == "after_outcome"] == [culprit]


@pytest.mark.parametrize("variant", VARIANTS["group_leakage"])
def test_groups_overlap_offline_and_not_live(variant: str) -> None:
    """The share of validation rows of known entities is what the variant says; live it is about 0."""
    simulated = played("group_leakage", variant)
    known = set(simulated.train["group"])
    wanted = float(variant.removeprefix("overlap_")) / 100
    assert simulated.validation["group"].isin(known).mean() == pytest.approx(wanted, abs=0.04)
    assert simulated.stream["group"].isin(known).mean() < 0.01


def test_harmless_overlap_is_the_same_live() -> None:
    """As many known entities live as offline, within four standard errors."""
    simulated = played("none", "harmless_overlap")
    known = set(simulated.train["group"])
    offline, live = (part["group"].isin(known).mean() for part in (simulated.validation, simulated.stream))
    assert offline > 0.25
    assert abs(offline - live) < 0.05


def test_copies_are_copies() -> None:
    """Three fifths of the validation rows are training rows to the last digit, under ids of their own."""
    simulated = played("duplicate_leakage", "exact")
    features = list(simulated.train.columns[6:])
    known = set(simulated.train[features].itertuples(index=False, name=None))
    copied = [row in known for row in simulated.validation[features].itertuples(index=False, name=None)]
    assert np.mean(copied) == pytest.approx(0.6, abs=0.001)
    assert simulated.truth.honest_auc is not None
    assert abs(simulated.truth.honest_auc - simulated.truth.online_auc) < 0.06  # four standard errors


def test_honest_auc_is_that_of_the_first_cause_alone() -> None:
    """Copies that come on top of another leak do not make the estimate without them the honest one of that leak."""
    plan = plan_trial("customers", "target_leakage", variant="null", seed=1)
    plan = replace(plan, second_cause="duplicate_leakage", nuisances=Nuisances(**{**PLAIN, "n_stream": 500}))
    truth = play(plan).truth
    assert (truth.second_cause, truth.honest_auc) == ("duplicate_leakage", None)


@pytest.mark.parametrize("variant", VARIANTS["label_shift"])
def test_label_shift_changes_the_rate_and_not_the_ranking(variant: str) -> None:
    """After the onset positives are as much more common as stated; the AUC stays within four standard errors."""
    before, after = halves(played("label_shift", variant))
    factor = {"by_half": 1.5, "threefold": 2.5}[variant]  # 3 x .25 is cut to .625
    assert after["outcome"].mean() / before["outcome"].mean() == pytest.approx(factor, rel=0.1)
    assert abs(auc(before) - auc(after)) < 0.08


@pytest.mark.parametrize("variant", VARIANTS["concept_drift"])
def test_concept_drift_leaves_features_alone(variant: str) -> None:
    """The AUC falls after the onset although no feature has moved by a tenth of its spread."""
    before, after = halves(played("concept_drift", variant))
    assert auc(before) - auc(after) > 0.03
    for name in before.columns[6:]:
        if before[name].dtype == np.float64:
            assert abs(after[name].mean() - before[name].mean()) < 0.12 * before[name].std()


def test_covariate_drift_moves_its_culprits() -> None:
    """The mix of the slice changes by more than chance after the onset."""
    simulated = played("covariate_drift", "slice")
    (culprit,) = simulated.truth.culprits
    before, after = halves(simulated)
    table = pd.DataFrame({"a": before[culprit].value_counts(), "b": after[culprit].value_counts()}).fillna(0)
    assert chi2_contingency(table).pvalue < 1e-6


def test_conversions_may_report_positives_only() -> None:
    """Where absence is negative, live outcomes are told for positives alone; offline ones are complete."""
    plan = plain_plan("none", "clean", generator="conversions")
    simulated = play(replace(plan, nuisances=replace(plan.nuisances, absence_is_negative=True)))
    assert simulated.absence == "negative"
    assert set(simulated.stream["outcome"].dropna()) == {1.0}
    assert (simulated.stream["outcome"].isna() == simulated.stream["outcome_at"].isna()).all()
    assert simulated.validation["outcome_at"].notna().all()


def test_second_cause_is_planted_too() -> None:
    """With a shift of the base rate on top, a leak has both its gap and the other's rate."""
    simulated = play(replace(plain_plan("target_leakage", "stale"), second_cause="train_serve_skew"))
    assert simulated.truth.second_cause == "train_serve_skew"
    assert len(simulated.truth.culprits) >= 2


def test_manifest_is_silent_when_told_so() -> None:
    """What a team does not state is not in its manifest."""
    plan = plain_plan("none", "clean")
    quiet = replace(plan.nuisances, states_protocol=False, states_candidates=False, gives_train=False)
    simulated = play(replace(plan, nuisances=quiet))
    assert simulated.manifest == {}
    assert not simulated.train_file_given


def test_unknown_names_are_refused() -> None:
    """Generator, cause and variant: the message lists those there are."""
    with pytest.raises(ValueError, match=r"no generator is named 'x' \(there are customers, "):
        plan_trials("x", 1, 1)
    with pytest.raises(ValueError, match=r"no cause is named 'x' \(there are target_leakage, "):
        plan_trial("customers", "x")
    with pytest.raises(ValueError, match=r"label_shift has no variant 'x' \(there are by_half, threefold\)"):
        plan_trial("customers", "label_shift", variant="x")
    assert HELD_OUT in GENERATORS
