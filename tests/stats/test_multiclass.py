"""Accuracy, F1 and one-vs-rest areas from counts, against rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from sentinel.stats import multiclass
from sentinel.stats.confusion import Confusion, f1
from sentinel.stats.estimate import Estimate, Measured, NotEnough

CLASSES = 4


def world(random: np.random.Generator, n: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of four classes of unequal share, and outcomes drawn from them; bins of 1/32 are exact."""
    logits = random.normal(0, 1.5, (n, CLASSES)) + np.array([1.0, 0.5, 0.0, -0.5])
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    outcomes = (random.random((n, 1)) > chance.cumsum(axis=1)).sum(axis=1).clip(0, CLASSES - 1)
    return np.floor(chance * 32) / 32, outcomes


def confusion_of(chance: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    """Events by predicted class and outcome."""
    table = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(table, (chance.argmax(axis=1), outcomes), 1)
    return table


def buckets_of(chance: np.ndarray, outcomes: np.ndarray, bucket: np.ndarray) -> np.ndarray:
    """Events by bucket, class, score bin and hit."""
    counts = np.zeros((32, CLASSES, 33, 2), np.int64)
    for c in range(CLASSES):
        np.add.at(counts, (bucket, np.int64(c), (chance[:, c] * 32).astype(int), (outcomes == c).astype(int)), 1)
    return counts


def estimate(measured: Measured) -> Estimate:
    """The estimate that must be there."""
    assert isinstance(measured, Estimate)
    return measured


@pytest.mark.parametrize("seed", range(4))
def test_values_equal_sklearn(seed: int) -> None:
    """Accuracy, per-class and macro F1 and macro one-vs-rest AUC are scikit-learn's on the rows."""
    random = np.random.default_rng(seed)
    chance, outcomes = world(random)
    table = confusion_of(chance, outcomes)
    predicted = chance.argmax(axis=1)
    assert estimate(multiclass.accuracy(table)).value == pytest.approx(accuracy_score(outcomes, predicted))
    assert estimate(multiclass.macro_f1(table)).value == pytest.approx(f1_score(outcomes, predicted, average="macro"))
    each = f1_score(outcomes, predicted, average=None)
    assert multiclass.class_f1(table).values == pytest.approx(each)
    area = np.mean([roc_auc_score(outcomes == c, chance[:, c]) for c in range(CLASSES)])
    got = multiclass.macro_auc(buckets_of(chance, outcomes, random.integers(0, 32, len(outcomes))))
    assert estimate(got).value == pytest.approx(area, abs=1e-12)
    assert estimate(got).n == 900


def test_macro_f1_variance_is_that_of_repeated_samples() -> None:
    """Over 3,000 fresh samples the mean claimed variance is within 10 % of the variance of the values."""
    random = np.random.default_rng(11)
    found = [estimate(multiclass.macro_f1(confusion_of(*world(random)))) for _ in range(3000)]
    values = np.array([one.value for one in found])
    assert np.mean([one.variance for one in found]) / values.var(ddof=1) == pytest.approx(1.0, abs=0.1)


def test_class_f1_variance_is_that_of_repeated_samples() -> None:
    """The same for each class alone."""
    random = np.random.default_rng(12)
    tables = [multiclass.class_f1(confusion_of(*world(random))) for _ in range(2000)]
    values = np.array([table.values for table in tables])
    claimed = np.mean([table.variances for table in tables], axis=0)
    assert claimed / values.var(axis=0, ddof=1) == pytest.approx(np.ones(CLASSES), abs=0.15)


def test_macro_auc_variance_covers_that_of_repeated_samples() -> None:
    """Over 500 fresh samples the claimed variance is at least that of the values, and at most 1.6 times it."""
    random = np.random.default_rng(13)
    found = []
    for _ in range(500):
        chance, outcomes = world(random, 500)
        found.append(estimate(multiclass.macro_auc(buckets_of(chance, outcomes, random.integers(0, 32, 500)))))
    values = np.array([one.value for one in found])
    assert 0.9 < np.mean([one.variance for one in found]) / values.var(ddof=1) < 1.6


def test_two_classes_give_the_binary_f1_and_area() -> None:
    """With two classes both one-vs-rest areas are the area, and their mean is it."""
    random = np.random.default_rng(3)
    score = np.floor(random.random(400) * 32) / 32
    outcomes = (random.random(400) < score).astype(int)
    counts = np.zeros((32, 2, 33, 2), np.int64)
    bucket = random.integers(0, 32, 400)
    for c, chance in enumerate((1 - score, score)):
        np.add.at(counts, (bucket, np.int64(c), (chance * 32).astype(int), (outcomes == c).astype(int)), 1)
    assert estimate(multiclass.macro_auc(counts)).value == pytest.approx(roc_auc_score(outcomes, score))


def test_empty_one_class_and_rare_classes_have_results() -> None:
    """No events and one class are reasons; a class that never occurs does not enter the mean."""
    assert multiclass.macro_f1(np.zeros((3, 3))) == NotEnough("too few outcomes", 0, 10)
    assert isinstance(multiclass.macro_auc(np.zeros((32, 3, 5, 2))), NotEnough)
    only = np.zeros((3, 3))
    only[0, 0] = 50
    got = estimate(multiclass.macro_f1(only))
    assert (got.value, got.variance > 0) == (1.0, True)
    assert np.isfinite(multiclass.class_f1(np.zeros((3, 3))).variances).all()


def test_macro_f1_of_buckets_sees_entities_that_repeat() -> None:
    """Thirty rows per entity with one fate give a larger variance than independent rows."""
    random = np.random.default_rng(5)
    chance, outcomes = world(random, 300)
    bucket = random.integers(0, 32, 300)
    counts = np.zeros((32, CLASSES, CLASSES), np.int64)
    np.add.at(counts, (bucket, chance.argmax(axis=1), outcomes), 30)
    alone, together = multiclass.macro_f1(counts.sum(axis=0)), multiclass.macro_f1_of_buckets(counts)
    assert estimate(together).variance > 10 * estimate(alone).variance


def test_class_f1_of_two_classes_is_that_of_the_confusion_table() -> None:
    """Value and variance of either class are those of the binary F1 with that class as the positive one."""
    table = multiclass.class_f1(np.array([[40, 10], [20, 30]]))
    ones = f1(Confusion(40, 10, 20, 30)), f1(Confusion(30, 20, 10, 40))
    assert all(isinstance(one, Estimate) for one in ones)
    assert table.values.tolist() == pytest.approx([one.value for one in ones if isinstance(one, Estimate)])
    assert table.variances.tolist() == pytest.approx([one.variance for one in ones if isinstance(one, Estimate)])


def test_a_perfect_macro_f1_keeps_a_variance() -> None:
    """Where no event could move it, the floor of a mean of so many: a quarter over the square of the events."""
    assert multiclass.macro_f1(np.diag([60, 40])) == Estimate(1.0, 0.25 / 100**2, 100)
