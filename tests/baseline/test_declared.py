"""What owners declare of their features goes into the layout, and the validation rows are checked by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentinel.baseline.build import build_baseline
from sentinel.config import Duration, Feature, Model
from sentinel.errors import BaselineError
from sentinel.summaries.checks import AGE_AFTER
from tests.baseline.frames import scored_rows, write


def test_future_values_offline_are_counted(tmp_path: Path) -> None:
    """Times after the prediction in 150 of 600 validation rows: proof of a value from the future, in any batch size."""
    frame = scored_rows(600)
    ages = pd.to_timedelta(np.where(np.arange(600) % 4 == 0, -60.0, 5_000.0), unit="s")
    times = [{"age": at} for at in pd.to_datetime(frame["predicted_at"]) - ages]
    frame = frame.assign(feature_times=pd.Series(times, index=frame.index, dtype=object))
    declared = {"age": Feature(range=[30, None], max_age=Duration.parse("1h"))}
    model = Model(name="churn", version="7", features=declared)
    path = write(frame, tmp_path / "v.parquet")
    for batch_rows in (100, 1_000):
        found = build_baseline(model, path, now_us=0, batch_rows=batch_rows)
        at = [feature.name for feature in found.layout.features].index("age")
        assert "feature_times" not in {name for name, _, _ in found.layout.columns}
        assert found.layout.features[at].max_age_us == 3_600_000_000
        assert found.summary["ages"][at, AGE_AFTER] == 150
        assert found.summary["ages"].sum() == 600
        assert found.summary["too_old"][at] == 450
        assert found.summary["outside_range"][at] == (frame["age"] < 30).sum() > 0


def test_a_range_of_what_are_no_numbers_is_refused(tmp_path: Path) -> None:
    """A feature that proves to be categorical cannot be held against numbers."""
    model = Model(name="churn", version="7", features={"plan": Feature(range=[0, 1])})
    path = write(scored_rows(200), tmp_path / "v.parquet")
    with pytest.raises(BaselineError, match="the feature 'plan' has a range in the configuration, but its values are"):
        build_baseline(model, path, now_us=0)


def test_what_contradicts_the_rows_is_a_check(tmp_path: Path) -> None:
    """Warned of: a range that offline rows break, a feature declared too late yet there, a name that is no column."""
    frame = scored_rows(600)
    declared = {
        "age": Feature(range=[30, None]),
        "spend": Feature(range=[-100, 100], available="after_outcome"),
        "visits": Feature(available="at_prediction"),
        "vip": Feature(available="after_prediction", kind="ignore"),
        "agee": Feature(available="after_outcome"),
    }
    path = write(frame, tmp_path / "v.parquet")
    checks = build_baseline(Model(name="churn", version="7", features=declared), path, now_us=0).meta.checks
    found = {one.name: (one.severity, one.detail) for one in checks}
    n = int((frame["age"] < 30).sum())
    assert set(found) == {"range_broken_offline", "declared_too_late", "unknown_feature"}
    assert {severity for severity, _ in found.values()} == {"warning"}
    share = n / frame["age"].notna().sum()
    assert found["range_broken_offline"][1].startswith(f"{n} offline values of age ({share:.1%}) lie outside")
    assert found["declared_too_late"][1].startswith("spend is declared to exist only after the outcome, yet")
    assert found["unknown_feature"][1].startswith("features names agee, which is no column of the validation rows")


def test_a_configured_serving_default_is_scored_and_the_manifest_wins(tmp_path: Path) -> None:
    """Both places count; of both the model sees the manifest's value; a name without a column is left out."""
    declared = {
        "age": Feature(serving_default=-1.0),
        "spend": Feature(serving_default=0.25),
        "gone": Feature(serving_default=0.0),
    }
    (tmp_path / "m.yaml").write_text("serving_defaults: {age: -2}")
    seen: set[tuple[str, float]] = set()

    def rescore(rows: pd.DataFrame) -> pd.Series:
        seen.update((name, float(rows[name].iloc[0])) for name in ("age", "spend") if rows[name].nunique() == 1)
        return rows["score"]

    model = Model(name="churn", version="7", features=declared)
    path = write(scored_rows(600), tmp_path / "v.parquet")
    repairs = build_baseline(model, path, None, tmp_path / "m.yaml", now_us=0, rescore=rescore).meta.repairs
    assert [one.name for one in repairs] == ["feature:age", "feature:spend"]
    assert seen == {("age", -2.0), ("spend", 0.25)}
