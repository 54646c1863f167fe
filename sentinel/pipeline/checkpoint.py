"""A partition's checkpoint in its store: how far it has come, its tally, and its panes, each under its own name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from sentinel.errors import CorruptArtifactError
from sentinel.pipeline.hold import NEVER
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.pipeline.tally import Tally
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import Layout

STATE_META, STATE_TALLY = "meta", "tally"


class CheckpointMeta(msgspec.Struct):
    """The checkpoint's small part: ``layouts`` by digest, ``names`` and ``widths`` (microseconds) by layout number."""

    positions: dict[str, int]
    watermark: int
    layouts: dict[str, int]
    names: dict[int, tuple[str, str]]
    widths: dict[int, int]
    expired_until: int = NEVER
    joined_until: int = NEVER


def pane_name(layout_id: int, start: int | str = "") -> str:
    """The stored name of a pane; without a start the prefix of all panes of its layout."""
    return f"pane/{layout_id}/{start}"


def read_pane_name(name: str) -> tuple[int, int] | None:
    """Layout number and start of the pane that is stored under a name; None of what is no pane.

    Examples
    --------
    >>> read_pane_name(pane_name(3, 7_200)), read_pane_name(STATE_META)
    ((3, 7200), None)
    """
    kind, *rest = name.split("/")
    return (int(rest[0]), int(rest[1])) if kind == "pane" else None


def put_checkpoint(store: JoinStore, meta: CheckpointMeta, tally: Tally) -> None:
    """Write the small part into the open transaction; the caller commits."""
    store.put_state(STATE_META, msgspec.msgpack.encode(meta))
    store.put_state(STATE_TALLY, tally.to_bytes())


def read_checkpoint(store: JoinStore, partition: int) -> tuple[CheckpointMeta, Tally] | None:
    """Read the small part; None where nothing was ever committed.

    Raises
    ------
    CorruptArtifactError
        If it cannot be read; the message names the partition.
    """
    stored = store.get_state(STATE_META)
    if stored is None:
        return None
    try:
        meta = msgspec.msgpack.decode(stored, type=CheckpointMeta)
        return meta, Tally.from_bytes(store.get_state(STATE_TALLY) or Tally().to_bytes())
    except msgspec.MsgspecError as error:
        raise CorruptArtifactError(
            f"partition {partition}: its checkpoint cannot be read: {error}; "
            "remove its directory to rebuild it from the log"
        ) from error


def put_panes(store: JoinStore, layout_id: int, panes: Mapping[int, Summary], vanished: Iterable[int]) -> None:
    """Write panes by their start into the open transaction, and delete those that were merged into others."""
    for start, pane in panes.items():
        store.put_state(pane_name(layout_id, start), pane.to_bytes())
    for start in vanished:
        store.put_state(pane_name(layout_id, start), None)


def read_panes(store: JoinStore, layout_id: int, layout: Layout) -> Iterator[tuple[int, Summary]]:
    """The stored panes of a layout, each with its start.

    Raises
    ------
    CorruptArtifactError
        If one cannot be read.
    """
    prefix = pane_name(layout_id)
    for name in store.state_names(prefix):
        yield int(name.removeprefix(prefix)), Summary.from_bytes(layout, store.get_state(name) or b"")
