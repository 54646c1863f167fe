"""Records of the ledger: a partition's panes and how far it has come, as keys and values.

Keys are JSON texts that a person can read with any Kafka tool; values are the bytes of a checkpoint.

``["progress", partition]``
    :class:`Progress`: the input offsets that all panes of the partition cover together, its tally and its widths.
``["pane", partition, model, version, layout, width_us, start_us]``
    The cumulative Summary of one pane, as :meth:`~sentinel.summaries.algebra.Summary.to_bytes` writes it. ``layout`` is
    the digest of the Layout it was counted under, so a reader with another baseline leaves it alone.

Panes and progress of one checkpoint are written in one transaction: a reader never sees one without the others.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from sentinel.errors import CorruptArtifactError


class PaneKey(NamedTuple):
    """Which pane a record is of; times in microseconds."""

    partition: int
    model: str
    version: str
    layout: str
    width_us: int
    start_us: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the counts of one input partition have come.

    Attributes
    ----------
    positions : dict of topic to next offset
    watermark, expired_until, joined_until : int, microseconds since the epoch, UTC
        As in a checkpoint: no moment after 1970 before the first event.
    tally : bytes
        :meth:`~sentinel.pipeline.tally.Tally.to_bytes`.
    widths : dict of layout digest to int, microseconds
        Pane width of each layout counted under; panes of any other width are of the past.
    pending : int
        Predictions that wait for their outcome.
    writer : str
        Who wrote it, for the eyes of operators.
    written_at : int, microseconds since the epoch, UTC
    """

    positions: dict[str, int]
    watermark: int
    expired_until: int
    joined_until: int
    tally: bytes
    widths: dict[str, int]
    pending: int
    writer: str = ""
    written_at: int = 0


def progress_key(partition: int) -> bytes:
    """The key of a partition's progress.

    Examples
    --------
    >>> progress_key(3)
    b'["progress",3]'
    """
    return msgspec.json.encode(["progress", partition])


def pane_key(key: PaneKey) -> bytes:
    """The key of a pane.

    Examples
    --------
    >>> pane_key(PaneKey(3, "churn", "7", "ab12", 3_600_000_000, 0))
    b'["pane",3,"churn","7","ab12",3600000000,0]'
    """
    return msgspec.json.encode(["pane", *key])


def read_key(data: bytes) -> PaneKey | int | None:
    """What a key stands for: a pane, the partition whose progress it is, or None for a kind that is not known here.

    Raises
    ------
    CorruptArtifactError
        If it is no key of a ledger at all.
    """
    try:
        kind, *rest = msgspec.json.decode(data, type=list[str | int])
        if kind == "progress":
            (partition,) = msgspec.convert(rest, tuple[int])
            return partition
        return PaneKey(*msgspec.convert(rest, tuple[int, str, str, str, int, int])) if kind == "pane" else None
    except (msgspec.MsgspecError, ValueError) as error:
        raise CorruptArtifactError(f"a record of the summaries topic has a key that cannot be read: {error}") from error


def write_progress(progress: Progress) -> bytes:
    """Encode."""
    return msgspec.msgpack.encode(progress)


def read_progress(data: bytes) -> Progress:
    """Decode.

    Raises
    ------
    CorruptArtifactError
        If the bytes are something else.
    """
    try:
        return msgspec.msgpack.decode(data, type=Progress)
    except msgspec.MsgspecError as error:
        raise CorruptArtifactError(f"a progress record of the summaries topic cannot be read: {error}") from error
