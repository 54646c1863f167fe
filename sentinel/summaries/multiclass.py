"""The metrics of a task with several classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from sentinel.events.batch import F64, I64
from sentinel.stats import multiclass
from sentinel.stats.auc import auc_many
from sentinel.stats.estimate import DEFAULT_MINIMUM, Estimate, Measured, NotEnough
from sentinel.stats.jackknife import design_effect_of_mean, jackknife, larger_variance
from sentinel.stats.losses import mean_loss, mean_losses
from sentinel.stats.rates import rates
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Array, Summary
from sentinel.summaries.class_block import SURPRISE_BITS
from sentinel.summaries.kinds.classes import SUMS
from sentinel.summaries.metric import Metric, SliceTable

METRICS: Final = (
    Metric("macro_auc", True, "ratio", "mean over the classes of the area that tells each from the rest"),
    Metric("macro_f1", True, "ratio", "mean over the classes of the harmonic mean of precision and recall"),
    Metric("class_auc", True, "ratio", "area that tells one class from the rest; the slice names the class"),
    Metric("class_f1", True, "ratio", "harmonic mean of precision and recall of one class; the slice names it"),
)
"""Those that only several classes have; the last two are of one class each."""

CLASS_METRICS: Final = ("class_auc", "class_f1")
SLICE_METRICS: Final = ("log_loss", "accuracy", "auc")
"""Those that are also measured in each slice."""
_N, _RIGHT, _SURPRISE, _SURPRISE2 = range(len(SUMS))


def class_slice(name: str) -> str:
    """What findings of one class call it in the place of a slice.

    Examples
    --------
    >>> class_slice("cat")
    'outcome=cat'
    """
    return f"outcome={name}"


def measure(summary: Summary) -> dict[str, Measured]:
    """The metrics over all traffic.

    Parameters
    ----------
    summary : Summary
        Of a multiclass task.

    Returns
    -------
    dict of metric name to Estimate or NotEnough, all finite

    Notes
    -----
    Each variance is the larger of that of independent events and the bucket jackknife. A class that the version does
    not know counts as wrong, and as the worst surprise.
    """
    sums = summary["class_sum_buckets"]
    total = sums.sum(axis=0)
    confusion = summary["class_confusion"]
    surprise, squares = _nats(total)
    log_loss = mean_loss(float(total[_N]), float(surprise), float(squares))
    accuracy = multiclass.accuracy(_square(confusion.sum(axis=0)))
    by_bucket = jackknife((sums[:, _N], _nats(sums)[0]), lambda n, loss: loss / np.maximum(n, 1.0))
    right = jackknife((sums[:, _N], sums[:, _RIGHT]), lambda n, hits: hits / np.maximum(n, 1.0))
    return {
        "macro_auc": multiclass.macro_auc(summary["class_buckets"]),
        "log_loss": larger_variance(log_loss, by_bucket),
        "accuracy": larger_variance(accuracy, right),
        "macro_f1": multiclass.macro_f1_of_buckets(_square(confusion)),
    }


def measure_classes(summary: Summary) -> Iterator[tuple[str, str, Measured]]:
    """One-vs-rest area and F1 of every class: (metric, slice, estimate), events taken as independent."""
    counts = summary["class_buckets"].sum(axis=0)
    areas = auc_many(counts[..., 1], counts[..., 0])
    scores = multiclass.class_f1(_square(summary["class_confusion"].sum(axis=0)))
    for c, name in enumerate(summary.layout.classes):
        n = int(counts[c].sum())
        n_positive = int(counts[c, :, 1].sum())
        scarce = min(n_positive, n - n_positive)
        area = Estimate(float(areas.values[c]), float(areas.variances[c]), n, n_positive)
        f1 = Estimate(float(scores.values[c]), float(scores.variances[c]), n, n_positive)
        short = NotEnough("too few outcomes of the class or of the rest", scarce, DEFAULT_MINIMUM)
        yield "class_auc", class_slice(name), area if areas.valid[c] else short
        yield "class_f1", class_slice(name), f1 if scores.valid[c] else short


def measure_slices(summary: Summary) -> SliceTable:
    """Each of ``SLICE_METRICS`` in every slice, events taken as independent.

    Returns
    -------
    SliceTable
        All values finite, also where a slice is empty. ``n_positive`` counts yeses to the question of yes or no.
    """
    sums = summary["class_sums"][1:]
    n = sums[:, _N].astype(np.int64)
    losses, loss_variances = mean_losses(n, *_nats(sums))
    accuracies, accuracy_variances = rates(sums[:, _RIGHT], n)
    counts = summary["slice_outcomes"]
    areas = auc_many(counts[:, :, 1], counts[:, :, 0])
    enough = n >= DEFAULT_MINIMUM
    return SliceTable(
        values={"log_loss": losses, "accuracy": accuracies, "auc": areas.values},
        variances={"log_loss": loss_variances, "accuracy": accuracy_variances, "auc": areas.variances},
        valid={"log_loss": enough, "accuracy": enough, "auc": areas.valid},
        n=n,
        n_positive=counts[:, :, 1].sum(axis=1),
    )


def slice_design_effects(summary: Summary) -> dict[str, float]:
    """Variance with entities kept together over that of independent events, of the loss and the accuracy.

    Returns
    -------
    dict of metric name to float, >= 1
    """
    sums = summary["class_sum_buckets"]
    return {
        "log_loss": design_effect_of_mean(sums[:, _N], *_nats(sums)),
        "accuracy": design_effect_of_mean(sums[:, _N], sums[:, _RIGHT], sums[:, _RIGHT]),
    }


def _nats(sums: Array) -> tuple[F64, F64]:
    """Sums of the surprise and of its square, in nats."""
    first = fixed_point.decode(sums[..., _SURPRISE], SURPRISE_BITS)
    return first, fixed_point.decode(sums[..., _SURPRISE2], 2 * SURPRISE_BITS)


def _square(confusion: I64) -> I64:
    """The confusion table with a row for classes that this version does not know: it never predicts them."""
    empty = np.zeros((*confusion.shape[:-2], 1, confusion.shape[-1]), np.int64)
    return np.concatenate([confusion, empty], axis=-2)
