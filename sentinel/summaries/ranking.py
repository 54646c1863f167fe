"""The metrics of a ranking: means over lists with a relevant item."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.events.batch import F64
from sentinel.stats.auc import auc_many
from sentinel.stats.estimate import DEFAULT_MINIMUM, Measured
from sentinel.stats.jackknife import design_effect_of_mean
from sentinel.stats.losses import mean_losses
from sentinel.stats.ranking import mean_of_buckets
from sentinel.stats.rates import rate
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Array, Summary
from sentinel.summaries.kinds.lists import SUMS
from sentinel.summaries.list_block import QUALITY_BITS
from sentinel.summaries.metric import Metric, SliceTable

METRICS: Final = (
    Metric("ndcg", True, "score", "discounted gain of the ranks that count over that of the best order of the list"),
    Metric("mrr", True, "score", "mean of one over the rank of the first relevant item"),
    Metric("rated_ratio", None, "ratio", "share of lists in which any item proved relevant"),
)
"""Those that only a ranking has."""

SLICE_METRICS: Final = ("ndcg", "mrr", "auc")
"""Those that are also measured in each slice."""
_N, _RATED, _NDCG, _NDCG2, _RANK, _RANK2 = range(len(SUMS))
_COLUMNS: Final = {"ndcg": (_NDCG, _NDCG2), "mrr": (_RANK, _RANK2)}


def measure(summary: Summary) -> dict[str, Measured]:
    """Each of ``METRICS`` over all traffic.

    Parameters
    ----------
    summary : Summary
        Of a ranking.

    Returns
    -------
    dict of metric name to Estimate or NotEnough, all finite

    Notes
    -----
    NDCG and MRR are means over lists with a relevant item; their variance is the larger of that of independent lists
    and the bucket jackknife. That of ``rated_ratio`` is of independent lists.
    """
    buckets = summary["list_buckets"]
    rated = buckets[:, _RATED].astype(np.float64)
    total = buckets.sum(axis=0)
    result = {name: mean_of_buckets(rated, *_sums(buckets, name)) for name in _COLUMNS}
    result["rated_ratio"] = rate(float(total[_RATED]), float(total[_N]), reason="too few outcomes")
    return result


def measure_slices(summary: Summary) -> SliceTable:
    """Each of ``SLICE_METRICS`` in every slice, lists taken as independent.

    Returns
    -------
    SliceTable
        All values finite, also where a slice is empty.
    """
    sums = summary["list_sums"][1:]
    rated = sums[:, _RATED].astype(np.int64)
    counts = summary["slice_outcomes"]
    areas = auc_many(counts[:, :, 1], counts[:, :, 0])
    values, variances = {}, {}
    for name in _COLUMNS:
        values[name], variances[name] = mean_losses(rated, *_sums(sums, name))
    enough = rated >= DEFAULT_MINIMUM
    return SliceTable(
        values={**values, "auc": areas.values},
        variances={**variances, "auc": areas.variances},
        valid={**dict.fromkeys(_COLUMNS, enough), "auc": areas.valid},
        n=rated,
        n_positive=counts[:, :, 1].sum(axis=1),
    )


def slice_design_effects(summary: Summary) -> dict[str, float]:
    """Variance with entities kept together over that of independent lists, of each of the means over lists.

    Returns
    -------
    dict of metric name to float, >= 1
    """
    buckets = summary["list_buckets"]
    return {name: design_effect_of_mean(buckets[:, _RATED], *_sums(buckets, name)) for name in _COLUMNS}


def _sums(sums: Array, name: str) -> tuple[F64, F64]:
    first, second = _COLUMNS[name]
    return fixed_point.decode(sums[..., first], QUALITY_BITS), fixed_point.decode(sums[..., second], QUALITY_BITS)
