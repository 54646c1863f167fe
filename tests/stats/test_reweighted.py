"""Reweighted and rescored areas: what they are by replication, and their errors by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.stats.auc import auc_from_histogram
from sentinel.stats.estimate import Estimate, NotEnough
from sentinel.stats.reweighted import Corrected, rescored_auc, reweighted_auc
from sentinel.stats.selection import expected_optimism


def _cells(rng: np.random.Generator, n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Two cells of different skill over twelve bins: (positives, negatives), each of shape (2, 12)."""
    sides = []
    for shift in ((1.6, 0.6), (0.0, 0.0)):
        values = [np.clip(rng.normal(size=n) * 2 + 4 + 2 * one, 0, 11).astype(int) for one in shift]
        sides.append(np.stack([np.bincount(one, minlength=12) for one in values]))
    return sides[0], sides[1]


def test_whole_weights_are_repeated_rows_and_equal_ones_change_nothing() -> None:
    """Weight three for a cell is the area of its rows written three times; equal weights give area and variance."""
    positives, negatives = _cells(np.random.default_rng(0))
    tripled = np.array([[3], [1]])
    found = reweighted_auc(positives, negatives, tripled[:, 0])
    repeated = auc_from_histogram((tripled * positives).sum(0), (tripled * negatives).sum(0))
    plain = auc_from_histogram(positives.sum(0), negatives.sum(0))
    same = reweighted_auc(positives, negatives, np.array([2.0, 2.0]))
    assert isinstance(found, Corrected)
    assert isinstance(same, Corrected)
    assert isinstance(repeated, Estimate)
    assert isinstance(plain, Estimate)
    assert found.estimate.value == pytest.approx(repeated.value, abs=1e-12)
    assert same.estimate.value == pytest.approx(plain.value, abs=1e-12)
    assert same.estimate.variance == pytest.approx(plain.variance, rel=1e-9)
    assert same.covariance == pytest.approx(plain.variance, rel=0.01)


@pytest.mark.parametrize("weights", [(0.0, 1.0), (0.2, 1.3), (2.0, 0.5)])
def test_variance_and_covariance_are_those_of_samples(weights: tuple[float, float]) -> None:
    """Over 2,000 samples the stated variance and covariance are the real ones to 12 percent."""
    rng = np.random.default_rng(1)
    found, plain = [], []
    for _ in range(2_000):
        positives, negatives = _cells(rng, 200)
        one, other = (
            reweighted_auc(positives, negatives, np.array(weights)),
            auc_from_histogram(positives.sum(0), negatives.sum(0)),
        )
        assert isinstance(one, Corrected)
        assert isinstance(other, Estimate)
        found.append((one.estimate.value, one.estimate.variance, one.covariance))
        plain.append(other.value)
    values, variances, covariances = np.array(found).T
    assert variances.mean() / values.var() == pytest.approx(1.0, abs=0.12)
    assert covariances.mean() / np.cov(values, plain)[0, 1] == pytest.approx(1.0, abs=0.12)


def test_the_covariance_of_two_scores_of_the_same_rows() -> None:
    """Over 2,000 samples of two scores that share half of their noise it is the real one to 12 percent."""
    rng = np.random.default_rng(2)
    found, first = [], []
    for _ in range(2_000):
        joint = []
        for shift in (1.0, 0.0):
            shared = rng.normal(size=150)
            pair = [np.clip((shared + rng.normal(size=150) + shift) * 1.5 + 5, 0, 9).astype(int) for _ in range(2)]
            table = np.zeros((10, 10), np.int64)
            np.add.at(table, tuple(pair), 1)
            joint.append(table)
        one, other = rescored_auc(*joint), auc_from_histogram(joint[0].sum(1), joint[1].sum(1))
        assert isinstance(one, Corrected)
        assert isinstance(other, Estimate)
        found.append((one.estimate.value, one.covariance))
        first.append(other.value)
    values, covariances = np.array(found).T
    assert covariances.mean() / np.cov(values, first)[0, 1] == pytest.approx(1.0, abs=0.12)


def test_too_few_effective_rows_are_a_reason() -> None:
    """A cell of nine positives alone is not enough, and an empty table neither."""
    positives, negatives = np.array([[9, 0], [0, 50]]), np.array([[40, 0], [0, 50]])
    assert reweighted_auc(positives, negatives, np.array([1.0, 0.0])) == NotEnough("too few positive outcomes", 9, 10)
    assert isinstance(reweighted_auc(positives * 0, negatives * 0, np.ones(2)), NotEnough)
    assert isinstance(rescored_auc(np.zeros((3, 3)), np.zeros((3, 3))), NotEnough)


def test_constant_scores_have_a_floor() -> None:
    """All rows in one bin: the area is one half and its variance above zero."""
    table = np.array([[200, 0], [100, 0]])
    found = reweighted_auc(table, table, np.array([1.0, 0.5]))
    assert isinstance(found, Corrected)
    assert found.estimate.value == 0.5
    assert found.estimate.variance > 0


@pytest.mark.parametrize("n_candidates", [2, 10, 100])
def test_optimism_is_the_mean_of_the_best(n_candidates: int) -> None:
    """Of 20,000 draws of K normals with correlation one half the mean maximum is as stated, to 5 percent."""
    rng = np.random.default_rng(n_candidates)
    shared = rng.normal(size=(20_000, 1))
    best = (np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(size=(20_000, n_candidates))).max(axis=1).mean()
    assert expected_optimism(n_candidates, 1.0) == pytest.approx(best, rel=0.05)
