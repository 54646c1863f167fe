"""Every scenario holds what it promises: its gap, its cause, and nothing else changed."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import chi2, chi2_contingency, ks_2samp
from sklearn.metrics import roc_auc_score

from sentinel.simulation import SCENARIOS, SimulatedStream, Sizes, UnknownScenarioError, simulate
from sentinel.simulation.churn import PLANS, REGIONS
from sentinel.simulation.learner import MissingExtraError, feature_names

SEED = 20_260_105
LEAKS = [name for name, scenario in SCENARIOS.items() if scenario.cause.endswith("_leakage")]
LEAKY_FEATURES = [name for name in LEAKS if SCENARIOS[name].culprits]
MID_STREAM = [name for name, scenario in SCENARIOS.items() if scenario.onset_ratio == 0.5]
CAUSES = {
    "target_leakage", "temporal_leakage", "group_leakage", "duplicate_leakage", "preprocessing_leakage",
    "selection_optimism", "train_serve_skew", "data_quality_fault", "covariate_drift", "label_shift",
    "concept_drift", "none",
}  # fmt: skip
"""The causes of the public contract that a world can have."""


@cache
def world(name: str) -> SimulatedStream:
    """One run of each scenario serves all tests; none changes its frames."""
    return simulate(name, seed=SEED)


def auc(frame: pd.DataFrame) -> float:
    """Area under the curve by scikit-learn."""
    return float(roc_auc_score(frame["outcome"], frame["score"]))


def auc_variance(frame: pd.DataFrame) -> float:
    """DeLong, DeLong, Clarke-Pearson (1988): the variance of the AUC from its two placement samples."""
    positive = np.sort(frame.loc[frame["outcome"] == 1, "score"].to_numpy())
    negative = np.sort(frame.loc[frame["outcome"] == 0, "score"].to_numpy())

    def placement(of: npt.NDArray[np.float64], among: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        below = np.searchsorted(among, of, "left") + np.searchsorted(among, of, "right")
        return below / (2.0 * len(among))

    of_positive, of_negative = placement(positive, negative), placement(negative, positive)
    return float(of_positive.var(ddof=1) / len(positive) + of_negative.var(ddof=1) / len(negative))


def gap_error(simulated: SimulatedStream) -> float:
    """Standard error of offline minus online AUC, both sides counted."""
    return float(np.sqrt(auc_variance(simulated.validation) + auc_variance(simulated.stream)))


def halves(simulated: SimulatedStream) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The stream before the onset, and from it on."""
    is_later = simulated.stream["predicted_at"] >= simulated.truth.onset
    return simulated.stream[~is_later], simulated.stream[is_later]


@pytest.mark.parametrize("name", SCENARIOS)
def test_gap_is_as_stated(name: str) -> None:
    """Offline minus online AUC by scikit-learn is in the stated range, within three standard errors."""
    simulated = world(name)
    lower, upper = SCENARIOS[name].gap
    gap = auc(simulated.validation) - auc(simulated.stream)
    assert lower - 3 * gap_error(simulated) <= gap <= upper + 3 * gap_error(simulated)


@pytest.mark.parametrize("name", LEAKS)
def test_leak_inflates_by_a_twentieth(name: str) -> None:
    """Every leak costs .05 AUC or more, and that by three standard errors."""
    simulated = world(name)
    assert simulated.truth.gap - 3 * gap_error(simulated) >= 0.05


@pytest.mark.parametrize("name", SCENARIOS)
def test_truth_is_exact(name: str) -> None:
    """The truth's AUCs are those of scikit-learn on the frames, ties included."""
    simulated = world(name)
    assert simulated.truth.offline_auc == pytest.approx(auc(simulated.validation), abs=1e-12)
    assert simulated.truth.online_auc == pytest.approx(auc(simulated.stream), abs=1e-12)


@pytest.mark.parametrize("name", SCENARIOS)
def test_truth_is_well_formed(name: str) -> None:
    """Causes are of the public contract, culprits are columns, and only a cause has an onset."""
    scenario, simulated = SCENARIOS[name], world(name)
    assert scenario.name == name
    assert scenario.cause in CAUSES
    assert "\n" not in scenario.description
    assert set(simulated.truth.culprits) <= set(feature_names(simulated.stream))
    if scenario.onset_ratio is None:
        assert (simulated.truth.cause, simulated.truth.onset) == ("none", None)
    else:
        assert simulated.truth.onset == scenario.recipe.launch_at + timedelta(days=30 * scenario.onset_ratio)


@pytest.mark.parametrize("name", SCENARIOS)
def test_frames_are_canonical(name: str) -> None:
    """All frames have the same canonical columns, times in UTC and in order, and ids that never repeat."""
    simulated = world(name)
    frames = (simulated.train, simulated.validation, simulated.stream)
    envelope = ["prediction_id", "predicted_at", "outcome_at", "score", "outcome", "group"]
    for frame, n_rows in zip(frames, (8_000, 4_000, 20_000), strict=True):
        assert len(frame) == n_rows
        assert list(frame.columns) == list(simulated.train.columns)
        assert list(frame.columns[:6]) == envelope
        assert str(frame["predicted_at"].dtype) == str(frame["outcome_at"].dtype) == "datetime64[us, UTC]"
        assert frame["predicted_at"].is_monotonic_increasing
        assert (frame["outcome_at"] >= frame["predicted_at"]).all()
        assert frame["score"].between(0, 1).all()
        assert set(frame["outcome"]) == {0, 1}
        assert set(simulated.slices) <= set(frame.columns[6:])
    ids = pd.concat([frame["prediction_id"] for frame in frames])
    assert ids.is_unique
    launch = SCENARIOS[name].recipe.launch_at
    assert simulated.train["predicted_at"].max() < launch <= simulated.stream["predicted_at"].min()


@pytest.mark.parametrize("name", ["clean", "duplicate_leakage"])
def test_same_seed_same_frames(name: str) -> None:
    """The same arguments give the same frames bit for bit, another seed gives others."""
    small = {"n_train": 500, "n_validation": 300, "n_stream": 600, "stream_days": 3}
    one, two = simulate(name, seed=7, **small), simulate(name, seed=7, **small)
    other = simulate(name, seed=8, **small)
    for part in ("train", "validation", "stream"):
        pd.testing.assert_frame_equal(getattr(one, part), getattr(two, part), check_exact=True)
    assert one.truth == two.truth
    assert not one.stream["score"].equals(other.stream["score"])


def test_customers_repeat_within_one_split_only() -> None:
    """A customer has five rows on average, and no honest split shares one with another."""
    clean = world("clean")
    groups = [set(frame["group"]) for frame in (clean.train, clean.validation, clean.stream)]
    assert not groups[0] & groups[1]
    assert not groups[2] & (groups[0] | groups[1])
    # n rows over n/5 customers: one is never drawn with probability exp(-5), the others share the rows
    assert len(clean.stream) / len(groups[2]) == pytest.approx(5 / (1 - np.exp(-5)), rel=0.01)


def test_outcomes_arrive_after_an_exponential_delay() -> None:
    """The mean delay is the world's 24 hours for leavers and stayers alike, its spread equal to its mean."""
    stream = world("clean").stream
    hours = (stream["outcome_at"] - stream["predicted_at"]).dt.total_seconds() / 3_600
    for outcome in (0, 1):
        chosen = hours[stream["outcome"] == outcome]
        assert chosen.mean() == pytest.approx(24.0, abs=4 * 24.0 / np.sqrt(len(chosen)))
        assert chosen.std() == pytest.approx(24.0, abs=4 * 24.0 * np.sqrt(2 / len(chosen)))


@pytest.mark.parametrize("name", LEAKY_FEATURES)
def test_leaky_feature_changes_nothing_else(name: str) -> None:
    """Without the culprit, rows, outcomes and honest features are those of the clean world bit for bit."""
    clean, leaky = world("clean"), world(name)
    (culprit,) = leaky.truth.culprits
    for part in ("train", "validation", "stream"):
        honest = getattr(leaky, part).drop(columns=[culprit, "score"])
        pd.testing.assert_frame_equal(honest, getattr(clean, part).drop(columns="score"), check_exact=True)


def test_honest_marginals_do_not_move() -> None:
    """No honest feature drifts under target leakage: production looks like validation but for the culprit."""
    leaky = world("target_leakage")
    # One row a customer: rows of one customer share its plan, so they are not independent.
    offline, online = (
        frame.groupby("group").sample(1, random_state=SEED) for frame in (leaky.validation, leaky.stream)
    )
    honest = [name for name in feature_names(leaky.stream) if name not in leaky.truth.culprits]
    p_values = {name: _same_law(offline[name], online[name]) for name in honest}
    assert min(p_values.values()) > 1e-3 / len(honest), p_values


@pytest.mark.parametrize(("name", "served"), [("target_leakage", np.nan), ("target_leakage_default", 0.0)])
def test_target_leak_is_served_as_a_constant(name: str, served: float) -> None:
    """Calls are never null offline and rank the outcomes as their law says; served, all are one value."""
    leaky = world(name)
    offline = leaky.validation
    assert offline["cancellation_calls"].notna().all()
    # by the two Poisson laws, ties half: sum_k P1(k) (P0(<k) + P0(k)/2) = .85 at means 1.6 and .2
    by_itself = float(roc_auc_score(offline["outcome"], offline["cancellation_calls"]))
    assert by_itself == pytest.approx(_poisson_auc(1.6, 0.2), abs=0.03)
    np.testing.assert_array_equal(leaky.stream["cancellation_calls"].unique(), [served])


def test_future_count_loses_the_future() -> None:
    """The served count holds the sessions so far, so it is the half of what stayers have offline."""
    leaky = world("future_feature")
    offline, online = (
        frame.loc[frame["outcome"] == 0, "sessions_this_month"] for frame in (leaky.validation, leaky.stream)
    )
    assert leaky.stream["sessions_this_month"].notna().all()
    assert online.mean() / offline.mean() == pytest.approx(0.5, abs=0.03)


def test_copies_explain_the_duplicate_gap() -> None:
    """Half of validation is training rows, and without them it promises what production keeps."""
    leaky, clean = world("duplicate_leakage"), world("clean")
    assert _copied(leaky).mean() == 0.5
    assert not _copied(clean).any()
    assert not _copied(replace(leaky, validation=leaky.stream)).any()
    fresh = leaky.validation[~_copied(leaky)]
    error = np.sqrt(auc_variance(fresh) + auc_variance(leaky.stream))
    assert abs(auc(fresh) - auc(leaky.stream)) <= 3 * error
    assert leaky.manifest["split"]["protocol"] == "random"


@pytest.mark.parametrize("name", MID_STREAM)
def test_nothing_happens_before_the_onset(name: str) -> None:
    """Offline frames and the first half of the stream are those of the clean world, scores included."""
    clean, changed = world("clean"), world(name)
    pd.testing.assert_frame_equal(changed.train, clean.train, check_exact=True)
    pd.testing.assert_frame_equal(changed.validation, clean.validation, check_exact=True)
    before, after = halves(changed)
    pd.testing.assert_frame_equal(before, clean.stream.loc[before.index], check_exact=True)
    assert auc(before) - auc(after) > 3 * np.sqrt(auc_variance(before) + auc_variance(after))


def test_covariate_drift_leaves_every_cell_alone() -> None:
    """The mix moves far, yet within each cell of plan and region the AUC is the same before and after."""
    before, after = halves(world("covariate_drift"))
    assert (after["plan"] == "basic").mean() > 2 * (before["plan"] == "basic").mean()
    squares = []
    for plan in PLANS:
        for region in REGIONS:
            one, two = (half[(half["plan"] == plan) & (half["region"] == region)] for half in (before, after))
            squares.append((auc(one) - auc(two)) ** 2 / (auc_variance(one) + auc_variance(two)))
    assert sum(squares) < chi2.ppf(0.999, len(squares))


def test_concept_drift_leaves_every_input_alone() -> None:
    """Inputs and scores are those of the clean world to the end; the outcomes alone follow another law."""
    clean, drifted = world("clean").stream, world("concept_drift").stream
    pd.testing.assert_frame_equal(drifted.drop(columns="outcome"), clean.drop(columns="outcome"), check_exact=True)
    before, after = halves(world("concept_drift"))
    assert abs(before["outcome"].mean() - after["outcome"].mean()) < 0.03


def test_data_quality_fault_nulls_one_feature() -> None:
    """From the onset on the culprit is null; other columns and the outcomes stay those of the clean world."""
    clean, faulty = world("clean").stream, world("data_quality_fault").stream
    (culprit,) = world("data_quality_fault").truth.culprits
    before, after = halves(world("data_quality_fault"))
    assert before[culprit].notna().mean() > 0.9
    assert after[culprit].isna().all()
    pd.testing.assert_frame_equal(
        faulty.drop(columns=[culprit, "score"]), clean.drop(columns=[culprit, "score"]), check_exact=True
    )


def test_unknown_scenario_names_the_nearest() -> None:
    """A misspelt scenario is answered with the one that was meant and the list, also after pickling."""
    with pytest.raises(UnknownScenarioError, match=r"no scenario is named 'claen'; did you mean clean\?") as caught:
        simulate("claen", seed=1)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_stream": 49}, "every split needs 50 rows or more, not 49"),
        ({"stream_days": 0.0}, "stream_days must be above 0"),
    ],
)
def test_sizes_are_checked(sizes: dict[str, int], message: str) -> None:
    """Sizes that cannot give a stream are refused with their value."""
    with pytest.raises(ValueError, match=message):
        Sizes(**sizes)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where scikit-learn is not installed the message is the command that installs it."""
    monkeypatch.setitem(sys.modules, "sklearn.compose", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sentinel-leakage\[simulation\]'"):
        simulate("clean", seed=1, n_train=50, n_validation=50, n_stream=50)


def _same_law(one: pd.Series[Any], two: pd.Series[Any]) -> float:
    """P-value that two independent samples share one law; nulls are left out."""
    if isinstance(one.dtype, np.dtype) and one.dtype.kind in "if":
        return float(ks_2samp(one.dropna(), two.dropna()).pvalue)
    counts = pd.DataFrame({"one": one.value_counts(), "two": two.value_counts()})
    return float(chi2_contingency(counts.to_numpy()).pvalue)


def _poisson_auc(high: float, low: float) -> float:
    """P(X > Y) + P(X = Y) / 2 for independent Poisson X and Y."""
    counts = np.arange(40)
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(counts[1:]))])
    of_high, of_low = (np.exp(counts * np.log(mean) - mean - log_factorials) for mean in (high, low))
    return float(of_high @ (np.cumsum(of_low) - of_low / 2))


def _copied(simulated: SimulatedStream) -> npt.NDArray[np.bool_]:
    """Which validation rows have the features and the outcome of a training row."""
    columns = [*feature_names(simulated.train), "outcome"]
    known = set(pd.util.hash_pandas_object(simulated.train[columns], index=False))
    return pd.util.hash_pandas_object(simulated.validation[columns], index=False).isin(known).to_numpy()
