"""One record of the log of accepted events: how some messages become bytes that tell whether they are whole.

A record holds the messages of one write, those of several requests where several waited: it is there whole or not at
all. Little-endian throughout::

    magic       4 bytes
    crc         u32   of everything after it, started with the segment's seed
    n_body      u32   bytes after the head
    flags       u32   1: headers follow the payloads
    offset      u64   of the first message
    n_outcomes  u64   messages of the role outcome in the log before this record
    received_at i64   microseconds since the epoch, UTC
    n           u32   messages
    body              roles (n bytes), lengths of payloads (n u32), payloads; lengths of headers (n u32), headers (JSON)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import msgspec

from sentinel.errors import CorruptArtifactError
from sentinel.events.codecs.messages import Role

MAGIC = b"\xfdSE1"
"""No UTF-8 text holds the first of these bytes."""
ROLES: tuple[Role, ...] = ("prediction", "outcome")
_OUTCOME = ROLES.index("outcome")
_HEAD = struct.Struct("<4sIIIQQqI")
HEAD_BYTES = _HEAD.size
_SUMMED_FROM = 8
_WITH_HEADERS = 1
MAX_BODY_BYTES = 1 << 30

Header = tuple[str, bytes | None]
_encode_headers = msgspec.json.Encoder().encode
_decode_headers = msgspec.json.Decoder(list[tuple[str, bytes | None]]).decode


@dataclass(frozen=True, slots=True)
class Posted:
    """Some messages as columns of equal length; ``headers`` is empty where nobody reads them."""

    roles: bytes
    payloads: Sequence[bytes]
    headers: Sequence[Sequence[Header]] = ()

    def __len__(self) -> int:
        return len(self.payloads)

    @property
    def n_outcomes(self) -> int:
        """How many of them are outcomes."""
        return self.roles.count(_OUTCOME)

    @property
    def n_bytes(self) -> int:
        """No less than what they take in a record, for bounds."""
        held = sum(map(len, self.payloads)) + 5 * len(self.payloads)
        texts = (8 * len(name) + 2 * len(value or b"") + 24 for some in self.headers for name, value in some)
        return held + 6 * len(self.headers) + sum(texts)


def joined(parts: Sequence[Posted]) -> Posted:
    """The messages of several requests, one after the other."""
    if len(parts) == 1:
        return parts[0]
    headers: Sequence[Sequence[Header]] = ()
    if any(part.headers for part in parts):
        headers = [some for part in parts for some in (part.headers or [()] * len(part))]
    payloads = [payload for part in parts for payload in part.payloads]
    return Posted(b"".join(part.roles for part in parts), payloads, headers)


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What is known of a record before its body is read."""

    crc: int
    n_body: int
    flags: int
    offset: int
    n_outcomes: int
    received_at: int
    n: int

    @property
    def n_bytes(self) -> int:
        """Of the whole record."""
        return HEAD_BYTES + self.n_body


def encode(posted: Posted, offset: int, n_outcomes: int, received_at: int, seed: int) -> bytes:
    """One record.

    Parameters
    ----------
    posted : Posted
        At least one message.
    offset : int, >= 0
        Of the first of them.
    n_outcomes : int, >= 0
        Outcomes in the log before them.
    received_at : int, microseconds since the epoch, UTC
    seed : int
        Of the segment: keeps bytes that a client sent from passing for a record.
    """
    n = len(posted)
    parts = [posted.roles, struct.pack(f"<{n}I", *map(len, posted.payloads)), *posted.payloads]
    if posted.headers:
        texts = [_encode_headers(list(some)) for some in posted.headers]
        parts += [struct.pack(f"<{n}I", *map(len, texts)), *texts]
    body = b"".join(parts)
    flags = _WITH_HEADERS if posted.headers else 0
    head = _HEAD.pack(MAGIC, 0, len(body), flags, offset, n_outcomes, received_at, n)
    crc = zlib.crc32(body, zlib.crc32(head[_SUMMED_FROM:], seed))
    return b"".join((MAGIC, crc.to_bytes(4, "little"), head[_SUMMED_FROM:], body))


def read_head(data: bytes) -> RecordHead | None:
    """The head of a record; None where these bytes are none."""
    if len(data) < HEAD_BYTES:
        return None
    magic, *rest = _HEAD.unpack_from(data)
    head = RecordHead(*rest)
    if magic != MAGIC or head.n_body > MAX_BODY_BYTES or head.n == 0:
        return None
    return head


def is_whole(data: bytes, head: RecordHead, seed: int) -> bool:
    """Whether head and body are what was written.

    Parameters
    ----------
    data : bytes
        Of the record, from its first byte on.
    head : RecordHead
    seed : int
    """
    if len(data) < head.n_bytes:
        return False
    return zlib.crc32(memoryview(data)[_SUMMED_FROM : head.n_bytes], seed) == head.crc


def decode(data: bytes, head: RecordHead) -> Posted:
    """The messages of a whole record.

    Raises
    ------
    CorruptArtifactError
        If the lengths do not add up: another program wrote it.
    """
    n, at = head.n, HEAD_BYTES
    roles = data[at : at + n]
    payloads, at = _texts(data, at + n, n)
    headers: Sequence[Sequence[Header]] = ()
    if head.flags & _WITH_HEADERS:
        texts, at = _texts(data, at, n)
        headers = [_decode_headers(text) for text in texts]
    if at != head.n_bytes or max(roles) >= len(ROLES):
        raise CorruptArtifactError(f"the record of offset {head.offset} is not one that this version writes")
    return Posted(roles, payloads, headers)


def _texts(data: bytes, at: int, n: int) -> tuple[list[bytes], int]:
    start = at + 4 * n
    if start > len(data):
        raise CorruptArtifactError("a record is shorter than its lengths")
    ends = list(accumulate(struct.unpack_from(f"<{n}I", data, at), initial=start))
    return [data[begin:end] for begin, end in pairwise(ends)], ends[-1]
