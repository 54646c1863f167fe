"""What one binned feature says of an outcome, against brute force, closed forms and other people's code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import f1_score, mutual_info_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sentinel.stats.arrays import Floats
from sentinel.stats.auc import auc_values
from sentinel.stats.predictive_power import (
    concordance_parts,
    explained_entropy,
    information_value,
    predictive_power,
)


def tabled(bins: npt.NDArray[Any], kinds: npt.NDArray[Any], n_bins: int, n_kinds: int) -> Floats:
    """Events by bin and kind."""
    code = bins.astype(np.int64) * n_kinds + kinds.astype(np.int64)
    return np.bincount(code, minlength=n_bins * n_kinds).reshape(n_bins, n_kinds).astype(np.float64)


def test_concordance_counts_every_pair() -> None:
    """Pairs with different outcomes are right, tied or wrong, as counting them one by one says."""
    rng = np.random.default_rng(1)
    bins, kinds = rng.integers(0, 4, 60), rng.integers(0, 3, 60)
    gap = np.sign(bins[:, None] - bins[None]) * np.sign(kinds[:, None] - kinds[None])
    told = kinds[:, None] > kinds[None]
    won, pairs = concordance_parts(tabled(bins.astype(float), kinds.astype(float), 4, 3))
    assert float(pairs) == told.sum()
    assert float(won) == ((gap[told] + 1) / 2).sum()


def test_concordance_of_two_kinds_is_the_area() -> None:
    """With two kinds it is the area under the ROC curve, of many tables at once."""
    tables = np.random.default_rng(2).integers(1, 50, (5, 8, 2))
    won, pairs = concordance_parts(tables)
    assert won / pairs == pytest.approx(auc_values(tables[..., 1], tables[..., 0]))


def test_information_value_is_its_closed_form() -> None:
    """Of large counts it is (p1 - p0) ln(p1 / p0) summed: two bins of .2 and .8 give .6 ln 4 twice."""
    table = np.array([[800_000, 200_000], [200_000, 800_000]])
    assert information_value(table) == pytest.approx(2 * 0.6 * np.log(4.0), abs=1e-4)


@pytest.mark.parametrize("measure", [information_value, explained_entropy])
def test_chance_is_taken_off(measure: Callable[[Floats], float]) -> None:
    """Of a feature that knows nothing the mean over many samples is 0, though each raw value is above it."""
    rng = np.random.default_rng(3)
    said = [measure(tabled(rng.integers(0, 20, 2_000), rng.random(2_000) < 0.3, 20, 2)) for _ in range(300)]
    assert abs(np.mean(said)) < 4 * np.std(said) / np.sqrt(300)


def test_explained_entropy_is_mutual_information() -> None:
    """But for the correction it is scikit-learn's mutual information over the entropy of the outcome."""
    rng = np.random.default_rng(4)
    bins = rng.integers(0, 5, 3_000)
    kinds = np.where(rng.random(3_000) < 0.5, bins % 3, rng.integers(0, 3, 3_000))
    shares = np.bincount(kinds) / 3_000
    entropy = -(shares * np.log(shares)).sum()
    expected = (mutual_info_score(bins, kinds) - 4 * 2 / 6_000) / entropy
    assert explained_entropy(tabled(bins, kinds, 5, 3)) == pytest.approx(expected)


@pytest.mark.parametrize("table", [np.zeros((3, 2)), np.array([[5.0, 0.0], [7.0, 0.0]]), np.array([[4.0, 4.0]])])
def test_nothing_to_tell_is_nothing(table: Floats) -> None:
    """No events, one outcome or one bin say nothing, and break nothing."""
    assert information_value(table) == 0.0
    assert explained_entropy(table) == 0.0
    assert predictive_power(table, table) == 0.0
    assert predictive_power(table, table, np.array([0.0, 1.0])) == 0.0


@pytest.mark.parametrize("strength", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("n_kinds", [2, 4])
def test_the_score_of_classes_is_that_of_a_tree(strength: float, n_kinds: int) -> None:
    """A decision tree on the same feature, fold by fold, reaches the same F1 and so the same score."""
    rng = np.random.default_rng(5)
    bins = rng.integers(0, 12, 6_000)
    kinds = np.where(rng.random(6_000) < strength, bins % n_kinds, rng.integers(0, n_kinds, 6_000))
    folds = KFold(4)
    guessed = cross_val_predict(DecisionTreeClassifier(random_state=0), bins[:, None], kinds, cv=folds)
    naive = max(
        f1_score(kinds, np.full(6_000, np.bincount(kinds).argmax()), average="weighted"),
        ((np.bincount(kinds) / 6_000) ** 2).sum(),
    )
    expected = max((f1_score(kinds, guessed, average="weighted") - naive) / (1.0 - naive), 0.0)
    judged = np.stack([tabled(bins[at], kinds[at], 12, n_kinds) for _, at in folds.split(bins)])
    assert predictive_power(judged.sum(axis=0) - judged, judged) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("noise", [0.1, 0.5, 3.0])
def test_the_score_of_numbers_is_that_of_a_tree(noise: float) -> None:
    """A tree that minimises the absolute error, on the same bins and steps, comes to the same score."""
    rng = np.random.default_rng(6)
    bins = rng.integers(0, 8, 1_200)
    steps = np.clip(np.round(bins + rng.normal(0, 2 * noise, 1_200)), 0, 7)
    tree = DecisionTreeRegressor(criterion="absolute_error", random_state=0).fit(bins[:600, None], steps[:600])
    error = np.abs(tree.predict(bins[600:, None]) - steps[600:]).mean()
    naive = np.abs(np.median(steps[:600]) - steps[600:]).mean()
    first, second = (tabled(bins[at], steps[at], 8, 8) for at in (slice(600), slice(600, None)))
    expected = max(1.0 - error / naive, 0.0)
    assert predictive_power(first, second, np.arange(8.0)) == pytest.approx(expected, abs=0.02)


def test_a_bin_that_was_never_seen_says_what_all_say() -> None:
    """Judged rows of a bin without reference rows are guessed by the commonest outcome of all."""
    reference = np.array([[10.0, 90.0], [0.0, 0.0]])
    judged = np.array([[0.0, 0.0], [0.0, 50.0]])
    assert predictive_power(reference, judged) == 0.0  # all of one class: nothing to gain
    mixed = np.array([[20.0, 0.0], [0.0, 80.0]])
    # Guesses 1 throughout: as good as always saying the commonest, so no gain.
    assert predictive_power(reference, mixed) == 0.0


def test_information_value_of_few_events_by_hand() -> None:
    """Half an event more in each of four cells, 3.5 and 1.5 of 5, less what chance brings: one bin's 1/4 + 1/4."""
    expected = 2.0 * (0.7 - 0.3) * np.log(0.7 / 0.3) - 0.5
    assert information_value(np.array([[3, 1], [1, 3]])) == pytest.approx(expected)
