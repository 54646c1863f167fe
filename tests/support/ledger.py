"""Records of the ledger as collectors write them, and a reader that a test feeds."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.pipeline.loop_status import PartitionView
from sentinel.pipeline.published import PaneKey, Progress, pane_key, progress_key, write_progress

Record = tuple[bytes, bytes | None]


def records_of(partition: int, view: PartitionView, *, positions: Mapping[str, int] | None = None) -> list[Record]:
    """What a collector publishes of a partition that looks like this: its panes, then its progress."""
    records: list[Record] = []
    widths: dict[str, int] = {}
    for series in view.series.values():
        layout = series.layout
        widths[layout.digest] = series.width_us
        for start, pane in series.panes:
            key = PaneKey(partition, layout.model, layout.version, layout.digest, series.width_us, start)
            records.append((pane_key(key), pane.to_bytes()))
    progress = Progress(
        positions=dict(positions or {}),
        watermark=view.watermark or 0,
        expired_until=view.expired_until or 0,
        joined_until=view.joined_until or 0,
        tally=view.tally.to_bytes(),
        widths=widths,
        pending=view.pending,
    )
    return [*records, (progress_key(partition), write_progress(progress))]


class ScriptedReader:
    """A LedgerReader whose polls a test writes; empty once they are used up, and then caught up if it ever ``ends``."""

    def __init__(self, *polls: list[Record], ends: bool = True) -> None:
        self.polls = list(polls)
        self.ends = ends
        self.n_polls = 0
        self.closed = False

    def poll(self, timeout_seconds: float) -> list[Record]:
        """The next poll."""
        del timeout_seconds
        self.n_polls += 1
        return self.polls.pop(0) if self.polls else []

    def caught_up(self) -> bool:
        """Whether every poll was taken."""
        return self.ends and not self.polls

    def lag(self) -> Mapping[int, int]:
        """Records in the polls that are left."""
        return {0: sum(map(len, self.polls))}

    def close(self, timeout_seconds: float) -> None:
        """Remember that it was closed."""
        del timeout_seconds
        self.closed = True
