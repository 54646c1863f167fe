"""A transactional producer of kafka-python whose every call ends in bounded time, and says whether it was fenced."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from kafka import errors as kafka_errors

from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.ingest.kafka_client import CLIENT_ERRORS
from sentinel.ingest.kafka_producer import CALL_SECONDS, open_producer
from sentinel.ingest.ledger import FencedError, Records

_ABORT_SECONDS = 2.0
_TRANSACTION_SECONDS = 30.0
"""After so long the broker itself aborts what a dead writer left open."""
_FENCED = (kafka_errors.ProducerFencedError, kafka_errors.InvalidProducerEpochError)
Message = tuple[int, bytes, bytes | None, Sequence[tuple[str, bytes]]]
"""Partition, key, value and headers."""


class TransactionalWriter:
    """Connects, and fences whoever had this transactional id before.

    The client's own commit and abort wait for ever, so their results are waited for here, with attributes that it
    keeps to itself; the pin ``kafka-python <3.1`` holds them in place.

    Parameters
    ----------
    settings : sentinel.config.kafka.KafkaSource
    transactional_id : str

    Raises
    ------
    SourceError
        If no bootstrap server answers.
    kafka.errors.KafkaError, OSError, RuntimeError
        As the client says it.
    """

    def __init__(self, settings: KafkaSettings, transactional_id: str) -> None:
        self._producer = open_producer(
            settings,
            {"transactional_id": transactional_id, "transaction_timeout_ms": round(_TRANSACTION_SECONDS * 1_000)},
        )
        try:
            self._producer.init_transactions()
        except CLIENT_ERRORS:
            self.close(0.0)
            raise

    def write(self, topic: str, partition: int, records: Records, headers: Sequence[tuple[str, bytes]]) -> int:
        """Write records to one partition of a topic in one transaction; as :meth:`write_all`."""
        return self.write_all(topic, [(partition, key, value, headers) for key, value in records.items()])

    def write_all(self, topic: str, messages: Sequence[Message]) -> int:
        """Write messages to a topic in one transaction.

        After an error of any kind the writer is of no more use: the client may begin its next transaction on what is
        left of this one, and report as written what it never sent. Close it, and open another.

        Returns
        -------
        int
            The offset behind the last record, the highest of all partitions.

        Raises
        ------
        FencedError
            If another writer has taken the transactional id.
        kafka.errors.KafkaError, OSError, RuntimeError
            What went wrong. Whether the transaction stands is not known until the next writer has opened.
        """
        futures: list[Any] = []
        try:
            self._producer.begin_transaction()
            for partition, key, value, headers in messages:
                futures.append(self._producer.send(topic, value, key, list(headers), partition))
            result = self._producer._transaction_manager.begin_commit()
            self._producer._sender.wakeup()
            if not result.wait(timeout_ms=CALL_SECONDS * 1_000):
                raise kafka_errors.KafkaTimeoutError(f"no answer within {CALL_SECONDS:g} s")
        except CLIENT_ERRORS as error:
            meaning = _meaning(error, futures)
            if not isinstance(meaning, FencedError):
                self._abort()
            raise meaning from error
        if not all(future.succeeded() for future in futures):
            raise _meaning(kafka_errors.KafkaError("not every record was taken"), futures)
        return max((int(future.value.offset) for future in futures), default=-1) + 1

    def _abort(self) -> None:
        """Try to end the transaction, so that readers of the topic need not wait until the broker does."""
        with contextlib.suppress(*CLIENT_ERRORS):  # the next writer ends it as well
            result = self._producer._transaction_manager.begin_abort()
            self._producer._sender.wakeup()
            result.wait(timeout_ms=_ABORT_SECONDS * 1_000)

    def close(self, timeout_seconds: float) -> None:
        """Disconnect; an open transaction is left to the broker, or to the next claim."""
        try:
            self._producer.close(timeout=timeout_seconds)
        except CLIENT_ERRORS:
            # What it waited for will not come; raising, it has left its thread running and itself open.
            self._producer._sender.force_close()
            self._producer._closed = True


def _meaning(error: Exception, futures: Sequence[Any]) -> Exception:
    """What to raise: the records say more of what went wrong than the transaction does."""
    causes = [error, *(future.exception for future in futures if future.failed())]
    if any(isinstance(cause, _FENCED) for cause in causes):
        return FencedError("another process writes here now")
    told = (cause for cause in causes[1:] if not isinstance(cause, kafka_errors.TransactionAbortedError))
    return next(told, error)
