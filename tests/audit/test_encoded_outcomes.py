"""Features made from the outcomes they are judged by: found by their closeness, at three sizes of groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import encoded_outcomes
from sentinel.audit.features.value_counts import ValueCounts, judge_values, may_encode
from tests.audit.frames import look, rows

N = 6_000


def encoded(seed: int, size: int, *, before_split: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Validation and training rows with the mean outcome of their town, over all rows or over the training rows."""
    rng = np.random.default_rng(1_000 + seed)
    frame = rows(N, seed).iloc[rng.permutation(N)].reset_index(drop=True)
    town = rng.integers(0, N // size, N)
    is_train = np.arange(N) < 2 * N // 3
    used = frame["outcome"] if before_split else frame["outcome"].where(is_train)
    frame["rate"] = used.groupby(town).transform("mean").fillna(0.5)
    return frame[~is_train], frame[is_train]


@pytest.mark.parametrize("size", [10, 40, 200])
def test_a_mean_over_all_rows_is_critical(size: int) -> None:
    """Groups of ten rows, of forty, of two hundred: the ever weaker signal is found all the same."""
    (finding,) = look(encoded_outcomes, *encoded(1, size, before_split=True)).findings
    assert (finding.severity, finding.columns, finding.cause) == ("critical", ("rate",), "target_leakage")
    assert finding.no_inflation is not None


def test_a_mean_over_training_rows_is_honest() -> None:
    """Look-alike: an encoder fitted on the training rows alone, over 15 seeds and two sizes, is never named."""
    for seed in range(15):
        for size in (10, 60):
            result = look(encoded_outcomes, *encoded(seed, size, before_split=False))
            assert result.state == "clear", (seed, size)


def test_honest_counts_and_scores_are_clear() -> None:
    """Rounded scores and counts that go with the outcome are no encodings of it."""
    for seed in range(10):
        pair = []
        for frame in (rows(3_000, 2 * seed), rows(3_000, 2 * seed + 1)):
            rounded = (1.0 / (1.0 + np.exp(-frame["x"]))).round(2)
            pair.append(frame.assign(rounded=rounded, visits=np.floor(np.exp(frame["x"]))))
        result = look(encoded_outcomes, *pair)
        assert result.state == "clear", seed
        assert "2 numbers" in result.detail


def test_batches_do_not_matter() -> None:
    """Rows shown in pieces of 97 give the very same words."""
    pair = encoded(2, 40, before_split=True)
    whole, parts = (look(encoded_outcomes, *pair, batch_rows=n).findings for n in (10_000, 97))
    assert whole == parts


def test_parts_add_up() -> None:
    """Counts of two halves, merged in either order, are those of all rows, kept values and their sums alike."""
    rng = np.random.default_rng(3)
    values, positive = rng.normal(size=30_000).round(4), (rng.random(30_000) < 0.3).astype(np.int64)
    whole, one, two = ValueCounts(), ValueCounts(), ValueCounts()
    whole.add(values, positive, None, None, judged=True)
    one.add(values[::2], positive[::2], None, None, judged=True)
    two.add(values[1::2], positive[1::2], None, None, judged=True)
    other_way = ValueCounts()
    other_way.merge(two)
    other_way.merge(one)
    one.merge(two)
    for merged in (one, other_way):
        for mine, expected in zip(merged.table(), whole.table(), strict=True):
            assert np.array_equal(mine, expected)


def test_a_judgement_needs_values_that_repeat() -> None:
    """Values of one row each say nothing, and are not followed."""
    rng = np.random.default_rng(4)
    values, outcomes = rng.normal(size=500), rng.integers(0, 2, 500).astype(np.float64)
    assert not may_encode(values + outcomes, outcomes)
    counts = ValueCounts()
    counts.add(values, outcomes.astype(np.int64), None, None, judged=True)
    assert judge_values(*counts.table(), (0.5,)) is None


@pytest.mark.parametrize("task", ["regression", "multiclass", "ranking"])
def test_other_tasks_are_not_checked(task: str) -> None:
    """Only outcomes of yes and no have rates."""
    result = look(encoded_outcomes, rows(100, 5), task=task)  # type: ignore[arg-type]
    assert (result.state, result.needs) == ("not_checked", "a binary task")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.0, 1e308])
def test_odd_columns_break_nothing(value: float) -> None:
    """A column of nothing, of infinity or of one value is not followed."""
    assert look(encoded_outcomes, rows(300, 6).assign(odd=value)).state == "clear"


def test_without_outcomes_it_is_not_checked() -> None:
    """Nothing is known to be close to."""
    frame = rows(100, 7).assign(outcome=pd.Series([None] * 100, dtype="Int64"))
    assert look(encoded_outcomes, frame).state == "not_checked"


def test_the_model_says_what_it_inflates() -> None:
    """With the model the metric is taken again with the feature shuffled."""
    validation, train = encoded(8, 10, before_split=True)
    validation["score"] = validation["rate"]
    result = look(encoded_outcomes, validation, train, score_with=lambda frame: frame["rate"].to_numpy())
    inflation = result.findings[0].inflation
    assert inflation is not None
    assert inflation.gain.lower > 0.05
