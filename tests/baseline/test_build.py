"""Building a baseline: the counts depend on the rows alone, and bad files end in one clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import DEFAULT_HORIZON_SECONDS, build_baseline
from sentinel.config import Duration, Feature, Model, Outcome, SliceBins
from sentinel.config.audit import Audit
from sentinel.errors import BaselineError
from sentinel.simulation import simulate
from tests.baseline.frames import scored_rows, write
from tests.support.real_streams import real_stream

SLICES: list[str | SliceBins | list[str]] = [
    "plan",
    SliceBins(column="age", bins=[25, 40, 60]),
    ["region", "plan"],
    "visits",
]
MODEL = Model(name="churn", version="7", slices=SLICES)
DAY_SECONDS = 86_400.0


def _build(frame: pd.DataFrame, folder: Path, model: Model = MODEL, name: str = "v.parquet") -> Baseline:
    return build_baseline(model, write(frame, folder / name), now_us=0)


def _estimate(baseline: Baseline, metric: str = "auc", where: str = "all") -> float:
    (value,) = [e.value for e in baseline.meta.estimates if (e.metric, e.slice) == (metric, where)]
    assert value is not None
    return value


def _checks(baseline: Baseline) -> dict[str, str]:
    return {found.name: found.severity for found in baseline.meta.checks}


def test_order_and_batch_size_change_nothing(tmp_path: Path) -> None:
    """Shuffled rows in batches of any size give the same Layout and counts, bit for bit."""
    frame = scored_rows()
    expected = _build(frame, tmp_path)
    shuffled = write(frame.sample(frac=1, random_state=5), tmp_path / "s.parquet")
    for batch_rows in (97, 1_000, 10_000):
        found = build_baseline(MODEL, shuffled, now_us=0, batch_rows=batch_rows)
        assert found.layout == expected.layout
        assert found.summary == expected.summary
        assert found.meta == expected.meta


def test_a_sample_of_many_rows_does_not_depend_on_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more rows than the sample holds, the edges still come from the same rows in any order."""
    monkeypatch.setattr("sentinel.baseline.profile.SAMPLE_ROWS", 500)
    frame = scored_rows()
    expected = _build(frame, tmp_path)
    shuffled = write(frame.iloc[::-1], tmp_path / "s.parquet")
    found = build_baseline(MODEL, shuffled, now_us=0, batch_rows=211)
    assert found.layout == expected.layout
    assert found.summary == expected.summary


@pytest.mark.parametrize("batch_rows", [251, 100_000])
def test_csv_and_parquet_of_the_same_rows_agree(tmp_path: Path, batch_rows: int) -> None:
    """Types read from a CSV file, in chunks of any size, lead to the counts of the Parquet file."""
    frame = scored_rows()
    expected = _build(frame, tmp_path)
    found = build_baseline(MODEL, write(frame, tmp_path / "v.csv"), now_us=0, batch_rows=batch_rows)
    assert found.layout == expected.layout
    assert found.summary == expected.summary


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    """Two builds of the same files at the same time are one file; another time is another."""
    path = write(scored_rows(), tmp_path / "v.parquet")
    first, second, later = (build_baseline(MODEL, path, path, now_us=now) for now in (5, 5, 6))
    assert first.to_bytes() == second.to_bytes()
    assert first.digest == second.digest != later.digest


def test_binned_metrics_are_those_of_scikit_learn(tmp_path: Path) -> None:
    """On a simulated world the AUC of the counts is the exact one to .001, and so is each slice's."""
    simulated = simulate("clean", seed=2)
    model = Model(name=simulated.model, version="1", slices=list(simulated.slices))
    baseline = _build(simulated.validation, tmp_path, model)
    frame = simulated.validation
    assert _estimate(baseline) == pytest.approx(roc_auc_score(frame["outcome"], frame["score"]), abs=0.001)
    brier = float(((frame["score"] - frame["outcome"]) ** 2).mean())
    assert _estimate(baseline, "brier") == pytest.approx(brier, abs=1e-8)
    assert _estimate(baseline, "base_rate") == pytest.approx(frame["outcome"].mean())
    column = simulated.slices[0]
    for value, rows in frame.groupby(column):
        exact = roc_auc_score(rows["outcome"], rows["score"])
        assert _estimate(baseline, where=f"{column}={value}") == pytest.approx(exact, abs=0.008)


def test_every_kind_of_slice_counts_its_rows(tmp_path: Path) -> None:
    """By value, by bins, by few numbers and crossed: each slot holds as many rows as pandas counts."""
    frame = scored_rows()
    baseline = _build(frame, tmp_path)
    n = dict(zip(baseline.layout.slice_names, baseline.summary["slice_scores"].sum(axis=1).tolist(), strict=True))
    assert n["plan=pro"] == (frame["plan"] == "pro").sum()
    assert n["plan=(missing)"] == frame["plan"].isna().sum()
    assert n["age=<25"] == (frame["age"] < 25).sum()
    assert n["age=[25,40)"] == ((frame["age"] >= 25) & (frame["age"] < 40)).sum()
    assert n["age=>=60"] == (frame["age"] >= 60).sum()
    assert n["age=(missing)"] == frame["age"].isna().sum()
    assert n["visits=0"] == (frame["visits"] == 0).sum()
    assert n["region*plan=EU,free"] == ((frame["region"] == "EU") & (frame["plan"] == "free")).sum()
    assert n["region*plan=(missing)"] == frame["plan"].isna().sum()


def test_the_commonest_values_have_slots_and_the_rest_share_one(tmp_path: Path) -> None:
    """max_values keeps the most frequent; the others are (other)."""
    model = Model(name="churn", version="7", slices=[SliceBins(column="plan", max_values=1)])
    frame = scored_rows()
    baseline = _build(frame, tmp_path, model)
    assert baseline.layout.slices[0].values == ("pro",)
    n_other = int(baseline.summary["slice_scores"].sum(axis=1)[1])
    assert n_other == frame["plan"].isin(["free", "basic"]).sum()


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("nowhere", "slice column 'nowhere' is no feature column of the validation file"),
        ("spend", "slice column 'spend' is a number with"),
        (SliceBins(column="plan", bins=[1]), "slice 'plan' has bins, but the column is no number"),
        (["age", "plan"], "set features.age.kind to categorical"),
        (["region", "plan", "vip"], "crosses 3 columns; two are the most"),
    ],
)
def test_slices_that_cannot_be_cut(tmp_path: Path, item: str | SliceBins | list[str], message: str) -> None:
    """The message says what is wrong and what to do."""
    with pytest.raises(BaselineError) as caught:
        _build(scored_rows(200), tmp_path, Model(name="m", version="1", slices=[item]))
    assert message in str(caught.value)


def test_a_cross_with_a_category_that_no_row_has(tmp_path: Path) -> None:
    """A column of nulls that is said to be a category has no values, and neither has a slice that crosses it."""
    frame = scored_rows(200).assign(note=None)
    model = Model(name="m", version="1", slices=[["region", "note"]], features={"note": Feature(kind="categorical")})
    (crossed,) = [spec for spec in _build(frame, tmp_path, model).layout.slices if spec.name == "region*note"]
    assert crossed.values == ()


def test_features_are_what_the_configuration_and_the_types_say(tmp_path: Path) -> None:
    """Overrides hold; identifiers, lists and times are left out, with a reason."""
    frame = scored_rows()
    frame["session"] = [f"s{i}" for i in range(len(frame))]
    frame["seen_at"] = frame["predicted_at"]
    frame["tags"] = [["a"]] * len(frame)
    features = {"visits": Feature(kind="categorical"), "spend": Feature(kind="ignore")}
    baseline = _build(frame, tmp_path, Model(name="m", version="1", features=features))
    kinds = {feature.name: feature.kind for feature in baseline.layout.features}
    assert kinds == {
        "plan": "categorical",
        "region": "categorical",
        "age": "numeric",
        "visits": "categorical",
        "vip": "categorical",
    }
    assert set(baseline.meta.ignored) == {"session", "seen_at", "tags", "spend"}
    assert _checks(baseline)["identifier_column"] == "info"


def test_no_word_of_free_text_is_kept(tmp_path: Path) -> None:
    """Long texts, found by themselves or named under audit, are no categories, even where most of them repeat."""
    frame = scored_rows()
    said = np.arange(len(frame)) % 100  # a hundred texts, each many times: no identifier
    frame["complaint"] = [f"line {each} was down again, and nobody at all came to look" for each in said]
    frame["note"], frame["photo"] = [[f"n{each % 5}" for each in said], [f"{each % 5}.png" for each in said]]
    frame["shap_age"], frame["known_at"] = 0.1, "2026-01-01T00:00:00Z"
    audit = Audit(text=["note"], images=["photo"], attributions={"age": "shap_age"}, known_at={"age": "known_at"})
    baseline = _build(frame, tmp_path, Model(name="m", version="1", audit=audit))
    named = {"complaint", "note", "photo", "shap_age", "known_at"}
    assert set(baseline.meta.ignored) == named
    assert not named & {name for name, _, _ in baseline.layout.columns}
    assert b"nobody at all" not in baseline.to_bytes()


def test_long_categories_stay_categories(tmp_path: Path) -> None:
    """The few long answers of a form are categories, and so is any text that the configuration says is one."""
    frame = scored_rows()
    answers = np.arange(len(frame)) % 5
    frame["answer"] = [f"{each}: strongly agree with all that was said above" for each in answers]
    frame["complaint"] = [f"line {each % 100} was down again, and nobody came to look" for each in range(len(frame))]
    model = Model(name="m", version="1", features={"complaint": Feature(kind="categorical")})
    kinds = {feature.name: feature.kind for feature in _build(frame, tmp_path, model).layout.features}
    assert (kinds["answer"], kinds["complaint"]) == ("categorical", "categorical")


def test_delays_and_the_horizon_that_follows(tmp_path: Path) -> None:
    """Quantiles are those of the rows; the horizon is twice the longest, or what the configuration says."""
    frame = scored_rows()
    baseline = _build(frame, tmp_path)
    delays = (frame["outcome_at"] - frame["predicted_at"]).dt.total_seconds()
    assert baseline.meta.outcome_delay_seconds == {
        "p50": float(delays.quantile(0.5, interpolation="higher")),
        "p90": float(delays.quantile(0.9, interpolation="higher")),
        "p99": float(delays.quantile(0.99, interpolation="higher")),
        "max": delays.max(),
    }
    assert baseline.meta.horizon_seconds == 2 * delays.max()
    told = Model(name="m", version="1", outcome=Outcome(horizon=Duration.parse("36h")))
    assert _build(frame, tmp_path, told).meta.horizon_seconds == 1.5 * DAY_SECONDS


def test_a_placeholder_for_an_unknown_time_makes_nothing_wait_for_decades(tmp_path: Path) -> None:
    """One outcome dated 2090 neither stretches the horizon beyond two years nor goes unsaid."""
    frame = scored_rows()
    placeholder = frame["outcome_at"].where(np.arange(len(frame)) > 0, pd.Timestamp("2090-01-01", tz="UTC"))
    baseline = _build(frame.assign(outcome_at=placeholder), tmp_path)
    assert baseline.meta.horizon_seconds == 730 * DAY_SECONDS
    assert baseline.layout.maturity_us <= 730 * DAY_SECONDS * 1e6
    assert "endless_delay" in {check.name for check in baseline.meta.checks}
    always = _build(frame.assign(outcome_at=pd.Timestamp("2090-01-01", tz="UTC")), tmp_path)
    assert always.layout.maturity_us == 730 * DAY_SECONDS * 1e6


def test_outcomes_without_a_time_all_count(tmp_path: Path) -> None:
    """Offline files often lack the time of the outcome: then the delay is unknown and the horizon 30 days."""
    frame = scored_rows().drop(columns="outcome_at")
    baseline = _build(frame, tmp_path)
    assert baseline.summary.n_outcomes == len(frame)
    assert baseline.meta.outcome_delay_seconds is None
    assert baseline.meta.horizon_seconds == DEFAULT_HORIZON_SECONDS == 30 * DAY_SECONDS


def test_training_rows_are_found_again(tmp_path: Path) -> None:
    """Half of the validation rows copied into training are counted, entities likewise, to the filter's error."""
    frame = scored_rows(4_000)
    copied = frame.iloc[:2_000].drop(columns=["score"])
    baseline = build_baseline(MODEL, write(frame, tmp_path / "v.parquet"), write(copied, tmp_path / "t.csv"), now_us=0)
    assert baseline.meta.n_train_rows == 2_000
    assert baseline.meta.n_row_overlap is not None
    assert 2_000 <= baseline.meta.n_row_overlap <= 2_080  # 2,000 strangers, .8 % claimed: 16 +- 4
    shared = frame["group"].isin(set(copied["group"])).sum()
    assert baseline.meta.n_entity_overlap is not None
    assert shared <= baseline.meta.n_entity_overlap <= shared + 80
    assert _checks(baseline)["train_rows_in_validation"] == "warning"


def _one_class(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(outcome=0)


def _constant(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(score=0.3)


def _copied(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(score=0.1 + 0.8 * frame["outcome"])


def _perfect(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(score=0.1 + 0.6 * frame["outcome"] + 0.1 * (frame.index % 2))


def _telltale(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(leak=frame["outcome"] * 10 + frame["visits"])


def _repeated(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(prediction_id="same")


def _few(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:150]


def _broken(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(score=frame["score"].where(frame.index > 2, 7.0))


@pytest.mark.parametrize(
    ("spoil", "name", "severity"),
    [
        (_one_class, "one_class", "critical"),
        (_constant, "constant_score", "critical"),
        (_copied, "scores_are_outcomes", "critical"),
        (_perfect, "perfect_auc", "critical"),
        (_telltale, "telltale_feature", "critical"),
        (_repeated, "repeated_ids", "critical"),
        (_few, "few_outcomes", "warning"),
        (_broken, "rejected_rows", "warning"),
    ],
)
def test_each_check_finds_its_fault(
    tmp_path: Path, spoil: Callable[[pd.DataFrame], pd.DataFrame], name: str, severity: str
) -> None:
    """A spoilt file is built all the same, finite throughout, and the check names what is wrong."""
    baseline = _build(spoil(scored_rows()), tmp_path)
    assert _checks(baseline)[name] == severity
    numbers = [x for e in baseline.meta.estimates for x in (e.value, e.lower, e.upper, e.variance) if x is not None]
    assert np.isfinite(numbers).all()
    assert Baseline.from_bytes(baseline.to_bytes()).meta == baseline.meta


def test_honest_rows_pass_every_check(tmp_path: Path) -> None:
    """Nothing is found where nothing is wrong."""
    assert _checks(_build(scored_rows(), tmp_path)) == {}


@pytest.mark.parametrize(
    ("shift_days", "protocol", "name"),
    [
        (400, "random", "train_after_validation"),
        (1, "time", "time_split_broken"),
        (1, "random", "validation_within_train_period"),
        (-400, "time", None),
    ],
)
def test_the_split_is_held_against_the_times(tmp_path: Path, shift_days: int, protocol: str, name: str | None) -> None:
    """Training rows later than validation, or a split by time that is none, are named."""
    frame = scored_rows()
    other = scored_rows(seed=9)
    other["predicted_at"] = other["predicted_at"] + pd.Timedelta(days=shift_days)
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(f"split: {{protocol: {protocol}}}\n")
    baseline = build_baseline(
        MODEL, write(frame, tmp_path / "v.parquet"), write(other, tmp_path / "t.parquet"), manifest, now_us=0
    )
    found = set(_checks(baseline)) & {"train_after_validation", "time_split_broken", "validation_within_train_period"}
    assert found == ({name} if name else set())
    assert baseline.meta.manifest == {"split": {"protocol": protocol}}


def test_strange_values_are_counted_apart(tmp_path: Path) -> None:
    """Infinite, huge and missing values, a column of nothing and one of one value: all defined, all counted."""
    frame = scored_rows(500)
    frame["wild"] = np.resize([np.inf, -np.inf, np.nan, 1.7e308, -1.7e308, 5e-324], 500)
    frame["nothing"] = np.nan
    frame["same"] = 4
    baseline = _build(frame, tmp_path)
    sizes = np.diff(baseline.layout.feature_offsets)
    for feature, start, size in zip(baseline.layout.features, baseline.layout.feature_offsets, sizes, strict=False):
        assert baseline.summary["features"][start : start + size].sum() == 500, feature.name


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.drop(columns="score"), "there is no column 'score' for score"),
        (lambda f: f.iloc[:0], "the file has no rows"),
        (lambda f: f.assign(score=2.0), "none of 300 rows is a valid prediction: score_out_of_range 300"),
        (lambda f: f.assign(outcome=np.nan), "no row has an outcome"),
    ],
)
def test_files_that_estimate_nothing(
    tmp_path: Path, spoil: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    """One sentence names the file and what it lacks."""
    for name in ("v.parquet", "v.csv"):
        with pytest.raises(BaselineError) as caught:
            _build(spoil(scored_rows(300)), tmp_path, name=name)
        assert message in str(caught.value)
        assert name in str(caught.value)


@pytest.mark.parametrize("name", ["v.parquet", "v.csv"])
def test_files_that_are_none(tmp_path: Path, name: str) -> None:
    """A missing, empty or damaged file is a BaselineError that names it."""
    path = tmp_path / name
    with pytest.raises(BaselineError, match=name):
        build_baseline(MODEL, path, now_us=0)
    path.write_bytes(b"")
    with pytest.raises(BaselineError, match=name):
        build_baseline(MODEL, path, now_us=0)
    path.write_bytes(b'PAR1\0\xff"\nnot a table')
    with pytest.raises(BaselineError, match=name):
        build_baseline(MODEL, path, now_us=0)


def test_progress_ends_with_every_row_of_each_phase(tmp_path: Path) -> None:
    """Each phase tells how far it is, and ends at the number of rows; those of the audit come last."""
    path = write(scored_rows(500), tmp_path / "v.parquet")
    told: list[tuple[int, int, str]] = []
    build_baseline(MODEL, path, path, now_us=0, progress=lambda *at: told.append(at), batch_rows=200)
    audited = ("sampling v.parquet", "checking v.parquet")
    phases = ("reading columns", "reading training rows", "counting", *(one for one in audited for _ in "vt"))
    assert told == [(done, 500, phase) for phase in phases for done in (200, 400, 500)]


@pytest.mark.parametrize(
    ("case", "variant", "auc"),
    [
        ("bank_duration", "leaky", 0.965),
        ("bank_duration", "leaky_median", 0.965),
        ("bank_duration", "honest", 0.621),
        ("flights_posthoc", "leaky_missingness", 0.997),
        ("flights_posthoc", "leaky_taxi_out", 0.702),
        ("flights_posthoc", "leaky_depdelay", None),
        ("flights_posthoc", "honest", 0.622),
        ("diabetes_futurecount", "leaky", 0.778),
        ("diabetes_futurecount", "honest", 0.673),
        ("diabetes_targetenc", "leaky", 0.976),
        ("diabetes_group", "leaky", 0.696),
        ("diabetes_group", "honest", 0.695),
    ],
)
def test_real_streams(case: str, variant: str, auc: float | None) -> None:
    """On real files every row counts and the AUC is the published one, and scikit-learn's, to .005."""
    folder = real_stream(case, variant)
    frame = pd.read_parquet(folder / "validation.parquet")
    slices: list[str | SliceBins | list[str]] = [name for name in frame.columns if name.startswith("s_")]
    model = Model(name=case, version="1", slices=slices)
    baseline = build_baseline(model, folder / "validation.parquet", folder / "train.parquet", now_us=0)
    assert baseline.summary.n_outcomes == len(frame)
    assert _estimate(baseline) == pytest.approx(roc_auc_score(frame["outcome"], frame["score"]), abs=0.005)
    if auc is not None:
        assert _estimate(baseline) == pytest.approx(auc, abs=0.005)
