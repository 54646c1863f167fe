"""Follows the ledger: keeps the latest record of each key, and adds up what all partitions counted.

Pure state: it is handed records and asked for a view. The order of records of different keys changes nothing, nor does
it that a record comes again. A pane counts once its partition's progress names its width: one of another width is of
the past, or of a checkpoint whose progress is still to come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from sentinel.errors import CorruptArtifactError, LayoutMismatchError
from sentinel.logs import get_logger
from sentinel.pipeline.merged_panes import Fault, MergedPanes
from sentinel.pipeline.published import PaneKey, Progress, pane_key, read_key, read_progress
from sentinel.pipeline.tally import Tally, add_up
from sentinel.summaries.layout import Layout
from sentinel.summaries.panes import PaneSeries

log = get_logger(__name__)

FOLLOWED: Final = "followed"
FORGOTTEN: Final = "forgotten"
FOREIGN: Final = "foreign"
CORRUPT: Final = "corrupt"
RESULTS: Final = (FOLLOWED, FORGOTTEN, FOREIGN, CORRUPT)
"""What becomes of a record: kept, removed by a tombstone, counted under a layout that is not ours, or unreadable."""
MAX_TOLD: Final = 10_000
"""Keys of unreadable records that are remembered, so that each is logged once."""


@dataclass(frozen=True, slots=True)
class FollowedView:
    """All partitions of the ledger together; as :class:`~sentinel.pipeline.view.CountedView`."""

    series: Mapping[tuple[str, str], PaneSeries]
    tally: Tally
    watermark: int | None = None
    expired_until: int | None = None
    joined_until: int | None = None


class Follower:
    """The counts of all collectors, as far as their records have been handed over.

    Parameters
    ----------
    layouts : iterable of Layout
        Those that are judged; one a model version.

    Notes
    -----
    Memory: the compressed record of each (partition, pane), and one Summary a (model, pane). Time: a view merges the
    panes again of which a record came since the view before.
    """

    def __init__(self, layouts: Iterable[Layout]) -> None:
        self._panes = {layout.digest: MergedPanes(layout) for layout in layouts}
        self._progress: dict[int, tuple[Progress, Tally]] = {}
        self._told: set[bytes] = set()
        self.records: Counter[str] = Counter(dict.fromkeys(RESULTS, 0))

    @property
    def partitions(self) -> Mapping[int, Progress]:
        """How far each input partition has come; replaced whole, so any thread may read it."""
        return {number: progress for number, (progress, _) in list(self._progress.items())}

    def apply(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take in records in the order of their writing; None in place of a value removes the key's."""
        for key, value in records:
            try:
                self._apply(key, value)
            except CorruptArtifactError as error:
                self._tell(key, error)

    def view(self, on_model: Callable[[], object] = lambda: None) -> FollowedView:
        """What all partitions hold together now.

        Parameters
        ----------
        on_model : callable
            Called before each model version: the first view of a large ledger takes minutes. What it raises ends the
            view; the next one goes on from there.
        """
        progress = [each for each, _ in self._progress.values()]
        series = {}
        for digest, panes in self._panes.items():
            on_model()
            series[panes.key] = self._series(digest, panes)
        return FollowedView(
            series=series,
            tally=add_up(tally for _, tally in self._progress.values()),
            watermark=_latest(each.watermark for each in progress),
            expired_until=_latest(each.expired_until for each in progress),
            joined_until=_latest(each.joined_until for each in progress),
        )

    def _apply(self, key: bytes, value: bytes | None) -> None:
        wanted = read_key(key)
        if isinstance(wanted, PaneKey):
            self._apply_pane(wanted, value)
        elif wanted is None:
            self.records[FOREIGN] += 1
        else:
            self._apply_progress(wanted, value)

    def _apply_pane(self, key: PaneKey, value: bytes | None) -> None:
        panes = self._panes.get(key.layout)
        if panes is None or panes.key != (key.model, key.version):
            self.records[FOREIGN] += 1
            return
        panes.put(key.partition, key.width_us, key.start_us, value)
        self.records[FORGOTTEN if value is None else FOLLOWED] += 1

    def _apply_progress(self, partition: int, value: bytes | None) -> None:
        self._progress.pop(partition, None)  # what is no longer true goes, even where its successor cannot be read
        if value is None:
            self.records[FORGOTTEN] += 1
            return
        progress = read_progress(value)
        try:
            tally = Tally.from_bytes(progress.tally)
        except msgspec.MsgspecError as error:
            raise CorruptArtifactError(f"partition {partition}: its tally cannot be read: {error}") from error
        self._progress[partition] = (progress, tally)
        self.records[FOLLOWED] += 1

    def _series(self, digest: str, panes: MergedPanes) -> PaneSeries:
        widths = {
            partition: progress.widths[digest]
            for partition, (progress, _) in self._progress.items()
            if digest in progress.widths
        }
        series, faults = panes.series(widths)
        for fault in faults:
            self._tell(_key_of(digest, panes, fault), fault.error)
        return series

    def _tell(self, key: bytes, error: CorruptArtifactError | LayoutMismatchError) -> None:
        self.records[CORRUPT] += 1
        if key in self._told or len(self._told) >= MAX_TOLD:
            return
        self._told.add(key)
        log.error("ledger_record_unreadable", key=key[:256].decode("utf-8", "replace"), error=str(error))


def _key_of(digest: str, panes: MergedPanes, fault: Fault) -> bytes:
    return pane_key(PaneKey(fault.partition, *panes.key, digest, fault.width_us, fault.start_us))


def _latest(moments: Iterable[int]) -> int | None:
    return max((moment for moment in moments if moment > 0), default=None)
