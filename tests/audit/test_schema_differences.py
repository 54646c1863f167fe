"""What one file has and the other lacks is named; what chance brings about is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import schema_differences
from sentinel.audit.features.vocabularies import MOST, Vocabulary
from tests.audit.frames import look, rows

N = 3_000


def _shuffled(seed: int, n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of one law and one time, split at random: validation, training."""
    every = rows(2 * n, seed).sample(frac=1.0, random_state=seed, ignore_index=True)
    return every.iloc[:n].reset_index(drop=True), every.iloc[n:].reset_index(drop=True)


def test_honest_random_splits_are_clear() -> None:
    """Twenty random splits, with missing values and categories that come once, raise no false alarm."""
    for seed in range(20):
        validation, train = _shuffled(seed, 600)
        rng = np.random.default_rng(seed)
        for frame in (validation, train):
            frame.loc[rng.random(600) < 0.2, "noise"] = np.nan
            frame["city"] = [f"c{one}" for one in rng.zipf(1.6, 600)]
        assert look(schema_differences, validation, train).state == "clear", seed


@pytest.mark.parametrize("share", [0.02, 0.1, 0.6])
def test_categories_of_validation_rows_only_are_counted(share: float) -> None:
    """A share of validation rows with a plan that training never met is found, with its size, at each strength."""
    validation, train = _shuffled(1)
    validation.loc[np.arange(N) < share * N, "plan"] = "new"
    (finding,) = look(schema_differences, validation, train).findings
    assert (finding.severity, finding.columns) == ("warning", ("plan",))
    assert finding.share is not None
    assert finding.share.value == pytest.approx(share)
    assert "new" not in finding.detail.replace("never", "")
    assert "1 such categories" in finding.detail


def test_categories_of_single_entities_are_chance() -> None:
    """Each entity keeps to a district of its 60, in all of its twelve rows: other entities bring some that are new."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        validation, train = _shuffled(seed, 600)
        for frame, name in ((validation, "v"), (train, "t")):
            who = rng.integers(0, 50, 600)
            frame["group"] = [f"{name}{one}" for one in who]
            frame["district"] = np.array([f"d{one}" for one in rng.integers(0, 60, 50)])[who]
        assert look(schema_differences, validation, train).state == "clear", seed


def test_categories_that_time_brings_are_good_to_know() -> None:
    """Where validation comes after training, a tenth of new categories is no fault; a third is one."""
    train, validation = rows(N, 1), rows(N, 2, first_hour=N)
    severities = []
    for share in (0.1, 0.33):
        validation.loc[np.arange(N) < share * N, "plan"] = "new"
        severities += [finding.severity for finding in look(schema_differences, validation, train).findings]
    assert severities == ["info", "warning"]


@pytest.mark.parametrize("share", [0.05, 0.2, 1.0])
def test_values_missing_in_one_file_are_found(share: float) -> None:
    """The share of missing values of both files is stated, at each strength."""
    validation, train = _shuffled(2)
    validation.loc[np.arange(N) < share * N, "noise"] = np.nan
    (finding,) = look(schema_differences, validation, train).findings
    assert (finding.severity, finding.columns, finding.chance) == ("warning", ("noise",), 0.0)
    assert finding.share is not None
    assert finding.share.value == pytest.approx(share)
    assert finding.plots[0].x == ("noise",)


def test_missing_values_of_few_entities_are_chance() -> None:
    """Twenty entities, some without the value in all their rows: files that share none of them differ by chance."""
    n_alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        validation, train = _shuffled(seed, 600)
        for frame, name in ((validation, "v"), (train, "t")):
            frame["group"] = [f"{name}{one}" for one in rng.integers(0, 20, 600)]
            lacking = {f"{name}{one}" for one in np.flatnonzero(rng.random(20) < 0.3)}
            frame.loc[frame["group"].isin(lacking), "noise"] = np.nan
        n_alarms += look(schema_differences, validation, train).state == "found"
    assert n_alarms <= 2  # of row-wise tests nearly all twenty alarm; buckets of a few entities are a little too sure


def test_columns_of_one_file_are_named_by_file() -> None:
    """A column that only training has may have been learned from; one that only validation has cannot."""
    validation, train = _shuffled(3)
    train["kept"], validation["added"] = np.arange(N) % 7, np.arange(N) % 5
    findings = look(schema_differences, validation, train).findings
    assert {(one.columns, one.severity) for one in findings} == {(("kept",), "warning"), (("added",), "info")}


def test_a_number_that_became_text_is_a_fault() -> None:
    """A type is told from another kind of type, not from another width."""
    validation, train = _shuffled(4)
    validation["count"], train["count"] = np.arange(N, dtype=np.int32) % 9, np.arange(N, dtype=np.float64) % 9
    assert look(schema_differences, validation, train).state == "clear"
    validation["count"] = validation["count"].astype(str)
    findings = look(schema_differences, validation, train).findings
    assert any(one.columns == ("count",) and "number, then text" in one.detail for one in findings)


def test_without_training_rows_it_says_what_it_needs() -> None:
    """One file alone has nothing to differ from."""
    result = look(schema_differences, rows(100, 1))
    assert (result.state, result.needs) == ("not_checked", "--train")


def test_batches_change_nothing() -> None:
    """Counts are the same in batches of 41 rows."""
    validation, train = _shuffled(5)
    validation.loc[:500, "plan"] = "new"
    whole, parted = (look(schema_differences, validation, train, batch_rows=n) for n in (1 << 15, 41))
    assert whole.findings == parted.findings


def test_copies_of_a_vocabulary_add_up() -> None:
    """Three copies that saw parts know what one knows that saw all, and expect as much that is new."""
    rng = np.random.default_rng(1)
    values, others = rng.integers(1, 400, 900).astype(np.uint64), rng.integers(1, 500, 900).astype(np.uint64)
    buckets = rng.integers(0, 32, 900)
    whole = Vocabulary()
    entities = rng.integers(1, 60, 900).astype(np.uint64)
    whole.train(values, entities)
    total = Vocabulary()
    for places in np.array_split(np.arange(900), 3):
        copy = Vocabulary()
        copy.train(values[places], entities[places])
        total.add_train(copy)
    copies = [Vocabulary(total.words, total.n_rows, total.first, total.last) for _ in range(3)]
    for copy, places in zip(copies, np.array_split(np.arange(900), 3), strict=True):
        copy.validation(others[places], buckets[places])
        total.add_validation(copy)
    whole.validation(others, buckets)
    np.testing.assert_array_equal(total.words, whole.words)
    np.testing.assert_array_equal(total.new_words, whole.new_words)
    np.testing.assert_array_equal(total.n_new, whole.n_new)
    of_one = [len(rows) for word in set(values) if len(set(entities[(rows := np.flatnonzero(values == word))])) == 1]
    assert total.chance == whole.chance == pytest.approx(sum(of_one) / 900)
    alone = Vocabulary()
    alone.train(values, np.arange(1, 901, dtype=np.uint64))
    once = (np.unique(values, return_counts=True)[1] == 1).sum()
    assert alone.chance == pytest.approx(once / 900)  # Good's estimate


def test_a_column_of_too_many_categories_is_given_up() -> None:
    """Beyond the most that are remembered nothing is said of it."""
    full = Vocabulary()
    words = np.arange(1, MOST + 10, dtype=np.uint64)
    full.train(words, words)
    full.validation(np.array([10**9], np.uint64), np.zeros(1, np.int64))
    assert full.is_full
    assert full.n_new.sum() == 0
