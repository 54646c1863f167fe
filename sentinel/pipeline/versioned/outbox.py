"""What a version of a partition says to the ledger: the panes that its batch changed, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from sentinel.errors import CorruptArtifactError
from sentinel.events.batch import DeadLetter
from sentinel.pipeline.checkpoint import STATE_META, STATE_TALLY, CheckpointMeta, read_pane_name
from sentinel.pipeline.published import PaneKey, Progress, pane_key, progress_key, write_progress
from sentinel.pipeline.versioned.files import Version, VersionFiles
from sentinel.pipeline.versioned.operations import State, read_operations

OUTBOX = "outbox"
"""The name of what is announced, among the named values of a version."""


class Outbox(msgspec.Struct, frozen=True, array_like=True):
    """What a version says for the eyes of others, beside the counts.

    Attributes
    ----------
    widths : dict of layout number to int, microseconds
        Pane widths before the batch, under whose keys panes that are gone were published.
    pending : int
        Predictions that wait for their outcome.
    letters : list of DeadLetter
        What was refused, or the first of it.
    """

    widths: dict[int, int]
    pending: int
    letters: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class Announced:
    """Records for the ledger, and what was refused."""

    records: dict[bytes, bytes | None]
    letters: list[DeadLetter]


def read_outbox(files: VersionFiles, partition: int, batch: int, *, writer: str, now_us: int) -> Announced:
    """The records of one batch of one partition: cumulative, so that writing them twice changes nothing.

    Parameters
    ----------
    files : VersionFiles
    partition, batch : int
    writer : str
        For the eyes of operators.
    now_us : int, microseconds since the epoch, UTC

    Raises
    ------
    CorruptArtifactError
        If the version cannot be read.
    StoreError
        If the storage does not answer.
    """
    version = Version(batch, "changes")
    with files.open(version) as stream:
        operations = read_operations(stream, files.where(version))
        values = {each.name: each.value for each in operations if isinstance(each, State)}
    try:
        meta = msgspec.msgpack.decode(values[STATE_META] or b"", type=CheckpointMeta)
        outbox = msgspec.msgpack.decode(values[OUTBOX] or b"", type=Outbox)
    except (KeyError, msgspec.MsgspecError) as error:
        raise CorruptArtifactError(f"{files.where(version)}: it lacks its checkpoint: {error}") from error
    digests = {number: digest for digest, number in meta.layouts.items()}
    records = _pane_records(values, partition, meta, digests, outbox.widths)
    progress = Progress(
        positions=meta.positions,
        watermark=meta.watermark,
        expired_until=meta.expired_until,
        joined_until=meta.joined_until,
        tally=values[STATE_TALLY] or b"",
        widths={digests[number]: width for number, width in meta.widths.items()},
        pending=outbox.pending,
        writer=writer,
        written_at=now_us,
    )
    return Announced({**records, progress_key(partition): write_progress(progress)}, outbox.letters)


def _pane_records(
    values: Mapping[str, bytes | None],
    partition: int,
    meta: CheckpointMeta,
    digests: Mapping[int, str],
    former_widths: Mapping[int, int],
) -> dict[bytes, bytes | None]:
    """Panes that the batch changed; and tombstones of those that it coarsened, under the width that they had."""
    records: dict[bytes, bytes | None] = {}
    for name, value in values.items():
        pane = read_pane_name(name)
        if pane is None:
            continue
        number, start = pane
        width, former = meta.widths[number], former_widths.get(number)
        key = PaneKey(partition, *meta.names[number], digests[number], width, start)
        if former is not None and former != width:
            records[pane_key(key._replace(width_us=former))] = None
        if value is not None:
            records[pane_key(key)] = value
    return records
