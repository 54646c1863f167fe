"""Raw messages of one topic partition, and what is read off or said of them whatever they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np

from sentinel.events.batch import I64, Bool, DeadLetter, Origin, Reason
from sentinel.events.schema import Limits
from sentinel.events.times import BAD_TIME

T = TypeVar("T")
Role = Literal["prediction", "outcome"]
UNFIT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes that do not fit its Struct; the last for nesting some thousand levels deep."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Raw messages of one topic partition, in offset order.

    ``received_at`` is the broker's or producer's timestamp in microseconds: being part of the log, it makes a
    re-read refuse exactly the events that the first read refused.

    ``keys`` and ``headers`` have a place for each message, or are empty where nobody reads them (see
    `sentinel.events.codecs.protocol.Codec.reads_headers`). Headers are pairs of name and value as they came: a name may
    stand more than once, and Kafka allows a value to be null.
    """

    topic: str
    partition: int
    role: Role
    offsets: Sequence[int]
    payloads: Sequence[bytes | None]
    received_at: Sequence[int]
    keys: Sequence[bytes | None] = ()
    headers: Sequence[Sequence[tuple[str, bytes | None]]] = ()


def decode_all(
    decode: Callable[[Any], Any], payloads: Sequence[bytes | None], rows: Sequence[int], slow: list[int]
) -> tuple[Sequence[Any], Sequence[int]]:
    """Decode rows, and tell which are decoded; those that do not fit the Struct are appended to ``slow``."""
    with suppress(*UNFIT):  # else one at least does not fit: which, is found one by one
        return list(map(decode, pick(payloads, rows))), rows
    events, good = [], []
    for i in rows:
        try:
            events.append(decode(payloads[i]))
            good.append(i)
        except UNFIT:
            slow.append(i)
    return events, good


def time_is_right(times: I64, members: Sequence[int], messages: Messages, limits: Limits) -> Bool:
    """Which times are readable, not too early, and not too far ahead of their message."""
    received = np.array(pick(messages.received_at, members), np.int64)
    known = times != BAD_TIME
    good: Bool = known & (times >= limits.earliest_us) & (times - np.where(known, received, 0) <= limits.max_future_us)
    return good


def origin_of(messages: Messages, members: Sequence[int]) -> Origin:
    """Where some messages come from, for what must refuse them later."""
    offsets = np.array(pick(messages.offsets, members), np.int64)
    return Origin(messages.topic, messages.partition, offsets, pick(messages.payloads, members))


def pick(column: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    """Take ascending rows: a slice where none is left out between them, as a rule."""
    if not rows:
        return []
    if len(rows) == rows[-1] - rows[0] + 1:
        return column[rows[0] : rows[-1] + 1]
    return [column[i] for i in rows]


def size_fault(payload: bytes | None, limits: Limits) -> tuple[Reason, str]:
    """Why a message is refused unread that has no bytes, or too many."""
    if not payload:
        return Reason.EMPTY, "the message has no value (a tombstone)" if payload is None else "the message is empty"
    return Reason.OVERSIZED, f"{len(payload)} bytes exceed limits.max_event_bytes {limits.max_event_bytes}"


def dead_letter(messages: Messages, i: int, reason: Reason, detail: str, limits: Limits) -> DeadLetter:
    """Refuse one message."""
    payload = messages.payloads[i] or b""
    place = messages.topic, messages.partition, messages.offsets[i]
    return DeadLetter(reason, detail, *place, payload[: limits.head_bytes], messages.role, payload)
