"""NDCG and reciprocal rank of lists, against scikit-learn and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from sentinel.stats.estimate import Estimate, NotEnough
from sentinel.stats.ranking import mean_of_buckets, ndcg, reciprocal_ranks


@pytest.mark.parametrize("k", [1, 3, 10])
def test_ndcg_equals_sklearn(k: int) -> None:
    """For lists of 12 graded items, with gains 2^g - 1, values at k are scikit-learn's."""
    random = np.random.default_rng(k)
    grades = random.integers(0, 4, (200, 12)).astype(float)
    scores = random.random((200, 12))
    order = np.argsort(-scores, axis=1)
    ranked = np.take_along_axis(grades, order, axis=1)[:, :k]
    values, known = ndcg(ranked, -np.sort(-grades, axis=1)[:, :k])
    assert known.all()
    expected = [ndcg_score([2.0**g - 1], [s], k=k) for g, s in zip(grades, scores, strict=True)]
    assert values == pytest.approx(expected, abs=1e-12)


def test_reciprocal_rank_is_that_of_the_first_relevant_item() -> None:
    """Compared with a loop over the items."""
    ranked = np.random.default_rng(0).integers(0, 2, (100, 5)).astype(float)
    expected = [next((1 / (i + 1) for i, g in enumerate(row) if g > 0), 0.0) for row in ranked.tolist()]
    assert reciprocal_ranks(ranked).tolist() == expected


def test_a_list_without_a_relevant_item_is_apart() -> None:
    """It has no NDCG: marked, and finite."""
    values, known = ndcg(np.zeros((1, 3)), np.zeros((1, 3)))
    assert (values.tolist(), known.tolist()) == ([0.0], [False])


def test_mean_takes_the_larger_of_both_variances() -> None:
    """Lists of one entity that are all alike give the variance of entities, not of lists."""
    random = np.random.default_rng(2)
    per_entity = random.random(320)
    bucket = np.arange(320) % 32
    n, total, squares = (
        np.bincount(bucket, 20 * w, 32).astype(np.float64) for w in (np.ones(320), per_entity, per_entity**2)
    )
    got = mean_of_buckets(n, total, squares)
    assert isinstance(got, Estimate)
    assert got.value == pytest.approx(per_entity.mean())
    assert got.variance == pytest.approx(per_entity.var() / 320, rel=0.6)
    assert mean_of_buckets(np.zeros(32), np.zeros(32), np.zeros(32)) == NotEnough("too few outcomes", 0, 10)
