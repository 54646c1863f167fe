"""Outcomes of several classes: by predicted class, by the probability of each class, and how surprising they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from sentinel.events.batch import I64
from sentinel.stats.losses import LOWEST_PROBABILITY
from sentinel.summaries.algebra import ArraySpec, Cells, SummaryKind
from sentinel.summaries.class_block import SURPRISE_BITS, outcome_classes
from sentinel.summaries.layout import N_CLASS_BINS, Layout
from sentinel.summaries.rows import Rows, slice_rows

SUMS: Final = ("n", "right", "surprise", "surprise2")
"""Last axis of ``class_sums``: outcomes, those that were the likeliest class, the sums of their surprise in steps of
2^-12 nats and of its square in steps of 2^-24."""
_WORST: Final = round(float(np.ldexp(-np.log(LOWEST_PROBABILITY), SURPRISE_BITS)))


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    n = len(layout.classes)
    return {
        # Predicted class by outcome; the last outcome is a class that this version does not know.
        "class_confusion": ArraySpec((layout.n_buckets, n, n + 1)),
        # For each class, the bin of its probability by whether it was the outcome.
        "class_buckets": ArraySpec((layout.n_buckets, n, N_CLASS_BINS, 2)),
        # Row 0 is all traffic, row 1 + s is slice slot s.
        "class_sums": ArraySpec((1 + layout.n_slices, len(SUMS))),
        "class_sum_buckets": ArraySpec((layout.n_buckets, len(SUMS))),
    }


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    n = len(layout.classes)
    outcomes, bucket = outcome_classes(layout, rows), rows["bucket"].astype(np.int64)
    yield Cells("class_confusion", (bucket * n + rows["predicted"]) * (n + 1) + outcomes)
    classes = np.arange(n)
    hits = (classes == outcomes[:, None]).astype(np.int64)
    cells = ((bucket[:, None] * n + classes) * N_CLASS_BINS + rows["class_bins"]) * 2 + hits
    yield Cells("class_buckets", cells)
    amounts = _amounts(rows, outcomes, n)
    slots = slice_rows(rows)
    for j in range(len(SUMS)):
        yield Cells("class_sums", slots * len(SUMS) + j, amounts[:, j])
        yield Cells("class_sum_buckets", bucket * len(SUMS) + j, amounts[:, j])


def _amounts(rows: Rows, outcomes: I64, n_classes: int) -> I64:
    known = np.minimum(outcomes, n_classes - 1)
    surprise = rows["surprises"][np.arange(len(rows)), known].astype(np.int64)
    surprise = np.where(outcomes < n_classes, surprise, _WORST)
    return np.stack([np.ones_like(outcomes), rows["predicted"] == outcomes, surprise, surprise**2], axis=1).astype(
        np.int64
    )


KIND = SummaryKind("classes", frozenset({"multiclass"}), _arrays, on_outcomes=_on_outcomes)
