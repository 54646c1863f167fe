"""What is usually wrong with a frame: one sentence names the column and the mend, never a traceback from within."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import sentinel
from sentinel.api import Baseline
from sentinel.errors import BaselineError, FatalError
from tests.api.test_replay import later_rows
from tests.baseline.frames import scored_rows

Change = Callable[[pd.DataFrame], pd.DataFrame]
N = 400


@pytest.fixture(scope="module")
def held() -> Baseline:
    """A baseline of four hundred rows."""
    return sentinel.build_baseline(scored_rows(N))


def _mixed(frame: pd.DataFrame) -> pd.DataFrame:
    values = frame["spend"].astype(object)
    values.iloc[7] = "none"
    return frame.assign(spend=values)


def _twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame[["age"]]], axis=1)


MISTAKES: dict[str, tuple[Change, str]] = {
    "a column is missing": (
        lambda f: f.rename(columns={"score": "p"}),
        r"have no column 'score' for score; mend: name the right one with columns=\{'score': \.\.\.\} "
        r"\(there are: 'prediction_id', 'predicted_at', 'p', ",
    ),
    "the ids are missing": (lambda f: f.drop(columns="prediction_id"), "have no column 'prediction_id' for"),
    "scores are text": (
        lambda f: f.assign(score=f["score"].astype(str)),
        r"the column 'score' of the \w+ rows, the score, holds .*string, not numbers; "
        r"mend: pd\.to_numeric\(frame\['score'\]\)",
    ),
    "scores are percentages": (
        lambda f: f.assign(score=f["score"] * 100 + 1),
        r"'score' of the \w+ rows holds [\d.]+: a score is P\(positive\), 0 to 1; mend: divide percentages by 100",
    ),
    "outcomes are words": (
        lambda f: f.assign(outcome=f["outcome"].map({0: "stays", 1: "churns"})),
        r"'outcome' of the \w+ rows, the outcome, holds .*; mend: frame\['outcome'\] = \(frame\['outcome'\] == "
        r"'(stays|churns)'\)\.astype\(int\), if that is a positive",
    ),
    "outcomes are -1 and 1": (
        lambda f: f.assign(outcome=f["outcome"] * 2 - 1),
        r"'outcome' of the \w+ rows holds -1: outcomes are 0 or 1; mend: frame\['outcome'\] = ",
    ),
    "times are spans": (
        lambda f: f.assign(predicted_at=f["predicted_at"] - f["predicted_at"].min()),
        r"'predicted_at' of the \w+ rows, predicted_at, holds duration\[us\], not times; "
        r"mend: frame\['predicted_at'\] = pd\.to_datetime\(frame\['predicted_at'\], utc=True\)",
    ),
    "a column is of two types": (
        _mixed,
        r"the column 'spend' of the \w+ rows \(object\) cannot be read as one type: .*; mend: "
        r"frame\['spend'\]\.astype\(str\) for categories, pd\.to_numeric\(frame\['spend'\], errors='coerce'\)",
    ),
    "a column is there twice": (_twice, "have more than one column 'age': rename or drop one"),
    "a column is named by a number": (
        lambda f: f.rename(columns={"age": 7}),
        r"have a column named 7: names are text; mend: frame\.columns = frame\.columns\.map\(str\)",
    ),
    "there are no rows": (lambda f: f.iloc[:0], "there are no (validation|stream) rows: the frame is empty"),
    "times are no times": (
        lambda f: f.assign(predicted_at="yesterday"),
        "is a valid prediction: bad_time 400",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_validation_rows_is_named(mistake: str) -> None:
    """Building from such a frame says what is wrong."""
    change, message = MISTAKES[mistake]
    with pytest.raises(FatalError, match=message):
        sentinel.build_baseline(change(scored_rows(N)))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_stream_is_named(mistake: str, held: Baseline) -> None:
    """Replaying such a frame says what is wrong."""
    change, message = MISTAKES[mistake]
    with pytest.raises(FatalError, match=message):
        sentinel.replay(change(later_rows(N)), held)


def test_no_outcomes_is_told_with_the_ways_out(held: Baseline) -> None:
    """A stream without outcomes names three mends; without their times it asks for these."""
    rows = later_rows(N)
    ways = r"mend: name it with columns=\{'outcome': \.\.\.\}, give outcomes=FRAME, .* frame\['outcome'\] = None"
    with pytest.raises(FatalError, match=ways):
        sentinel.replay(rows.drop(columns="outcome"), held)
    with pytest.raises(FatalError, match=r"add it: frame\['outcome_at'\] = frame\['predicted_at'\] \+ pd\.Timedelta"):
        sentinel.replay(rows.drop(columns="outcome_at"), held)
    with pytest.raises(BaselineError, match="no row has an outcome, so there is nothing to estimate"):
        sentinel.build_baseline(scored_rows(N).assign(outcome=None))


def test_an_empty_column_of_outcomes_judges_the_inputs_alone(held: Baseline) -> None:
    """The mend that the error names works: no outcome, no gap, and no alarm about it."""
    rows = later_rows(N).drop(columns="outcome_at").assign(outcome=None)
    result = sentinel.replay(rows, held)
    assert result.verdict.cause == "insufficient_evidence"
    assert result.findings_frame()["gap"].isna().all()
    assert len(result.features_frame()) == len(held.artifact.layout.features)


def test_times_without_a_zone_are_taken_as_utc_and_said_so(held: Baseline) -> None:
    """Naive times are warned of, column by column, and count as the same moments in UTC."""
    rows = later_rows(N)
    naive = rows.assign(**{name: rows[name].dt.tz_localize(None) for name in ("predicted_at", "outcome_at")})
    with pytest.warns(sentinel.DataWarning) as told:
        result = sentinel.replay(naive, held)
    assert [str(one.message).partition(";")[0] for one in told] == [
        "'predicted_at' of the stream rows has no time zone: taken as UTC",
        "'outcome_at' of the stream rows has no time zone: taken as UTC",
    ]
    assert {one.filename for one in told} == {__file__}  # where the caller stands, not within
    assert result.report.through == sentinel.replay(rows, held).report.through


def test_repeated_ids_are_told(held: Baseline) -> None:
    """Ids that repeat are counted and the consequence is named, on both sides and of outcomes."""
    rows = later_rows(N)
    rows.loc[rows.index[:40], "prediction_id"] = rows["prediction_id"].iloc[40]
    with pytest.warns(sentinel.DataWarning, match=r"duplicate_prediction_id 40, such as row 1: .*the first one stays"):
        sentinel.replay(rows, held)
    outcomes = rows[["prediction_id", "outcome", "outcome_at"]]
    unique = later_rows(N).drop(columns=["outcome", "outcome_at"])
    with pytest.warns(
        sentinel.DataWarning, match="40 of 400 outcome rows repeat a 'prediction_id': the latest of each"
    ):
        sentinel.replay(unique, held, outcomes=outcomes)
    offline = scored_rows(N).assign(prediction_id="one")
    with pytest.warns(sentinel.DataWarning, match="399 of 400 validation rows repeat a 'prediction_id'"):
        sentinel.build_baseline(offline)


def test_outcomes_of_one_class_are_told() -> None:
    """With one class there is no AUC: said once at the build, and again with its reason in the frame."""
    with pytest.warns(sentinel.DataWarning, match="'outcome' of the validation rows is 0 wherever it is known"):
        built = sentinel.build_baseline(scored_rows(N).assign(outcome=0))
    auc = built.estimates_frame().query("metric == 'auc' and slice == 'all'")
    assert auc["value"].isna().all()
    assert auc["reason"].all()


def test_refused_rows_are_told_and_kept(held: Baseline) -> None:
    """Some bad rows do not stop a replay: they are counted, the first is quoted, and a frame has them."""
    rows = later_rows(N)
    rows.loc[rows.index[3], "score"] = 1.5
    with pytest.warns(sentinel.DataWarning, match=r"score_out_of_range 1, such as row 3: score is above 1") as told:
        result = sentinel.replay(rows, held)
    assert told[0].filename == __file__
    assert result.refused_frame()[["rows", "row", "reason"]].to_numpy().tolist() == [
        ["predictions", 3, "score_out_of_range"]
    ]


def test_outcomes_that_meet_no_prediction_are_told(held: Baseline) -> None:
    """Ids of another kind on the two sides join nothing: that is said, with what to look at."""
    rows = later_rows(N)
    outcomes = rows[["outcome", "outcome_at"]].assign(prediction_id=range(N))
    with pytest.warns(
        sentinel.DataWarning, match="none of 400 outcomes met its prediction: are the ids of both the same"
    ):
        sentinel.replay(rows.drop(columns=["outcome", "outcome_at"]), held, outcomes=outcomes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slice": ["region"]}, r"^unknown key 'slice' \(did you mean 'slices'"),
        ({"alerts": {"alpha": 2}}, r"alerts\.alpha: "),
        ({"task": "clustering"}, r"task: "),
        ({"slices": [object()]}, "the arguments hold what no configuration can: <object"),
        ({"manifest": {"split": {"protocol": 3}}}, r"split\.protocol must be a word"),
        ({"config": "sentinel.yaml", "alerts": {"alpha": 0.001}}, "alerts and config are both given"),
    ],
)
def test_a_wrong_setting_is_named_as_it_was_given(settings: dict[str, object], message: str) -> None:
    """Arguments are judged as a configuration file is, and the message starts with the argument."""
    with pytest.raises(FatalError, match=message):
        sentinel.build_baseline(scored_rows(N), **settings)  # type: ignore[arg-type]


def test_what_the_baseline_fixes_cannot_be_given_to_a_replay(held: Baseline) -> None:
    """Slices are counted from the baseline on: another choice needs another baseline."""
    with pytest.raises(FatalError, match="slices is fixed by the baseline: build another one to change it"):
        sentinel.replay(later_rows(N), held, slices=["region"])


def test_what_is_no_frame_is_refused(held: Baseline) -> None:
    """A list is no frame, and a path that leads nowhere is named."""
    with pytest.raises(FatalError, match="the stream rows are a list: give a DataFrame, an Arrow table, or the path"):
        sentinel.replay([1, 2], held)
    with pytest.raises(FatalError, match=r"nowhere\.parquet cannot be read"):
        sentinel.replay("nowhere.parquet", held)
    with pytest.raises(BaselineError, match=r"nowhere\.baseline: cannot read the baseline"):
        sentinel.replay(later_rows(N), "nowhere.baseline")


def test_a_report_that_is_none_is_refused(tmp_path: Path) -> None:
    """Neither a missing file nor one of something else becomes a result."""
    with pytest.raises(FatalError, match="cannot read"):
        sentinel.read_report(tmp_path / "none.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(FatalError, match="is no sentinel report"):
        sentinel.read_report(tmp_path / "other.json")


def test_the_gates_error_survives_a_pickle() -> None:
    """Task runners carry errors between processes: the message and the alerts arrive."""
    error = pickle.loads(pickle.dumps(sentinel.AlertFiringError("leak", ())))
    assert (str(error), error.alerts) == ("leak", ())


def test_nothing_is_told_of_good_rows(held: Baseline) -> None:
    """Rows without a fault raise no warning at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sentinel.replay(later_rows(N), held)
