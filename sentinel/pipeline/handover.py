"""What passes from one owner of a partition to the next: the counts in the ledger, and how far they have come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sentinel.pipeline import tally as results
from sentinel.pipeline.checkpoint import CheckpointMeta, pane_name, put_checkpoint
from sentinel.pipeline.partition import EXPIRY_BATCH, PartitionPipeline
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.published import PaneKey, Progress, progress_key, read_key, read_progress
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.pipeline.stored_rows import rows_of
from sentinel.pipeline.tally import Tally
from sentinel.summaries.rows import ORPHAN, RECOMPUTED

_END_OF_TIME = (1 << 63) - 1


class Held(NamedTuple):
    """What the ledger holds of a partition."""

    progress: Progress
    panes: Mapping[PaneKey, bytes]


def read_records(partition: int, records: Mapping[bytes, bytes]) -> Held | None:
    """The counts of a partition; None where nobody has published any.

    Raises
    ------
    CorruptArtifactError
        If a record cannot be read.
    """
    stored = records.get(progress_key(partition))
    if stored is None:
        return None
    keys = {name: read_key(name) for name in records}
    return Held(read_progress(stored), {key: records[name] for name, key in keys.items() if isinstance(key, PaneKey)})


def covers(local: Mapping[str, int], told: Mapping[str, int]) -> bool:
    """Whether a local checkpoint has come as far as the ledger in every topic.

    Examples
    --------
    >>> covers({"predictions": 7, "outcomes": 3}, {"predictions": 7, "outcomes": 3})
    True
    >>> covers({"predictions": 9, "outcomes": 2}, {"predictions": 7, "outcomes": 3})
    False
    """
    return all(local.get(topic, 0) >= offset for topic, offset in told.items())


def wipe(store: JoinStore) -> None:
    """Empty a store, durably.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    while len(store.expire(_END_OF_TIME, EXPIRY_BATCH)):
        pass
    for name in store.state_names():
        store.put_state(name, None)
    store.commit()


def adopt(store: JoinStore, held: Held, replayed: PartitionPipeline, plans: Sequence[ModelPlan]) -> None:
    """Put the ledger's counts in the place of what was counted while the log was read again; commit.

    The rows that the replay left in the store stay, but for those that had expired by then: the counts know of them.
    Outcomes and backfills that the ledger says are waiting, and that the log does not show waiting, are those whose
    prediction was already gone when they came: they are tallied as orphaned now rather than later.

    Raises
    ------
    StoreError
        If the disk refuses; nothing is adopted then.
    """
    progress = held.progress
    n_orphans, n_marks = _expire(store, progress.expired_until)
    tally = Tally.from_bytes(progress.tally)
    for kind, waited, waits in (
        ("outcome", tally.n_waiting, replayed.tally.n_waiting - n_orphans),
        ("backfill", tally.n_backfills_waiting, replayed.tally.n_backfills_waiting - n_marks),
    ):
        n_before = tally.events[kind, results.ORPHANED]
        tally.count(kind, results.ORPHANED, max(waited - waits, -n_before))
    tally.n_waiting = replayed.tally.n_waiting - n_orphans
    tally.n_backfills_waiting = replayed.tally.n_backfills_waiting - n_marks
    tally.n_halves_waiting = replayed.tally.n_halves_waiting
    replayed.save_halves()
    put_checkpoint(store, _put_panes(store, held, replayed, plans), tally)
    store.commit()


def _expire(store: JoinStore, until: int) -> tuple[int, int]:
    """Drop rows whose time was over, uncounted; returns the outcomes and the backfills that waited among them."""
    n_orphans = n_marks = 0
    while True:
        gone = store.expire(until, EXPIRY_BATCH)
        headers = rows_of(gone)
        n_orphans += int(np.count_nonzero(headers["state"] == ORPHAN))
        n_marks += int(np.count_nonzero((headers["state"] == RECOMPUTED) & (headers["spare"] == 1)))
        if len(gone) < EXPIRY_BATCH:
            return n_orphans, n_marks


def _put_panes(store: JoinStore, held: Held, replayed: PartitionPipeline, plans: Sequence[ModelPlan]) -> CheckpointMeta:
    """Write the panes, those of layouts that are not configured now too; returns the checkpoint's small part.

    The predictions of a layout that the ledger does not know were counted under another one, so what the replay took
    in under it is set aside under a name that no layout has: its outcomes are stale.
    """
    progress = held.progress
    numbers = replayed.layouts.numbers
    layouts = {digest if digest in progress.widths else f"before {digest}": n for digest, n in numbers.items()}
    names = {numbers[plan.layout.digest]: plan.key for plan in plans}
    widths = {layouts[digest]: width for digest, width in progress.widths.items() if digest in layouts}
    for key, pane in held.panes.items():
        if progress.widths.get(key.layout) != key.width_us:
            continue
        number = layouts.setdefault(key.layout, len(layouts))
        names[number], widths[number] = (key.model, key.version), key.width_us
        store.put_state(pane_name(number, key.start_us), pane)
    return CheckpointMeta(
        dict(progress.positions),
        progress.watermark,
        layouts,
        names,
        widths,
        progress.expired_until,
        progress.joined_until,
    )
