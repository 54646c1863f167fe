"""What the loop shows to other threads: where it stands, and what its partitions held at their last checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sentinel.pipeline.counted import Counted
from sentinel.pipeline.store.protocol import StoreStatistics
from sentinel.pipeline.tally import Tally
from sentinel.summaries.panes import PaneSeries

Key = tuple[str, str]
"""(model, version)."""


@dataclass(frozen=True, slots=True)
class PartitionView:
    """What a partition shows to other threads, as of its last checkpoint; replaced whole, never changed.

    ``expired_until`` is the prediction time up to which outcomes that were due have been read, ``joined_until`` the
    latest time of an outcome that counts; both, and ``watermark``, in microseconds since the epoch, UTC.
    """

    series: Mapping[Key, PaneSeries]
    tally: Tally
    watermark: int | None
    pending: int
    store: StoreStatistics
    expired_until: int | None = None
    joined_until: int | None = None


@dataclass(slots=True)
class LoopStatus:
    """Where the loop stands; plain values that other threads may read at any time.

    ``turned_at`` is a moment of the monotonic clock, ``*_success_us`` are microseconds since the epoch, UTC.
    """

    turned_at: float = 0.0
    turns: int = 0
    checkpoint_success_us: int | None = None
    checkpoint_failures: int = 0
    ledger_success_us: int | None = None
    ledger_failures: int = 0
    fenced: int = 0
    rebuilds: int = 0
    rebuilds_short: int = 0
    rebuilding: dict[int, float] = field(default_factory=dict)
    """Partitions that are being rebuilt from the log, and the share of it that was read."""
    views: dict[int, PartitionView] = field(default_factory=dict)
    counted: Counted = field(default_factory=Counted)
    """What this loop counted itself, up to the last checkpoints; what it took over from others is not in it."""
