"""Slices that no one has to cut, and the pairs of features that are watched for weak ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.config.model import Model
from sentinel.config.slices import BuiltInSlices
from sentinel.errors import BaselineError
from sentinel.summaries.layout import N_SPECIAL

N = 4_000
DAYS = np.arange(N) % 100


def build(directory: Path, model: Model, **columns: Any) -> Baseline:
    """A baseline of rows whose score is uniform on a grid of thousandths, true with that probability."""
    rng = np.random.default_rng(5)
    score = rng.permutation(np.arange(N) % 1_000) / 1_000
    table = {
        "prediction_id": np.arange(N),
        "predicted_at": np.arange(N) + 1_767_225_600,
        "score": score,
        "outcome": (rng.random(N) < score).astype(np.int8),
        "days": DAYS,
        "region": np.array(["EU", "US", "APAC"])[rng.integers(0, 3, N)],
    }
    path = directory / "rows.parquet"
    pq.write_table(pa.table({**table, **columns}), path)
    return build_baseline(model, path, now_us=0)


def sizes(baseline: Baseline) -> dict[str, int]:
    """Rows of each slice that holds any."""
    counts = baseline.summary["slice_scores"].sum(axis=1).tolist()
    return {name: n for name, n in zip(baseline.layout.slice_names, counts, strict=True) if n}


def test_score_slices_are_there_without_a_word(tmp_path: Path) -> None:
    """Thousandths 0 to .999, four rows each: those from .3 on are positive, and each fifth of the scores is a band."""
    baseline = build(tmp_path, Model(name="m", version="1", threshold=0.3))
    assert sizes(baseline) == {
        "@predicted_class=negative": 300 * 4,
        "@predicted_class=positive": 700 * 4,
        "@score_band=<0.2": 800,
        "@score_band=[0.2,0.4)": 800,
        "@score_band=[0.4,0.6)": 800,
        "@score_band=[0.6,0.8)": 800,
        "@score_band=>=0.8": 800,
    }


def test_no_auc_where_scores_are_cut(tmp_path: Path) -> None:
    """Within a band the AUC is low because the band is narrow, so it is not among the estimates; the rest is."""
    baseline = build(tmp_path, Model(name="m", version="1", slices=["region"]))
    told = {(e.slice.partition("=")[0], e.metric) for e in baseline.meta.estimates}
    assert ("region", "auc") in told
    assert ("@score_band", "auc") not in told
    assert ("@predicted_class", "auc") not in told
    assert ("@score_band", "log_loss") in told


def test_they_can_be_switched_off(tmp_path: Path) -> None:
    """Without both, a model without configured slices has none."""
    built_in = BuiltInSlices(predicted_class=False, score_band=False)
    assert build(tmp_path, Model(name="m", version="1", built_in_slices=built_in)).layout.slices == ()


def test_named_columns_are_cut_at_their_quartiles(tmp_path: Path) -> None:
    """Days 0 to 99, forty rows each, a tenth of the rows without one: 25, 50 and 75 part them in quarters."""
    built_in = BuiltInSlices(predicted_class=False, score_band=False, entity_age="days", recency="days")
    days = np.where(np.arange(N) < N // 10, np.nan, DAYS)
    found = sizes(build(tmp_path, Model(name="m", version="1", built_in_slices=built_in), days=days))
    for role in ("entity_age", "recency"):
        assert found[f"@{role}=<25"] == found[f"@{role}=[25,50)"] == found[f"@{role}=[50,75)"] == 900
        assert (found[f"@{role}=>=75"], found[f"@{role}=(missing)"]) == (900, 400)


def test_repeated_values_make_fewer_parts(tmp_path: Path) -> None:
    """One score in nine rows of ten leaves nothing to cut, two scores as often leave one cut."""
    many = np.where(np.arange(N) % 10 == 0, 0.75, 0.25)
    baseline = build(tmp_path, Model(name="m", version="1"), score=many)
    assert not any(name.startswith("@score_band") for name in sizes(baseline))
    half = np.where(np.arange(N) % 2 == 0, 0.75, 0.25)
    found = sizes(build(tmp_path, Model(name="m", version="1"), score=half))
    assert (found["@score_band=<0.75"], found["@score_band=>=0.75"]) == (N // 2, N // 2)


@pytest.mark.parametrize(
    ("built_in", "message"),
    [
        (BuiltInSlices(input_length="nowhere"), "slice column 'nowhere' is no feature column"),
        (BuiltInSlices(input_length="region"), "built_in_slices.input_length: the column 'region' is no number"),
    ],
)
def test_columns_that_cannot_be_cut(tmp_path: Path, built_in: BuiltInSlices, message: str) -> None:
    """A column that is not there, and one that is no number, are refused by name."""
    with pytest.raises(BaselineError, match=message):
        build(tmp_path, Model(name="m", version="1", built_in_slices=built_in))


def test_a_configured_slice_must_not_have_a_built_in_name(tmp_path: Path) -> None:
    """A column called @score_band cannot be sliced by while the built-in slice is there."""
    bands = {"@score_band": np.array(["a", "b"])[np.arange(N) % 2]}
    with pytest.raises(BaselineError, match="the slice '@score_band' has the name of a built-in one"):
        build(tmp_path, Model(name="m", version="1", slices=["@score_band"]), **bands)


def test_the_pair_with_the_interaction_is_watched_first(tmp_path: Path) -> None:
    """Outcomes are turned over in one quarter of the days of one region only: that pair comes first, its groups even.

    A hundred distinct days are binned by twentieths, so a quarter is five bins of five days.
    """
    rng = np.random.default_rng(6)
    region = np.array(["EU", "US", "APAC"])[rng.integers(0, 3, N)]
    score = np.where(rng.random(N) < 0.5, 0.9, 0.1)
    outcome = (rng.random(N) < score) ^ ((region == "EU") & (DAYS < 25) & (rng.random(N) < 0.8))
    others = {f"x{j}": rng.random(N) for j in range(4)}
    columns = {"region": region, "score": score, "outcome": outcome.astype(np.int8), **others}
    layout = build(tmp_path, Model(name="m", version="1"), **columns).layout
    first = layout.pairs[0]
    names = [layout.features[at].name for at in first.features]
    assert sorted(names) == ["days", "region"]
    groups = first.groups[names.index("days")]
    assert [stop - start for start, stop in groups] == [5, 5, 5, 5]
    assert groups[0][0] == N_SPECIAL
    assert len(layout.pairs) == 5


def test_few_rows_have_no_pairs(tmp_path: Path) -> None:
    """Below a thousand rows with an outcome nothing is chosen: all pairs look alike."""
    outcome = np.where(np.arange(N) < 999, np.arange(N) % 2, np.nan)
    assert build(tmp_path, Model(name="m", version="1"), outcome=outcome).layout.pairs == ()
