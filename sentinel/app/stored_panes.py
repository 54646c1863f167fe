"""The panes of one model version as the daemon last checkpointed them, read beside it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from sentinel.app.owner import partition_directories
from sentinel.errors import CorruptArtifactError, StoreError
from sentinel.pipeline.checkpoint import STATE_META, CheckpointMeta, pane_name
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.progress import lagging, outcomes_through
from sentinel.pipeline.store.state_reader import read_state
from sentinel.summaries.algebra import Summary
from sentinel.summaries.panes import PaneSeries, join_series


class StoredPanes(NamedTuple):
    """What all partitions counted together, and how far each has come.

    ``through_us`` is the event time until which outcomes have been read, ``lagging`` what
    :func:`~sentinel.pipeline.progress.lagging` says of the partitions; microseconds since the epoch, UTC.
    """

    series: PaneSeries
    through_us: int
    lagging: dict[int, int]


def stored_panes(state_directory: Path, plan: ModelPlan) -> StoredPanes:
    """Add up the panes of all partitions.

    Parameters
    ----------
    state_directory : Path
        ``state.directory`` of the configuration; its daemon may be running.
    plan : ModelPlan
        Of the baseline that the panes were counted by.

    Returns
    -------
    StoredPanes

    Raises
    ------
    StoreError
        If there is no state, or nothing was counted under this layout.
    CorruptArtifactError
        If it cannot be read.
    """
    layout = plan.layout
    found: list[PaneSeries] = []
    progress: dict[int, CheckpointMeta] = {}
    for directory in partition_directories(state_directory):
        state = read_state(directory)
        try:
            meta = msgspec.msgpack.decode(state.get(STATE_META, b""), type=CheckpointMeta)
        except msgspec.MsgspecError as error:
            raise CorruptArtifactError(f"{directory}: its checkpoint cannot be read: {error}") from error
        layout_id = meta.layouts.get(layout.digest)
        if layout_id is None or layout_id not in meta.widths:
            continue
        prefix = pane_name(layout_id)
        panes = sorted(
            (int(name.removeprefix(prefix)), Summary.from_bytes(layout, data).freeze())
            for name, data in state.items()
            if name.startswith(prefix)
        )
        found.append(PaneSeries(layout, meta.widths[layout_id], tuple(panes)))
        progress[int(directory.name)] = meta
    if not found:
        raise StoreError(
            f"{state_directory}: nothing was counted under this baseline ({layout.model} {layout.version}); "
            "is `state.directory` that of the daemon, and the baseline the one that it runs with?"
        )
    through_us = outcomes_through(progress.values(), plan)
    return StoredPanes(join_series(layout, found), through_us, lagging(progress, plan))
