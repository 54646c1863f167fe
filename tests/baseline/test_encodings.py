"""Features made from the outcomes they are judged by: found in the files, and only where the outcomes are held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.features.value_counts import SLOT_BITS, ValueCounts
from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.baseline.encodings import Encodings
from sentinel.baseline.evidence import BY_PERIOD
from sentinel.baseline.show import lines
from sentinel.config import Model
from sentinel.config.alerts import Alerts
from sentinel.config.durations import Duration
from sentinel.config.model import Outcome
from sentinel.events.batch import F64
from tests.baseline.frames import scored_rows, write

MODEL = Model(name="churn", version="7")
HOUR_US = 3_600_000_000
N_SLOTS = 1 << SLOT_BITS


def rows(seed: int = 1, n: int = 6_000, periods: int = 1, size: int = 12) -> pd.DataFrame:
    """Rows whose ``shop`` has been encoded with the mean outcome of all rows, in each period apart."""
    frame = scored_rows(n, seed)
    frame["predicted_at"] = frame["predicted_at"].iloc[0] + pd.to_timedelta(np.arange(n) * 2, unit="h")
    frame["outcome_at"] = frame["predicted_at"] + pd.Timedelta(days=2)
    shop = np.random.default_rng(seed).integers(0, n // size // periods, n)
    groups = frame.groupby([np.arange(n) * periods // n, shop])["outcome"]
    prior = 0.3 + 0.01 * (np.arange(n) * periods // n)
    frame["shop"] = (groups.transform("sum") + prior) / (groups.transform("size") + 1)
    frame["visits"] = np.random.default_rng(seed + 1).poisson(1 + 5 * frame["score"]).astype(np.int64)
    return frame


def built(folder: Path, validation: pd.DataFrame, train: pd.DataFrame | None = None, **options: int) -> Baseline:
    """The baseline of such files."""
    files = [write(validation, folder / "v.parquet")]
    if train is not None:
        files.append(write(train.drop(columns="score"), folder / "t.parquet"))
    return build_baseline(MODEL, *files, now_us=0, **options)  # type: ignore[arg-type]


def found(baseline: Baseline) -> list[str]:
    """Names of the features that were found, by the evidence and by the checks alike."""
    names = [one.name for one in baseline.meta.static.encoded or ()]
    checks = [one for one in baseline.meta.checks if one.name == "encodes_outcome"]
    assert [one.detail.split()[0] for one in checks] == names
    assert {one.severity for one in checks} <= {"critical"}
    return names


def test_an_encoding_over_training_and_validation_is_found(tmp_path: Path) -> None:
    """With the training rows a quarter of the rows is enough; it is said in words, and of no other feature."""
    frame = rows()
    judged = np.random.default_rng(2).random(len(frame)) < 0.25
    baseline = built(tmp_path, frame[judged], frame[~judged])
    assert found(baseline) == ["shop"]
    (one,) = baseline.meta.static.encoded or ()
    assert one.time_spread is not None
    assert one.time_spread > 0.9
    assert "shop was made from the outcomes that the model is judged by" in "\n".join(lines(baseline, Alerts()))


def test_an_encoding_over_the_validation_rows_is_found_without_training(tmp_path: Path) -> None:
    """Where all rows of the encoding are at hand, no training rows are needed."""
    assert found(built(tmp_path, rows())) == ["shop"]


def test_an_encoding_fitted_on_training_is_honest(tmp_path: Path) -> None:
    """Training rows that were encoded with themselves are usual; validation rows are not in it."""
    frame = rows()
    judged = np.random.default_rng(2).random(len(frame)) < 0.25
    shop = np.random.default_rng(1).integers(0, len(frame) // 12, len(frame))
    fitted = frame[~judged].groupby(shop[~judged])["outcome"]
    frame["shop"] = pd.Series(shop).map((fitted.sum() + 0.3) / (fitted.size() + 1)).to_numpy()
    assert found(built(tmp_path, frame[judged], frame[~judged])) == []


def test_an_encoding_by_period_is_told_by_its_times(tmp_path: Path) -> None:
    """Values that live in one period each lie close together in time."""
    baseline = built(tmp_path, rows(periods=6, size=60, n=9_000))
    assert found(baseline) == ["shop"]
    (one,) = baseline.meta.static.encoded or ()
    assert one.time_spread is not None
    assert one.time_spread < BY_PERIOD
    assert any("period by period" in check.detail for check in baseline.meta.checks)


def test_evidence_does_not_depend_on_the_batches(tmp_path: Path) -> None:
    """Rows held at once change nothing: the same evidence, to the digit."""
    frame = rows()
    whole, parts = built(tmp_path, frame), built(tmp_path, frame, batch_rows=257)
    assert whole.meta.static.encoded == parts.meta.static.encoded
    assert Baseline.from_bytes(whole.to_bytes()).meta.static.encoded == whole.meta.static.encoded


def test_silence_that_is_negative_leaves_training_rows_out(tmp_path: Path) -> None:
    """Training rows without an outcome cannot be told from positives alone, so only validation rows count."""
    frame = rows()
    frame.loc[frame["outcome"] == 0, ["outcome", "outcome_at"]] = None
    model = Model(name="churn", version="7", outcome=Outcome(absence="negative", maturity=Duration(3 * 86_400.0)))
    files = write(frame, tmp_path / "v.parquet"), write(frame.drop(columns="score"), tmp_path / "t.parquet")
    (one,) = build_baseline(model, *files, now_us=0).meta.static.encoded or ()
    assert (one.name, one.dispersion < 0.05) == ("shop", True)


def _fed(values: F64, positive: F64, order: np.ndarray[tuple[int], np.dtype[np.int64]]) -> ValueCounts:
    tally = ValueCounts()
    for part in np.array_split(order, 7):
        tally.add(values[part], positive[part].astype(np.int64), None, None, judged=True)
    return tally


def test_a_value_that_is_kept_has_all_its_rows() -> None:
    """Of more values than there are slots some thousand stay, whole, and the same in any order of the rows."""
    rng = np.random.default_rng(3)
    values = np.round(rng.normal(size=60_000), 4)
    values[:50] = -0.0
    values[50:60] = np.nan
    positive = (rng.random(60_000) < 0.3).astype(np.float64)
    kept, sums = _fed(values, positive, np.arange(60_000)).table()
    again, same = _fed(values, positive, rng.permutation(60_000)).table()
    distinct, at = np.unique(values, return_inverse=True)
    expected = pd.DataFrame({"n": np.bincount(at), "s": np.bincount(at, positive)}, index=distinct).loc[pd.Index(kept)]
    assert np.array_equal(sums[0], expected["n"])
    assert np.array_equal(sums[1], expected["s"])
    assert N_SLOTS // 2 < len(kept) <= N_SLOTS
    assert np.array_equal(kept, again)
    assert np.array_equal(sums, same)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e300])
def test_no_value_breaks_it(value: float) -> None:
    """One value, missing values and infinite ones are no encoding and no error."""
    encodings = Encodings({"x": 0})
    outcomes = np.tile([0.0, 1.0], 50)
    times = np.arange(100) * HOUR_US
    encodings.add(np.full((1, 100), value), outcomes, np.ones(100, np.bool_), times, judged=True)
    assert encodings.found() == ()


def test_what_was_never_asked_is_unknown() -> None:
    """Without a question of yes or no there is nothing to say, which is not that nothing was found."""
    assert Encodings({}, is_asked=False).found() is None
    assert Encodings({}).found() == ()


def test_times_are_not_needed() -> None:
    """Rows without times are judged all the same; where their values lie is then unknown."""
    encodings = Encodings({"x": 0})
    values = (np.arange(4_000) // 100).astype(np.float64)
    outcomes = (np.arange(4_000) % 100 < 2.5 * values).astype(np.float64)
    encodings.add(values[None], outcomes, np.ones(4_000, np.bool_), None, judged=True)
    found_one = encodings.found()
    assert [(one.name, one.time_spread) for one in found_one or ()] == [("x", None)]
