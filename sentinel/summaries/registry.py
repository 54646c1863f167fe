"""Every kind that a Summary counts. The law tests run over this table: a new kind is tested by being here."""

from __future__ import annotations

from sentinel.summaries.algebra import SummaryKind
from sentinel.summaries.kinds import (
    buckets,
    calibration,
    confusion,
    delays,
    extent,
    features,
    losses,
    outcomes,
    scores,
)

KINDS: tuple[SummaryKind, ...] = tuple(
    module.KIND for module in (scores, outcomes, buckets, losses, confusion, calibration, features, delays, extent)
)
