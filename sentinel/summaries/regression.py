"""The metrics of a regression: how far predictions are from outcomes, how well they tell high ones from low ones."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sentinel.stats import regression
from sentinel.stats.auc import auc_many
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, Measured, NotEnough
from sentinel.stats.rates import rates
from sentinel.stats.regression import of_buckets
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.errors import scale_of
from sentinel.summaries.layout import Layout
from sentinel.summaries.metric import Metric, SliceTable

METRICS: Final = (
    Metric(
        "explained_variance",
        True,
        "score",
        "share of the outcome's variance that is left when predictions are freed of their mean error: R2 of a shift",
        least=None,
    ),
    Metric("r2", True, "score", "share of the outcome's variance that predictions explain", least=None),
    Metric("mae", False, "score", "mean absolute error, in the unit of the outcome", most=None),
    Metric("rmse", False, "score", "root mean squared error, in the unit of the outcome", most=None),
    Metric("mean_error", None, "score", "mean of prediction less outcome; above 0: too high", least=None, most=None),
    Metric("slope", None, "score", "outcome per unit predicted; below 1: predictions spread too far", None, None),
    Metric("mean_outcome", None, "score", "mean outcome", least=None, most=None),
)
"""Those that only a regression has."""

SLICE_METRICS: Final = ("explained_variance", "mae", "auc", "base_rate")
"""Those that are also measured in each slice."""

_FORMULAS: Final[Mapping[str, regression.Metric]] = MappingProxyType(
    {
        "explained_variance": regression.explained_variances,
        "r2": regression.r_squared,
        "mae": regression.mean_absolute_errors,
        "rmse": regression.root_mean_squared_errors,
        "mean_error": regression.mean_errors,
        "slope": regression.slopes,
        "mean_outcome": regression.mean_outcomes,
    }
)
_IN_UNITS: Final = frozenset({"mae", "rmse", "mean_error", "mean_outcome"})
"""Counted in units of the scale, told in that of the outcome."""


def measure(summary: Summary) -> dict[str, Measured]:
    """Each of ``METRICS`` over all traffic.

    Parameters
    ----------
    summary : Summary
        Of a regression.

    Returns
    -------
    dict of metric name to Estimate or NotEnough, all finite

    Notes
    -----
    Errors and outcomes far out are cut (`sentinel.summaries.kinds.errors`); all else is exact up to 2^-32 units. The
    variance is the larger of that of independent events and the bucket jackknife.
    """
    buckets = fixed_point.joined(summary["error_buckets"])
    return {name: _told(name, of_buckets(formula, buckets), summary.layout) for name, formula in _FORMULAS.items()}


def measure_slices(summary: Summary) -> SliceTable:
    """Each of ``SLICE_METRICS`` in every slice, events taken as independent.

    Returns
    -------
    SliceTable
        All values finite, also where a slice is empty.
    """
    sums = fixed_point.joined(summary["errors"][1:])
    counts = summary["slice_outcomes"]
    events = counts.sum(axis=1)
    n, n_positive = events.sum(axis=1), events[:, 1]
    unit = scale_of(summary.layout).unit
    explained, errors = regression.explained_variances(sums), regression.mean_absolute_errors(sums)
    areas = auc_many(counts[:, :, 1], counts[:, :, 0])
    base_rates, rate_variances = rates(n_positive, n)
    return SliceTable(
        values={
            "explained_variance": explained.values,
            "mae": errors.values * unit,
            "auc": areas.values,
            "base_rate": base_rates,
        },
        variances={
            "explained_variance": explained.variances,
            "mae": errors.variances * unit**2,
            "auc": areas.variances,
            "base_rate": rate_variances,
        },
        valid={
            "explained_variance": explained.valid,
            "mae": errors.valid,
            "auc": areas.valid,
            "base_rate": n >= DEFAULT_MINIMUM,
        },
        n=n,
        n_positive=n_positive,
    )


def slice_design_effects(summary: Summary) -> dict[str, float]:
    """Variance with entities kept together over that of independent events, of each of the errors that slices have.

    Returns
    -------
    dict of metric name to float, >= 1
    """
    buckets = fixed_point.joined(summary["error_buckets"])
    return {name: regression.design_effect(_FORMULAS[name], buckets) for name in SLICE_METRICS if name in _FORMULAS}


def _told(name: str, measured: Measured, layout: Layout) -> Measured:
    if isinstance(measured, NotEnough) or name not in _IN_UNITS:
        return measured
    scale = scale_of(layout)
    origin = scale.centre if name == "mean_outcome" else 0.0
    return Estimate(origin + measured.value * scale.unit, measured.variance * scale.unit**2, measured.n)
