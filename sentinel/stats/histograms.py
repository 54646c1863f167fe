"""Every metric that is a function of a histogram of score bin by outcome, for any number of histograms at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from sentinel.stats.arrays import Booleans, Counts, Floats
from sentinel.stats.auc import auc_values
from sentinel.stats.losses import brier_losses, log_losses

HISTOGRAM_METRICS: Final = (
    "auc",
    "log_loss",
    "normalized_entropy",
    "brier",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "base_rate",
)
"""Metrics that `histogram_metrics` gives. Not the calibration error: its bias changes with every resampling."""


class Defined(NamedTuple):
    """Values, and where they mean something.

    Attributes
    ----------
    values : float64 array
        Finite everywhere; 0 where not valid.
    valid : bool array of the same shape
        False where the denominator is empty.
    """

    values: Floats
    valid: Booleans


@dataclass(frozen=True, slots=True)
class Reading:
    """What the events of each bin are worth.

    Attributes
    ----------
    log_losses, brier_losses : float64 array, shape (n_bins, 2)
        Mean loss of a negative and of a positive outcome, nats and squared probability.
    decided : float64 array, shape (n_bins, 2), 0..1
        Share decided positive, by outcome; neither 0 nor 1 only in the bin that the threshold cuts.
    """

    log_losses: Floats
    brier_losses: Floats
    decided: Floats

    @classmethod
    def of_scores(cls, scores: Floats, threshold: float = 0.5) -> Reading:
        """Read a bin as if all of its events had its mean score.

        Parameters
        ----------
        scores : float64 array, shape (n_bins,), 0..1
        threshold : float
            At or above is decided positive.

        Returns
        -------
        Reading

        Examples
        --------
        >>> Reading.of_scores(np.array([0.0, 0.5])).brier_losses
        array([[0.  , 1.  ], [0.25, 0.25]])
        """
        both = np.repeat(scores[:, None], 2, axis=1)
        outcomes = np.broadcast_to(np.array([0, 1]), both.shape)
        decided = (both >= threshold).astype(np.float64)
        return cls(log_losses(both, outcomes), brier_losses(both, outcomes), decided)


def histogram_metrics(histograms: Counts, reading: Reading) -> Mapping[str, Defined]:
    """Each of ``HISTOGRAM_METRICS`` for every histogram.

    Parameters
    ----------
    histograms : array, shape (..., n_bins, 2)
        Events, or their shares, by score bin (ascending) and outcome (negative first).
    reading : Reading

    Returns
    -------
    mapping of metric name to Defined, arrays of shape (...)

    Examples
    --------
    >>> found = histogram_metrics(np.array([[30, 10], [10, 30]]), Reading.of_scores(np.array([0.25, 0.75])))
    >>> {name: float(found[name].values) for name in ("auc", "accuracy", "f1", "base_rate")}
    {'auc': 0.75, 'accuracy': 0.75, 'f1': 0.75, 'base_rate': 0.5}
    """
    cells = np.asarray(histograms, dtype=np.float64)
    flat = cells.reshape(*cells.shape[:-2], -1)
    # not a matrix product: that of a library may depend on how many threads it found
    total, positives, surprise, error, hits, false_alarms = np.einsum("...c,kc->k...", flat, _weights(reading))
    negatives = total - positives
    entropy = special.entr(_ratio(positives, total).values) + special.entr(_ratio(negatives, total).values)
    right = hits + negatives - false_alarms
    return {
        "auc": _area(cells, positives, negatives),
        "log_loss": _ratio(surprise, total),
        "normalized_entropy": _ratio(_ratio(surprise, total).values, entropy),
        "brier": _ratio(error, total),
        "accuracy": _ratio(right, total),
        "precision": _ratio(hits, hits + false_alarms),
        "recall": _ratio(hits, positives),
        "f1": _ratio(2.0 * hits, positives + hits + false_alarms),
        "base_rate": _ratio(positives, total),
    }


def _weights(reading: Reading) -> Floats:
    """Weights of the flattened cells in each sum, shape (6, 2 n_bins)."""
    ones, outcomes = np.ones_like(reading.decided), np.zeros_like(reading.decided)
    outcomes[:, 1] = 1.0
    hits, false_alarms = reading.decided * outcomes, reading.decided * (1.0 - outcomes)
    weights = (ones, outcomes, reading.log_losses, reading.brier_losses, hits, false_alarms)
    return np.stack([weight.reshape(-1) for weight in weights])


def _area(cells: Floats, positives: Floats, negatives: Floats) -> Defined:
    valid = (positives > 0.0) & (negatives > 0.0)
    return Defined(np.where(valid, auc_values(cells[..., 1], cells[..., 0]), 0.0), np.asarray(valid))


def _ratio(top: Floats, bottom: Floats) -> Defined:
    valid = np.asarray(bottom > 0.0)
    return Defined(np.where(valid, top / np.where(valid, bottom, 1.0), 0.0), valid)
