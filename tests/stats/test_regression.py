"""MAE, RMSE and R2 from power sums, against rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import explained_variance_score, mean_absolute_error, mean_squared_error, r2_score

from sentinel.stats.estimate import Estimate, NotEnough
from sentinel.stats.regression import (
    N_POWERS,
    ErrorTable,
    explained_variances,
    mean_absolute_errors,
    mean_errors,
    mean_outcomes,
    of_buckets,
    of_sums,
    power_terms,
    r_squared,
    root_mean_squared_errors,
    slopes,
)

METRICS = (
    mean_absolute_errors,
    root_mean_squared_errors,
    r_squared,
    explained_variances,
    mean_errors,
    mean_outcomes,
    slopes,
)


def world(random: np.random.Generator, n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and skewed outcomes with errors that grow with the outcome."""
    predicted = random.normal(0.0, 1.0, n)
    return predicted, predicted + random.normal(0.0, 1.0, n) * (0.3 + 0.3 * abs(predicted)) + random.gamma(1.0, 0.3, n)


def sums_of(predicted: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    """Power sums of rows."""
    return np.asarray(power_terms(predicted, outcomes).sum(axis=0))


@pytest.mark.parametrize("seed", range(5))
def test_values_equal_sklearn(seed: int) -> None:
    """From sums alone the values are scikit-learn's, or numpy's, on the rows, to 1e-9."""
    predicted, outcomes = world(np.random.default_rng(seed))
    sums = sums_of(predicted, outcomes)
    expected = (
        mean_absolute_error(outcomes, predicted),
        mean_squared_error(outcomes, predicted) ** 0.5,
        r2_score(outcomes, predicted),
        explained_variance_score(outcomes, predicted),
        (predicted - outcomes).mean(),
        outcomes.mean(),
        LinearRegression().fit(predicted[:, None], outcomes).coef_[0],
    )
    for metric, value in zip(METRICS, expected, strict=True):
        got = of_sums(metric, sums)
        assert isinstance(got, Estimate)
        assert got.value == pytest.approx(value, abs=1e-9)
        assert got.n == 600


def test_r_squared_variance_is_that_of_its_influence_on_rows() -> None:
    """The expansion in power sums equals the mean square of psi taken row by row."""
    predicted, outcomes = world(np.random.default_rng(1))
    errors = predicted - outcomes
    centred = outcomes - outcomes.mean()
    s2 = (centred**2).mean()
    psi = (errors**2).mean() / s2 * centred**2 / s2 - errors**2 / s2
    got = of_sums(r_squared, sums_of(predicted, outcomes))
    assert isinstance(got, Estimate)
    assert got.variance == pytest.approx((psi**2).mean() / (len(psi) - 1), rel=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_variance_is_that_of_repeated_samples(metric: object) -> None:
    """Over 3,000 fresh samples the mean claimed variance is within 12 % of the variance of the values."""
    random = np.random.default_rng(7)
    tables = [metric(sums_of(*world(random))) for _ in range(3000)]  # type: ignore[operator]
    values = np.array([float(table.values) for table in tables])
    claimed = np.mean([float(table.variances) for table in tables])
    reach = 0.6 if metric is slopes else 0.12  # errors grow with the prediction, which the slope's formula leaves out
    assert claimed / values.var(ddof=1) == pytest.approx(1.0, abs=reach)


@pytest.mark.parametrize("metric", METRICS)
def test_buckets_see_entities_that_repeat(metric: object) -> None:
    """With 40 rows of one error per entity the bucket variance is several times that of independent rows."""
    random = np.random.default_rng(3)
    entities = 400
    predicted = np.repeat(random.normal(0, 1, entities), 40)
    outcomes = predicted + np.repeat(random.normal(0, 0.7, entities), 40)
    terms = power_terms(predicted, outcomes)
    bucket = np.repeat(np.arange(entities) % 32, 40)
    buckets = np.zeros((32, terms.shape[1]))
    np.add.at(buckets, bucket, terms)
    alone = of_sums(metric, terms.sum(axis=0))  # type: ignore[arg-type]
    together = of_buckets(metric, buckets)  # type: ignore[arg-type]
    assert isinstance(alone, Estimate)
    assert isinstance(together, Estimate)
    assert together.value == pytest.approx(alone.value, rel=1e-12)
    assert 15 < together.variance / alone.variance < 90  # 40 were the buckets without noise


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_is_infinite_at_the_edges(metric: object) -> None:
    """No events, one event, no error at all and equal outcomes give finite tables, valid where they mean something."""
    exact = sums_of(np.arange(50.0), np.arange(50.0))
    same = sums_of(np.arange(50.0), np.full(50, 7.0))
    stacked = np.stack([np.zeros(N_POWERS), sums_of(np.ones(1), np.ones(1)), exact, same])
    table: ErrorTable = metric(stacked)  # type: ignore[operator]
    assert np.isfinite(table.values).all()
    assert np.isfinite(table.variances).all()
    assert (table.variances > 0).all()
    assert table.valid.tolist() == [False, False, True, metric not in (r_squared, explained_variances)]


def test_no_data_and_one_value_are_reasons() -> None:
    """Too few events, and outcomes that are all the same, are values with a reason."""
    assert of_sums(r_squared, np.zeros(N_POWERS)) == NotEnough("too few outcomes", 0, 10)
    same = of_sums(r_squared, sums_of(np.arange(50.0), np.full(50, 7.0)))
    assert same == NotEnough("too few different outcomes", 1, 2)


def test_explained_variance_is_that_of_its_influence_and_ignores_a_shift() -> None:
    """Its variance equals the mean square of psi row by row; a constant added to predictions moves neither."""
    predicted, outcomes = world(np.random.default_rng(2))
    errors = predicted - outcomes - (predicted - outcomes).mean()
    centred = outcomes - outcomes.mean()
    s2 = (centred**2).mean()
    psi = (errors**2).mean() / s2 * centred**2 / s2 - errors**2 / s2
    plain = of_sums(explained_variances, sums_of(predicted, outcomes))
    moved = of_sums(explained_variances, sums_of(predicted + 3.0, outcomes))
    assert isinstance(plain, Estimate)
    assert isinstance(moved, Estimate)
    assert plain.variance == pytest.approx((psi**2).mean() / (len(psi) - 1), rel=1e-9)
    assert (moved.value, moved.variance) == pytest.approx((plain.value, plain.variance), rel=1e-7)


def test_r_squared_does_not_depend_on_unit_or_origin() -> None:
    """Multiplying and shifting both predictions and outcomes leaves R2 and its variance alone."""
    predicted, outcomes = world(np.random.default_rng(5))
    plain = of_sums(r_squared, sums_of(predicted, outcomes))
    moved = of_sums(r_squared, sums_of(40.0 * predicted + 90.0, 40.0 * outcomes + 90.0))
    assert isinstance(plain, Estimate)
    assert isinstance(moved, Estimate)
    assert moved.value == pytest.approx(plain.value, rel=1e-9)
    assert moved.variance == pytest.approx(plain.variance, rel=1e-6)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.parametrize("metric", [r_squared, explained_variances, slopes])
def test_shares_and_slopes_have_no_unit(metric: Callable[..., ErrorTable], unit: float) -> None:
    """Outcomes counted in millionths or millions vary as much, and what has no unit stays as it was."""
    predicted, outcomes = world(np.random.default_rng(9))
    plain, scaled = (of_sums(metric, sums_of(predicted * by, outcomes * by)) for by in (1.0, unit))
    assert isinstance(plain, Estimate)
    assert isinstance(scaled, Estimate)
    assert scaled.value == pytest.approx(plain.value, rel=1e-9)
    assert scaled.variance == pytest.approx(plain.variance, rel=1e-9)
