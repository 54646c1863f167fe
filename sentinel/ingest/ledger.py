"""What a compacted log of cumulative records promises: the way collectors hand their counts to each other and on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from sentinel.errors import RecoverableError

Records = Mapping[bytes, bytes | None]
"""Records by key; None in place of a value forgets the key.

A key is a JSON list whose second item is the input partition, as :mod:`sentinel.pipeline.published` writes it.
"""


class FencedError(RecoverableError):
    """Another member has claimed the partition since: what it counts is the truth now, ours is to be dropped."""


class LedgerError(RecoverableError):
    """The ledger does not answer, or did not take a write: all of it or nothing stands, and it may be tried again.

    Which of the two is not known where the answer to the end of a transaction was lost. Writing once more is right
    either way.
    """


def partition_of(key: bytes) -> int | None:
    """The input partition that a record is of; None for a key that is no ledger's.

    Examples
    --------
    >>> partition_of(b'["progress",3]')
    3
    >>> partition_of(b"something else") is None
    True
    """
    try:
        return _decode_key(key).partition
    except msgspec.MsgspecError:
        return None


class _Key(msgspec.Struct, array_like=True):
    kind: str
    partition: int


_decode_key = msgspec.json.Decoder(_Key).decode


class Ledger(Protocol):
    """The latest record of each key, by input partition, with one writer for each partition at a time.

    A record replaces the one before it under the same key, so writing it twice changes nothing. The loop's thread
    calls everything here; each call blocks for a bounded time.

    The order of a takeover::

        ledger.claim(p)                # from here on the former owner's writes fail with FencedError
        records = ledger.read(p)       # everything that was ever written for p, the latest of each key
        ledger.write(p, {...})         # all of it or nothing, seen by readers at once
        ledger.release(p)
    """

    def claim(self, partition: int) -> None:
        """Become the only writer of an input partition; what a former writer left unfinished is undone.

        Raises
        ------
        LedgerError
            If the ledger does not answer in time.
        FatalError
            If a person has to act first: missing rights, a missing topic or one that is not compacted.
        """
        ...

    def read(self, partition: int) -> dict[bytes, bytes]:
        """The latest record of each key of a partition, as of this call; call it after :meth:`claim`.

        Raises
        ------
        LedgerError
            If it cannot be read to its end in time.
        """
        ...

    def write(self, partition: int, records: Records) -> None:
        """Write records of a claimed partition in one transaction.

        Raises
        ------
        FencedError
            If somebody else has claimed the partition.
        LedgerError
            If the write did not succeed: readers see all of it or nothing, and it is to be tried again.
        """
        ...

    def release(self, partition: int) -> None:
        """Stop being its writer; nothing is written. Not claimed: ignored."""
        ...

    def close(self, timeout_seconds: float) -> None:
        """Release everything; a second call does nothing."""
        ...


class LedgerReader(Protocol):
    """Follows all partitions of a ledger from its beginning. Needs no claim and disturbs no writer."""

    def poll(self, timeout_seconds: float) -> list[tuple[bytes, bytes | None]]:
        """Records in the order of their writing by key, of finished transactions alone; empty when nothing came.

        A ledger that does not answer delivers nothing, is counted and logged, and is asked again by the next poll.

        Raises
        ------
        FatalError
            If a person has to act first.
        """
        ...

    def caught_up(self) -> bool:
        """Whether everything that was there at the first poll has been delivered."""
        ...

    def lag(self) -> Mapping[int, int]:
        """Messages between what was delivered and the last known end, by partition of the ledger."""
        ...

    def close(self, timeout_seconds: float) -> None:
        """Disconnect; a second call does nothing."""
        ...
