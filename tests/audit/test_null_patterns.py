"""Missing values that tell the outcome: found at three strengths, and honest absence is not condemned."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sentinel.audit.checks import null_patterns
from tests.audit.frames import look, rows

N = 3_000


def files(seed: int, n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Validation and training rows."""
    return rows(n, 2 * seed, first_hour=n), rows(n, 2 * seed + 1)


def absent(frame: pd.DataFrame, positive: float, negative: float, seed: int) -> pd.DataFrame:
    """A column missing in these shares of the positive and of the negative rows: AUC .5 + half their difference."""
    rng = np.random.default_rng(1_000 + seed)
    missing = rng.random(len(frame)) < np.where(frame["outcome"] == 1, positive, negative)
    return frame.assign(delay=np.where(missing, np.nan, rng.normal(size=len(frame))))


@pytest.mark.parametrize(
    ("positive", "negative", "severity"), [(0.03, 0.97, "critical"), (0.25, 0.75, "warning"), (0.4, 0.6, "info")]
)
def test_a_leak_is_named_by_its_strength(positive: float, negative: float, severity: str) -> None:
    """AUCs of .97, .75 and .6 are critical, worth a look, and good to know; the figures are scikit-learn's."""
    pair = [absent(frame, positive, negative, at) for at, frame in enumerate(files(1))]
    (finding,) = look(null_patterns, *pair).findings
    assert (finding.severity, finding.columns, finding.cause) == (severity, ("delay",), "target_leakage")
    exact = roc_auc_score(pair[0]["outcome"], pair[0]["delay"].notna())
    assert finding.title.endswith(f"AUC {exact:.3f}")
    assert finding.share is not None
    assert finding.share.value == pytest.approx(pair[0]["delay"].isna().mean())
    assert "of what all of its values tell" in finding.detail


def test_a_column_filled_for_few_positive_rows_is_critical() -> None:
    """Filled in for a tenth of the positive rows alone it has an AUC of .55 only, and yet gives each of these away."""
    pair = []
    for seed, frame in enumerate(files(2)):
        frame = frame[(frame["outcome"] == 0) | (np.arange(N) % 2 == 0)]  # a third positive: the rarer outcome
        pair.append(absent(frame, 0.9, 1.0, seed))
    (finding,) = look(null_patterns, *pair).findings
    assert (finding.severity, finding.columns) == ("critical", ("delay",))
    assert "can be read off" in finding.detail


def test_one_entity_without_a_value_gives_nothing_away() -> None:
    """Look-alike: all rows that lack a value are of one customer, who is always positive."""
    pair = []
    for seed, frame in enumerate(files(3)):
        frame = frame[(frame["outcome"] == 0) | (np.arange(N) % 2 == 0)].reset_index(drop=True)
        rng = np.random.default_rng(seed)
        one = np.flatnonzero(frame["outcome"] == 1)[:70]
        frame["group"] = [f"g{i}" for i in range(len(frame))]
        frame.loc[one, "group"] = "always"
        pair.append(frame.assign(delay=pd.Series(rng.normal(size=len(frame))).mask(frame.index.isin(one))))
    assert all(one.severity == "info" for one in look(null_patterns, *pair).findings)


def test_honest_absence_is_no_finding() -> None:
    """Values missing at random, in a tenth and in nine tenths of 30 x 8 columns: not one is named."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        pair = []
        for frame in files(seed, 800):
            for j in range(8):
                frame[f"f{j}"] = np.where(rng.random(800) < (0.1 if j % 2 else 0.9), np.nan, 1.0)
            pair.append(frame)
        assert look(null_patterns, *pair).state == "clear", seed


@pytest.mark.parametrize("stand_in", [-1.0, 999.0, -9999.0])
def test_a_number_may_stand_for_a_missing_one(stand_in: float) -> None:
    """What is written for a value that is not there tells as much as its absence; the number is not told."""
    pair = []
    for seed, frame in enumerate(files(4)):
        frame = absent(frame, 0.03, 0.97, seed)
        pair.append(frame.assign(delay=(frame["delay"].abs() * 10).round().fillna(stand_in)))
    (finding,) = look(null_patterns, *pair).findings
    assert (finding.severity, finding.columns) == ("critical", ("delay",))
    assert "stands for a missing one" in finding.title
    assert str(int(stand_in)) not in finding.title + finding.detail + finding.mend


def test_the_end_of_a_scale_stands_for_nothing_missing() -> None:
    """Look-alike: -1 among -3 to 3, and 99 among 0 to 99, are values as any other."""
    pair = []
    for frame in files(5):
        low = np.clip(frame["x"].round(), -1, 3)
        pair.append(
            frame.assign(low=np.where(low == -1, -1.0, low - 3), high=np.clip((frame["x"] * 30).round(), 0, 99))
        )
    assert look(null_patterns, *pair).state == "clear"


@pytest.mark.parametrize("kind", ["word", "date", "text"])
def test_every_kind_of_column_counts(kind: str) -> None:
    """Words, dates and texts may be missing, too."""
    pair = []
    for seed, frame in enumerate(files(6)):
        gone = absent(frame, 0.03, 0.97, seed)["delay"].isna()
        value: dict[str, object] = {
            "word": "late",
            "date": pd.Timestamp("2026-02-01"),
            "text": pd.Series([f"{i} a text of many words that nobody has written twice" for i in range(N)]),
        }
        pair.append(frame.assign(delay=pd.Series(value[kind], index=frame.index).mask(gone)))
    (finding,) = look(null_patterns, *pair).findings
    assert (finding.severity, finding.columns) == ("critical", ("delay",))


def test_numbers_and_classes_are_outcomes_as_well() -> None:
    """Of a regression and of three classes the same absence is found."""
    pair = [absent(frame, 0.03, 0.97, at) for at, frame in enumerate(files(7))]
    numbers = [frame.assign(outcome=frame["outcome"] * 3.0 + frame["noise"]) for frame in pair]
    result = look(null_patterns, *numbers, task="regression")
    (finding,) = result.findings
    assert (finding.severity, finding.columns) == ("warning", ("delay",))
    assert "AUC" not in finding.title + finding.detail + result.detail  # of a number it is the concordance
    scores = {f"scores.{name}": 1 / 3 for name in "abc"}
    words = [
        frame.drop(columns="score").assign(
            outcome=np.where(frame["outcome"] == 1, "a", np.where(frame["noise"] > 0, "b", "c")), **scores
        )
        for frame in pair
    ]
    (finding,) = look(null_patterns, *words, task="multiclass").findings
    assert (finding.severity, finding.columns) == ("critical", ("delay",))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308, 0.0])
def test_odd_columns_break_nothing(value: float) -> None:
    """A column that is always missing, or never, sets no rows apart."""
    assert look(null_patterns, *[frame.assign(odd=value) for frame in files(8, 300)]).state == "clear"


@pytest.mark.parametrize("outcome", [1, None])
def test_without_two_outcomes_it_is_not_checked(outcome: int | None) -> None:
    """One class, or no outcome at all, is no ground to judge by."""
    frame = rows(200, 9).assign(outcome=pd.Series([outcome] * 200, dtype="Int64"))
    assert look(null_patterns, frame).state == "not_checked"


def test_batches_do_not_matter() -> None:
    """Rows shown in pieces of 97 give the very same words."""
    pair = [absent(frame, 0.25, 0.75, at) for at, frame in enumerate(files(10, 700))]
    whole, parts = (look(null_patterns, *pair, batch_rows=n).findings for n in (10_000, 97))
    assert whole == parts


def test_without_training_rows_it_is_checked_all_the_same() -> None:
    """Folds of validation rows are judged by each other."""
    (finding,) = look(null_patterns, absent(files(11)[0], 0.03, 0.97, 11)).findings
    assert finding.severity == "critical"
