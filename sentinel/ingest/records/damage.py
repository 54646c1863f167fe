"""Batches that cannot be read: where they begin, and where reading may go on without losing what follows."""

from __future__ import annotations

from kafka.errors import CorruptRecordError
from kafka.structs import TopicPartition

from sentinel.ingest.records.batches import Batch


class DamagedBatchError(CorruptRecordError):  # type: ignore[misc]
    """The next records of a topic partition cannot be read.

    Parameters
    ----------
    place : TopicPartition
    first, stop : int
        Offsets: the first that cannot be read, and the one at which reading may go on.
    reason : str
        What is wrong, without a byte of the records.
    """

    def __init__(self, place: TopicPartition, first: int, stop: int, reason: str) -> None:
        super().__init__(place, first, stop, reason)
        self.place, self.first, self.stop, self.reason = place, first, stop, reason

    def __str__(self) -> str:
        return f"{self.place.topic}-{self.place.partition} at offset {self.first}: {self.reason}"


def stop_after(batch: Batch, following: Batch | None, fetch_offset: int) -> int:
    """The offset at which reading may go on after a batch whose head may be damaged as well.

    A broker that is asked for an offset looks for the first batch that ends at or beyond it, by the same head. So
    too small an answer costs another round and too large a one loses messages: the smallest of what is said holds.

    Parameters
    ----------
    batch : Batch
    following : Batch or None
        The batch after it, where the fetch holds it whole.
    fetch_offset : int
        What was asked for; beyond the first offset of the batch where it was met before.

    Examples
    --------
    >>> head = Batch(100, 0, 0, 0, 9, 0, 0, -1, 10, 61, 500)
    >>> stop_after(head, None, 100), stop_after(head._replace(last_offset_delta=70_000), None, 100)
    (110, 110)
    """
    said = [batch.last_offset + 1]
    if following is not None and following.base_offset > fetch_offset:
        said.append(following.base_offset)
    elif fetch_offset <= batch.base_offset and batch.n_records > 0:  # fewer than the offsets only after compaction
        said.append(batch.base_offset + batch.n_records)
    return max(fetch_offset + 1, min(said))
