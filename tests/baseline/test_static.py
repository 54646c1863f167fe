"""Static evidence: each trace that a broken split leaves in the files is found, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.times.blocks import TimeBlocks
from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.config import Model
from sentinel.errors import BaselineError
from sentinel.stats.auc import auc_from_histogram
from sentinel.stats.estimate import Estimate
from tests.baseline.frames import START, scored_rows, write

MODEL = Model(name="churn", version="7")
NEW = (
    "group_split_broken",
    "train_entities_in_validation",
    "train_rows_in_validation",
    "train_lacks_columns",
    "oversampled_training",
    "oversampled_before_split",
    "rows_after_go_live",
    "one_class_stretch",
    "fitted_on_validation",
    "encoder_knows_validation",
    "selection_optimism",
)


def _build(folder: Path, validation: pd.DataFrame, train: pd.DataFrame, manifest: str = "{}") -> Baseline:
    path = folder / "manifest.yaml"
    path.write_text(manifest)
    files = write(validation, folder / "v.parquet"), write(train, folder / "t.parquet")
    return build_baseline(MODEL, *files, path, now_us=0)


def _found(baseline: Baseline) -> dict[str, str]:
    return {one.name: one.severity for one in baseline.meta.checks if one.name in NEW}


def _earlier(n: int = 3_000, seed: int = 8) -> pd.DataFrame:
    """Honest training rows: other entities, a month before, without scores."""
    frame = scored_rows(n, seed)
    frame["predicted_at"] -= pd.Timedelta(days=30)
    frame["group"] = "t" + frame["group"]
    return frame.drop(columns="score")


def test_an_honest_split_leaves_no_trace(tmp_path: Path) -> None:
    """Other rows, other entities, earlier: every share is zero to the filter's error and no check speaks."""
    baseline = _build(tmp_path, scored_rows(), _earlier(), "split: {protocol: time}")
    static = baseline.meta.static
    assert _found(baseline) == {}
    assert static.split_protocol == "time"
    assert static.split_by_time_broken is False
    assert static.duplicate_ratio == pytest.approx(0.0, abs=0.005)
    assert static.copied_ratio == pytest.approx(0.0, abs=0.005)
    assert static.entity_overlap_ratio == pytest.approx(0.0, abs=0.005)
    assert (static.before_train_end_ratio, static.time_overlap_ratio, static.one_class_share) == (0.0, 0.0, 0.0)
    assert (static.fit_proof, static.encoder_proof, static.candidates, static.after_golive_ratio) == (None,) * 4
    assert baseline.meta.repairs == ()


def test_copies_are_told_from_coarse_inputs(tmp_path: Path) -> None:
    """A tenth of the rows copied is a warning; inputs of two values that all repeat by themselves are not."""
    validation = scored_rows()
    copied = _build(tmp_path, validation, pd.concat([_earlier(), validation.iloc[:300].drop(columns="score")]))
    assert _found(copied)["train_rows_in_validation"] == "warning"
    assert copied.meta.static.duplicate_ratio == pytest.approx(0.1, abs=0.005)
    assert copied.meta.static.copied_ratio == pytest.approx(0.1, abs=0.005)
    (copies,) = [one for one in copied.meta.repairs if one.name == "copies"]
    rest = _build(tmp_path, validation.iloc[300:], _earlier()).meta.estimates[0]
    assert copies.cause == "duplicate_leakage"
    assert copies.n == pytest.approx(2_700, abs=50)  # .8 % of the rest are claimed by chance: 22 +- 5
    assert copies.value == pytest.approx(rest.value, abs=0.004)
    few = ["plan", "age", "spend", "visits"]
    coarse = _build(tmp_path, validation.drop(columns=few), _earlier().drop(columns=few))
    assert _found(coarse)["train_rows_in_validation"] == "info"
    assert coarse.meta.static.duplicate_ratio == 1.0
    assert coarse.meta.static.duplicate_excess_ratio == 0.0
    assert coarse.meta.repairs == ()


def _entities(seed: int) -> pd.DataFrame:
    """Rows of 300 entities, each of which is always positive or always negative."""
    frame = scored_rows(3_000, seed)
    number = np.random.default_rng(seed).integers(0, 300, len(frame))
    return frame.assign(group=[f"e{i}" for i in number], outcome=(number % 3 == 0).astype(np.int64))


def test_entities_in_both_parts_and_what_training_knows_of_them(tmp_path: Path) -> None:
    """Their mean training outcome ranks perfectly; stated as a split by group it is critical."""
    train = _entities(4).drop(columns="score")
    baseline = _build(tmp_path, _entities(3), train)
    assert baseline.meta.static.entity_overlap_ratio == 1.0
    assert baseline.meta.static.entity_signal_auc == pytest.approx(1.0)
    assert _found(baseline)["train_entities_in_validation"] == "warning"
    stated = _build(tmp_path, _entities(3), train, "split: {protocol: group}")
    assert _found(stated)["group_split_broken"] == "critical"


def test_entities_that_training_knows_nothing_useful_of(tmp_path: Path) -> None:
    """Outcomes that do not depend on the entity are not ranked by it: a note, no warning."""
    rng = np.random.default_rng(5)
    frames = [_entities(seed).assign(outcome=rng.integers(0, 2, 3_000)) for seed in (6, 7)]
    baseline = _build(tmp_path, frames[0], frames[1].drop(columns="score"))
    assert baseline.meta.static.entity_signal_auc == pytest.approx(0.5, abs=0.05)
    assert _found(baseline)["train_entities_in_validation"] == "info"


def test_rows_after_the_last_training_row_are_the_repaired_estimate(tmp_path: Path) -> None:
    """Training ends in the middle of validation: the other half alone gives the corrected AUC."""
    validation = scored_rows(4_000)
    train = _earlier(1_000)
    train.loc[train.index[-1], "predicted_at"] = START + pd.Timedelta(minutes=1_999)
    baseline = _build(tmp_path, validation, train)
    assert baseline.meta.static.before_train_end_ratio == 0.5
    assert baseline.meta.static.time_overlap_ratio == 0.0  # one stray row of training is no overlap
    (found,) = baseline.meta.repairs
    later = validation.iloc[2_000:]
    edges = baseline.layout.edges_array
    high, low = (
        np.bincount(
            np.searchsorted(edges, later["score"][later["outcome"] == y], side="right"), minlength=len(edges) + 1
        )
        for y in (1, 0)
    )
    expected = auc_from_histogram(high, low)
    assert isinstance(expected, Estimate)
    assert (found.name, found.cause, found.n) == ("time_overlap", "temporal_leakage", 2_000)
    assert found.value == pytest.approx(expected.value, abs=1e-12)
    assert found.variance == pytest.approx(expected.variance, rel=1e-9)


@pytest.mark.parametrize(("go_live", "share"), [("2026-01-06T00:00:00Z", 0.519), ("2027-01-01T00:00:00Z", 0.0)])
def test_rows_dated_after_go_live(tmp_path: Path, go_live: str, share: float) -> None:
    """3,000 rows a minute apart from the 5th: 1,559 lie after the first moment of the 6th, none after the year."""
    baseline = _build(tmp_path, scored_rows(), _earlier(), f'go_live: "{go_live}"')
    assert baseline.meta.static.after_golive_ratio == pytest.approx(share, abs=0.001)
    assert ("rows_after_go_live" in _found(baseline)) == (share > 0)


def test_a_stretch_of_one_class_is_found(tmp_path: Path) -> None:
    """A day of positives only, of three days, is named with its times."""
    frame = scored_rows(4_320)
    frame.loc[1_440:2_879, "outcome"] = 1
    baseline = _build(tmp_path, frame, _earlier())
    static = baseline.meta.static
    assert static.one_class_share == pytest.approx(1 / 3, abs=0.01)
    assert static.one_class_since is not None
    assert static.one_class_since.startswith("2026-01-06T00")
    assert _found(baseline) == {"one_class_stretch": "warning"}


def test_rare_positives_are_no_stretch() -> None:
    """A base rate of .5 % leaves long stretches of negatives that chance explains, in any order of reading."""
    rng = np.random.default_rng(9)
    times, outcomes = np.arange(20_000) * 60_000_000, (rng.random(20_000) < 0.005).astype(np.float64)
    order = rng.permutation(20_000)
    whole, shuffled = TimeBlocks(), TimeBlocks()
    whole.add(times, outcomes)
    for part in np.array_split(order, 7):
        shuffled.add(times[part], outcomes[part])
    assert whole.one_class() == shuffled.one_class() == ()
    outcomes[5_000:12_000] = 0.0
    blocks = TimeBlocks()
    blocks.add(times, outcomes)
    (stretch,) = blocks.one_class()
    assert 7_000 <= stretch.n <= 9_000  # and up to the next positives, 200 rows away on average


@pytest.mark.parametrize(
    ("fit", "proof"),
    [
        (lambda *both: pd.concat(both)["spend"], ("spend",)),
        (lambda train, _: train["spend"], ()),
        (lambda train, _: train["spend"].iloc[:2_000], ()),
    ],
)
def test_statistics_of_all_rows_prove_a_fit_on_validation(
    tmp_path: Path, fit: Callable[[pd.DataFrame, pd.DataFrame], pd.Series], proof: tuple[str, ...]
) -> None:
    """Mean and deviation of both parts are proof; those of training, or of a part of it, are not."""
    train, validation = _earlier(), scored_rows()
    values = fit(train, validation)
    manifest = f"fit_statistics: {{spend: {{mean: {values.mean():.12f}, sd: {values.std():.12f}}}}}"
    baseline = _build(tmp_path, validation, train, manifest)
    assert baseline.meta.static.fit_proof == proof
    assert ("fitted_on_validation" in _found(baseline)) == bool(proof)


@pytest.mark.parametrize(("known", "proof"), [("[pro, free, basic, vip]", ("plan",)), ("[pro, free, basic]", ())])
def test_categories_of_validation_alone_prove_an_encoder(tmp_path: Path, known: str, proof: tuple[str, ...]) -> None:
    """An encoder that knows 'vip', which only validation rows have, was fitted on them."""
    validation = scored_rows()
    validation.loc[5, "plan"] = "vip"
    baseline = _build(tmp_path, validation, _earlier(), f"encoder_categories: {{plan: {known}}}")
    assert baseline.meta.static.encoder_proof == proof
    assert _found(baseline).get("encoder_knows_validation") == ("critical" if proof else None)


def test_the_artifact_keeps_no_category_of_the_manifest(tmp_path: Path) -> None:
    """Of encoders, vocabularies and scalers it says how many entries were stated; the rest of the manifest stays."""
    stated = "{encoder_categories: {plan: [pro, qzx]}, fit_statistics: {age: {max: 4711.5}}, candidates: 3}"
    baseline = _build(tmp_path, scored_rows(), _earlier(), stated)
    assert baseline.meta.manifest == {"encoder_categories": {"plan": 2}, "fit_statistics": {"age": 1}, "candidates": 3}


def test_oversampling_shows_in_the_rarer_class(tmp_path: Path) -> None:
    """Positives written five times are oversampled; with their copies in validation it was done before the split."""
    train = _earlier()
    positives = train[train["outcome"] == 1]
    copied = pd.concat([train, *[positives] * 4])
    alone = _build(tmp_path, scored_rows(), copied)
    assert alone.meta.static.oversampled_ratio == pytest.approx(1.0, abs=0.01)
    assert _found(alone)["oversampled_training"] == "info"
    validation = pd.concat([scored_rows(), positives.iloc[:400].assign(score=0.9)], ignore_index=True)
    validation["prediction_id"] = [f"v{i}" for i in range(len(validation))]
    assert _found(_build(tmp_path, validation, copied))["oversampled_training"] == "warning"
    stated = _build(tmp_path, scored_rows(), train, "oversampling: before_split")
    assert _found(stated)["oversampled_before_split"] == "critical"


@pytest.mark.parametrize("outcome", [None, 1])
def test_oversampling_is_not_known_without_training_rows_of_both_classes(tmp_path: Path, outcome: int | None) -> None:
    """Without outcomes, or with those of one class alone, there is nothing to compare: no share is claimed."""
    train = _earlier()
    one_sided = train.drop(columns="outcome") if outcome is None else train[train["outcome"] == outcome]
    assert _build(tmp_path, scored_rows(), one_sided).meta.static.oversampled_ratio is None


def test_candidates_and_their_optimism(tmp_path: Path) -> None:
    """A hundred candidates gain 2.5 standard errors times the root of one half; uncorrelated ones more."""
    manifest = "candidates: 100\ncandidates_correlation: "
    half, none = (_build(tmp_path, scored_rows(), _earlier(), f"{manifest}{rho}").meta.static for rho in (0.5, 0))
    assert half.candidates == 100
    assert half.expected_optimism is not None
    assert none.expected_optimism == pytest.approx(half.expected_optimism * np.sqrt(2))
    assert "selection_optimism" in _found(_build(tmp_path, scored_rows(), _earlier(), "candidates: 100"))


def test_training_rows_without_all_columns_tell_of_no_row(tmp_path: Path) -> None:
    """A missing column would make every row look new: the share is unknown, and a note says why."""
    baseline = _build(tmp_path, scored_rows(), _earlier().drop(columns="visits"))
    assert baseline.meta.static.duplicate_ratio is None
    assert baseline.meta.n_row_overlap is None
    assert baseline.train_rows is None
    assert _found(baseline) == {"train_lacks_columns": "info"}


def test_features_at_their_serving_default(tmp_path: Path) -> None:
    """A score that is made of a leak and of age: with the leak at its default, the AUC is that of age alone."""
    rng = np.random.default_rng(11)
    frame = scored_rows(2_000)
    frame["age"] = frame["age"].fillna(40.0) + 20 * frame["outcome"]
    frame["leak"] = frame["outcome"] * 3 + rng.normal(size=len(frame))
    frame["score"] = _model(frame)
    path = tmp_path / "manifest.yaml"
    path.write_text("serving_defaults: {leak: null}")
    file = write(frame, tmp_path / "v.parquet")
    baseline = build_baseline(MODEL, file, None, path, now_us=0, rescore=_model)
    (found,) = baseline.meta.repairs
    alone = frame.assign(score=_model(frame.assign(leak=np.nan)))
    expected = build_baseline(MODEL, write(alone, tmp_path / "a.parquet"), now_us=0).meta.estimates[0]
    assert (found.name, found.cause) == ("feature:leak", "target_leakage")
    assert found.value == pytest.approx(expected.value, abs=0.004)  # its scores fall into bins made for others
    assert found.covariance is not None
    assert found.variance is not None
    assert 0 < found.covariance < found.variance * 2
    assert Baseline.from_bytes(baseline.to_bytes()).meta == baseline.meta
    assert build_baseline(MODEL, file, None, path, now_us=0).meta.repairs == ()


def _model(frame: pd.DataFrame) -> np.ndarray:
    z = 0.05 * (frame["age"] - 50) + frame["leak"].fillna(0.0)
    return np.asarray(1 / (1 + np.exp(-z)), np.float64)


@pytest.mark.parametrize(
    ("rescore", "message"),
    [
        (lambda _: 1 / 0, "the model cannot score the rows with age at None: ZeroDivisionError"),
        (lambda _: np.zeros(3), "the model returned an array of shape (3,) for 300 rows"),
        (lambda frame: np.full(len(frame), 2.0), "the model returned scores outside [0, 1] with age at None"),
    ],
)
def test_a_model_that_cannot_score(tmp_path: Path, rescore: Callable[[pd.DataFrame], object], message: str) -> None:
    """Whatever the model does wrong ends in one sentence."""
    path = tmp_path / "manifest.yaml"
    path.write_text("serving_defaults: {age: null}")
    with pytest.raises(BaselineError) as caught:
        build_baseline(MODEL, write(scored_rows(300), tmp_path / "v.csv"), None, path, now_us=0, rescore=rescore)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_a_default_of_an_unknown_feature(tmp_path: Path) -> None:
    """The message names the feature and the file."""
    path = tmp_path / "manifest.yaml"
    path.write_text("serving_defaults: {nowhere: 0}")
    with pytest.raises(BaselineError, match=r"v\.parquet: serving_defaults names 'nowhere'"):
        build_baseline(
            MODEL, write(scored_rows(300), tmp_path / "v.parquet"), None, path, now_us=0, rescore=lambda f: f["score"]
        )
