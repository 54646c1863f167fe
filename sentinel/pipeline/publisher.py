"""Publishes checkpoints to the ledger: what is behind, what was refused, and when to try again."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping

from sentinel.clock import Clock
from sentinel.ingest.ledger import FencedError, Ledger, LedgerError
from sentinel.pipeline.handover import Held, read_records
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.publication import Publication
from sentinel.summaries.panes import PaneSeries

RETRY_SECONDS = 15.0
"""After a write that failed: each may take ten seconds, in which nothing is counted."""


class Publisher:
    """The claimed partitions of one process.

    Parameters
    ----------
    ledger : Ledger
    clock : Clock
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._writer = f"{socket.gethostname()}/{os.getpid()}"
        self._publications: dict[int, Publication] = {}
        self._behind: set[int] = set()
        self._failed: set[int] = set()
        self._retry_at = clock.monotonic()

    @property
    def behind(self) -> bool:
        """Whether the ledger lacks a checkpoint."""
        return bool(self._behind)

    def claim(self, number: int) -> Held | None:
        """Become the writer of a partition; returns what the ledger holds of it.

        Raises
        ------
        LedgerError
            If the ledger does not answer.
        FatalError
            If a person has to act first.
        """
        self._ledger.claim(number)
        records = self._ledger.read(number)
        self._publications[number] = Publication(number, records)
        return read_records(number, records)

    def note(self, numbers: Iterable[int]) -> None:
        """These have a checkpoint that the ledger lacks."""
        self._behind.update(self._publications.keys() & set(numbers))

    def due(self) -> list[int]:
        """Partitions to publish now: none shortly after a failure, and those that failed come last."""
        if self._clock.monotonic() < self._retry_at:
            return []
        return sorted(self._behind, key=lambda number: (number in self._failed, number))

    def publish(self, number: int, pipeline: PartitionPipeline, series: Mapping[tuple[str, str], PaneSeries]) -> None:
        """Write what the ledger lacks of a partition's last checkpoint.

        Raises
        ------
        FencedError
            If another member has claimed it; release it.
        LedgerError
            If it was not taken; it stays behind.
        """
        publication = self._publications[number]
        try:
            self._ledger.write(number, publication.records(pipeline, series, self._writer, self._clock.now_us()))
        except FencedError:
            raise
        except LedgerError:
            self._failed.add(number)
            self._retry_at = self._clock.monotonic() + RETRY_SECONDS
            raise
        publication.written()
        self._behind.discard(number)
        self._failed.discard(number)

    def release(self, number: int) -> None:
        """Write it no more."""
        if self._publications.pop(number, None) is not None:
            self._ledger.release(number)
        self._behind.discard(number)
        self._failed.discard(number)
