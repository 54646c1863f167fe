"""Kafka messages as Arrow rows: which partition of the shuffle each belongs to, and batches of events out of them.

An event belongs to the partition that the hash of its (model, prediction_id) says, as the codec reads it, so whatever
the format and the key of the message, a prediction and its outcomes meet. A message with events of several partitions
goes to each of them; exactly one of its rows is ``home``, where what cannot be told apart is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from sentinel.errors import FatalError
from sentinel.events.batch import I64, U64, Backfills, Bool, DeadLetter, EventBatch, Outcomes, Predictions
from sentinel.events.codecs.decoded import Decoded, assemble
from sentinel.events.codecs.messages import Messages, Role
from sentinel.events.codecs.protocol import Codec

MESSAGE_COLUMNS = ("topic", "partition", "offset", "at", "value")
HEADER_COLUMNS = ("key", "headers")
Group = TypeVar("Group", Predictions, Outcomes, Backfills)
Locate = Callable[[DeadLetter], DeadLetter]
_HIGH_BITS = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Routing:
    """What tells where a message belongs.

    Parameters
    ----------
    codec : Codec
    roles : mapping of topic to role
    n_partitions : int
        Of the shuffle.
    """

    codec: Codec
    roles: Mapping[str, Role]
    n_partitions: int

    def partitions_of(self, keys: U64) -> I64:
        """The partition of each prediction."""
        return ((keys >> _HIGH_BITS) % np.uint64(self.n_partitions)).astype(np.int64)


def route(rows: pa.RecordBatch, routing: Routing) -> pa.RecordBatch:
    """Put ``part`` and ``home`` in front of the columns of some messages.

    Raises
    ------
    FatalError
        If the format logs requests and responses as messages of their own: what pairs them is no prediction id.
    """
    n = routing.n_partitions
    pairs = [np.empty(0, np.int64)]
    for decoded in _decoded(rows, routing).values():
        if decoded.halves is not None and len(decoded.halves):
            raise FatalError(
                "requests and responses that are messages of their own cannot be brought together by Spark: "
                "log them as one message, or key the topic by their id and run collectors"
            )
        groups: list[Predictions | Outcomes | Backfills] = [
            *decoded.predictions,
            *decoded.outcomes,
            *decoded.backfills,
        ]
        pairs += [group.origin.offsets * n + routing.partitions_of(group.keys) for group in groups]
    wanted = np.unique(np.concatenate(pairs))
    lost = np.setdiff1d(np.arange(rows.num_rows), wanted // n, assume_unique=False)  # no event in it
    offsets = rows.column("offset").to_numpy(zero_copy_only=False)
    wanted = np.sort(np.concatenate([wanted, lost * n + offsets[lost] % n]))
    at, part = wanted // n, (wanted % n).astype(np.int32)
    home = np.diff(at, prepend=-1) > 0
    taken = rows if len(at) == rows.num_rows else rows.take(pa.array(at))
    columns = [pa.array(part), pa.array(home), *taken.columns]
    return pa.RecordBatch.from_arrays(columns, names=["part", "home", *taken.schema.names])


def by_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """Rows that are sorted by ``part``, one partition after the other; each is to be read before the next."""
    pieces = (piece for rows in batches for piece in _pieces(rows))
    for part, run in groupby(pieces, key=lambda piece: piece[0]):
        yield part, (rows for _, rows in run)


def _pieces(rows: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    if rows.num_rows == 0:
        return
    parts = rows.column("part").to_numpy()
    starts = np.flatnonzero(np.diff(parts, prepend=parts[0] - 1))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(parts)], strict=True):
        yield int(parts[start]), rows.slice(start, end - start)


def events_of(rows: pa.RecordBatch, part: int, routing: Routing) -> tuple[EventBatch, Locate]:
    """The events of a partition in some rows, in the order of the rows; and what finds a dead letter's message.

    In the events the place of a message is its row: the offsets of several topic partitions have no order.
    """
    home = rows.column("home").to_numpy(zero_copy_only=False)
    decoded = [_of_partition(each, part, home, routing) for each in _decoded(rows, routing).values()]
    partitions, offsets = rows.column("partition"), rows.column("offset")

    def locate(letter: DeadLetter) -> DeadLetter:
        row = letter.offset
        return replace(letter, partition=partitions[row].as_py(), offset=offsets[row].as_py())

    return assemble(part, {}, decoded, outcomes_behind=True), locate


def _decoded(rows: pa.RecordBatch, routing: Routing) -> dict[str, Decoded]:
    topics = rows.column("topic").to_numpy(zero_copy_only=False)
    decoded = {}
    for topic, role in routing.roles.items():
        at = np.flatnonzero(topics == topic)
        if len(at):
            some = rows if len(at) == rows.num_rows else rows.take(pa.array(at))
            decoded[topic] = routing.codec.decode(_messages(some, topic, role, at.tolist()))
    return decoded


def _messages(rows: pa.RecordBatch, topic: str, role: Role, places: list[int]) -> Messages:
    with_headers = "headers" in rows.schema.names
    return Messages(
        topic=topic,
        partition=-1,
        role=role,
        offsets=places,
        payloads=rows.column("value").to_pylist(),
        received_at=rows.column("at").to_pylist(),
        keys=rows.column("key").to_pylist() if with_headers else (),
        headers=[_header_pairs(each) for each in rows.column("headers").to_pylist()] if with_headers else (),
    )


def _header_pairs(headers: list[dict[str, Any]] | None) -> list[tuple[str, bytes | None]]:
    return [(header["key"], header["value"]) for header in headers or ()]


def _of_partition(decoded: Decoded, part: int, home: Bool, routing: Routing) -> Decoded:
    """Leave out what a message of several events holds for other partitions."""
    return Decoded(
        [_taken(group, part, routing) for group in decoded.predictions],
        [_taken(group, part, routing) for group in decoded.outcomes],
        [letter for letter in decoded.dead_letters if home[letter.offset]],
        [_taken(group, part, routing) for group in decoded.backfills],
        passed_over=decoded.passed_over,
    )


def _taken(group: Group, part: int, routing: Routing) -> Group:
    ours = routing.partitions_of(group.keys) == part
    if ours.all():
        return group
    taken: Group = group.take(np.flatnonzero(ours))
    return taken
