"""The files that the log of accepted events lies in: how they are named, made, searched and mended."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sentinel.errors import StoreError
from sentinel.ingest.http_records import HEAD_BYTES, MAGIC, RecordHead, is_whole, read_head
from sentinel.logs import get_logger
from sentinel.whole_files import sync_folder

log = get_logger(__name__)

_NAME = re.compile(r"(\d{20})-(\d{20})-([0-9a-f]{8})\.log")
_ONLY_THE_OWNER = 0o600  # events hold feature values
_LOOK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of records; its name says where it begins, so an empty one keeps the offsets.

    Parameters
    ----------
    path : Path
    offset : int, >= 0
        Of its first message.
    n_outcomes : int, >= 0
        Outcomes in the log before it.
    seed : int
        What the checksums of its records start with.
    """

    path: Path
    offset: int
    n_outcomes: int
    seed: int


@dataclass(frozen=True, slots=True)
class Found:
    """A whole record: where it stands in its file, its head, and its bytes."""

    at: int
    head: RecordHead
    data: bytes

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.at + self.head.n_bytes


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the whole records of a segment reach: in bytes, in messages, in outcomes."""

    n_bytes: int
    offset: int
    n_outcomes: int


def segments_in(directory: Path) -> list[Segment]:
    """Those that are there, oldest first.

    Of two that begin at the same offset the longer comes last: an empty one was replaced by it, and is back after a
    power failure.
    """
    matches = [(path, _NAME.fullmatch(path.name)) for path in directory.iterdir()]
    found = [Segment(path, int(m[1]), int(m[2]), int(m[3], 16)) for path, m in matches if m is not None]
    return sorted(found, key=lambda segment: (segment.offset, segment.path.stat().st_size))


def new_segment(directory: Path, offset: int, n_outcomes: int) -> tuple[Segment, int]:
    """Make an empty one, durably.

    Returns
    -------
    segment : Segment
    descriptor : int
        Open for writing.

    Raises
    ------
    OSError
    """
    seed = secrets.randbits(32)
    segment = Segment(directory / f"{offset:020d}-{n_outcomes:020d}-{seed:08x}.log", offset, n_outcomes, seed)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(segment.path, flags, _ONLY_THE_OWNER)
    try:
        sync_folder(directory)
    except OSError:
        os.close(descriptor)
        segment.path.unlink(missing_ok=True)
        raise
    return segment, descriptor


def record_at(descriptor: int, segment: Segment, at: int, least_offset: int) -> Found | None:
    """The whole record that begins here; None where there is none.

    Parameters
    ----------
    descriptor : int
        The segment's file, open for reading.
    segment : Segment
    at : int, bytes from the beginning of the file
    least_offset : int
        A record of earlier messages is none.
    """
    head = read_head(os.pread(descriptor, HEAD_BYTES, at))
    if head is None or head.offset < least_offset:
        return None
    if at + head.n_bytes > os.fstat(descriptor).st_size:
        return None
    data = os.pread(descriptor, head.n_bytes, at)
    return Found(at, head, data) if is_whole(data, head, segment.seed) else None


def next_record(descriptor: int, segment: Segment, at: int, least_offset: int) -> Found | None:
    """The first whole record here or further on: what is unreadable between is passed over, byte by byte."""
    found = record_at(descriptor, segment, at, least_offset)
    if found is not None:
        return found
    for candidate in _magics(descriptor, at + 1):
        found = record_at(descriptor, segment, candidate, least_offset)
        if found is not None:
            return found
    return None


def extent_of(segment: Segment) -> Extent:
    """Read a segment through to the end of its last whole record.

    Raises
    ------
    StoreError
        If the file cannot be read.
    """
    extent = Extent(0, segment.offset, segment.n_outcomes)
    try:
        descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while (found := next_record(descriptor, segment, extent.n_bytes, extent.offset)) is not None:
                extent = Extent(found.end, found.head.offset + found.head.n, _outcomes_after(found))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(f"{segment.path}: cannot read accepted events: {error.strerror or error}") from error
    return extent


def _outcomes_after(found: Found) -> int:
    roles = found.data[HEAD_BYTES : HEAD_BYTES + found.head.n]
    return found.head.n_outcomes + roles.count(1)


def _magics(descriptor: int, at: int) -> Iterator[int]:
    """Every place from here on where a record may begin."""
    while piece := os.pread(descriptor, _LOOK_BYTES, at):
        place = piece.find(MAGIC)
        while place >= 0:
            yield at + place
            place = piece.find(MAGIC, place + 1)
        if len(piece) < _LOOK_BYTES:
            return
        at += len(piece) - len(MAGIC) + 1
