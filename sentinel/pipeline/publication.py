"""What of a partition's counts the ledger does not hold yet, as records to write."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.published import PaneKey, Progress, pane_key, progress_key, read_key, write_progress
from sentinel.summaries.algebra import Summary
from sentinel.summaries.panes import PaneSeries


class Publication:
    """The panes of one partition as the ledger holds them, so far as its only writer knows.

    Parameters
    ----------
    partition : int
    records : mapping of key to value
        As read after the claim.
    """

    def __init__(self, partition: int, records: Mapping[bytes, bytes]) -> None:
        keys = {name: read_key(name) for name in records}
        self._partition = partition
        self._held: dict[PaneKey, Summary | bytes] = {
            key: records[name] for name, key in keys.items() if isinstance(key, PaneKey)
        }
        self._next: dict[PaneKey, Summary | bytes] = {}

    def records(
        self, pipeline: PartitionPipeline, series: Mapping[tuple[str, str], PaneSeries], writer: str, now_us: int
    ) -> dict[bytes, bytes | None]:
        """Panes that changed, tombstones of those that are no more, and the progress.

        Parameters
        ----------
        pipeline : PartitionPipeline
            Just checkpointed.
        series : mapping of (model, version) to PaneSeries
            As committed.
        writer : str
        now_us : int, microseconds since the epoch, UTC
        """
        ours = {one.layout.digest for one in series.values()}
        self._next = {key: b"" for key in self._held if key.layout not in ours}  # they stay, and are compared no more
        found: dict[bytes, bytes | None] = {}
        for (model, version), one in series.items():
            for start, pane in one.panes:
                key = PaneKey(self._partition, model, version, one.layout.digest, one.width_us, start)
                held = self._held.get(key)
                self._next[key] = pane
                if held is pane:
                    continue
                stored = pipeline.layouts.stored_pane(one.layout, start) or pane.to_bytes()
                if held != stored:
                    found[pane_key(key)] = stored
        found |= {pane_key(key): None for key in self._held.keys() - self._next.keys()}
        found[progress_key(self._partition)] = write_progress(
            Progress(
                positions=dict(pipeline.positions),
                watermark=pipeline.watermark,
                expired_until=pipeline.expired_until,
                joined_until=pipeline.joined_until,
                tally=pipeline.tally.to_bytes(),
                widths=pipeline.layouts.widths,
                pending=pipeline.n_pending,
                writer=writer,
                written_at=now_us,
            )
        )
        return found

    def written(self) -> None:
        """The last :meth:`records` stand in the ledger."""
        self._held = self._next
