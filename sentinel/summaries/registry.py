"""Every kind that a Summary counts. The law tests run over this table: a new kind is tested by being here."""

from __future__ import annotations

from sentinel.summaries.algebra import SummaryKind
from sentinel.summaries.kinds import (
    ages,
    backfills,
    buckets,
    calibration,
    classes,
    confusion,
    delays,
    errors,
    extent,
    features,
    lists,
    losses,
    outcomes,
    overlap,
    ranges,
    scores,
    twins,
    weak,
)

KINDS: tuple[SummaryKind, ...] = tuple(
    module.KIND
    for module in (
        scores,
        outcomes,
        buckets,
        losses,
        confusion,
        calibration,
        features,
        delays,
        extent,
        overlap,
        ages,
        ranges,
        backfills,
        twins,
        errors,
        classes,
        lists,
        weak,
    )
)
