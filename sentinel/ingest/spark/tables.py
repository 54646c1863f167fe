"""Row groups of Parquet, shown by Spark's workers to copies of what adds them up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from sentinel.audit.engine import Fold, Tell
from sentinel.audit.files.reading import Piece, TableFile
from sentinel.errors import BaselineError
from sentinel.ingest.spark.copies import Received, Sent
from sentinel.ingest.spark.session import Shared

TASKS_PER_CORE: Final = 2
"""Each brings back a copy: more of them even out the work and cost the driver additions."""
REPLY_BYTES: Final = 1 << 24
"""A reply comes in parts of this size, so that neither Java nor Python holds more than one of them twice."""
Part = tuple[bool, bytes]
"""Whether it is the last of a reply, and its bytes."""


class SparkEngine:
    """Reads on workers: each row group in one task, by the code that reads it locally, so that nothing differs.

    Every worker has to reach the files under the same path, and needs memory for a copy of what is added up: of an
    audit at most 16 bytes a training row and check.

    Parameters
    ----------
    spark : SparkSession
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def run(self, file: TableFile, columns: Sequence[str], fold: Fold, tell: Tell, phase: str) -> None:
        """Show each copy some row groups, and let ``fold`` take the copies in.

        Raises
        ------
        BaselineError
            If the rows are no Parquet file or folder, or a task fails.
        """
        if not file.pieces:
            raise BaselineError(f"{file.path}: Spark reads Parquet files, and folders of them: write the rows so")
        # An empty table: what waits to be sorted is sorted once here, not once in every copy.
        fold.add(file.schema.empty_table().select(list(columns)), np.empty(0, np.int64))
        sent = Sent(fold)
        context = self._spark.sparkContext
        n_tasks = max(1, min(len(file.pieces), TASKS_PER_CORE * context.defaultParallelism))
        shared = context.broadcast(sent.payload)
        work = _work(shared, tuple(columns), file.batch_rows)
        replies = context.parallelize(file.pieces, n_tasks).mapPartitions(work).persist(StorageLevel.DISK_ONLY)
        n_done = 0
        try:
            replies.count()  # all at once; then they come one after the other, so that the driver holds one of them
            for reply in _joined(replies.toLocalIterator()):
                fold.merge(sent.returned(reply))
                n_done += 1
                tell(file.n_rows * n_done // n_tasks, file.n_rows, phase)
        except (PySparkException, Py4JError) as error:
            raise BaselineError(f"{file.path}: {_told(error)}") from error
        finally:
            replies.unpersist()
            shared.destroy()


def _work(
    shared: Shared[bytes], columns: tuple[str, ...], batch_rows: int
) -> Callable[[Iterable[Piece]], Iterator[Part]]:
    """What a task does."""

    def show(pieces: Iterable[Piece]) -> Iterator[Part]:
        received: Received[Any] = Received(shared.value)
        for piece in pieces:
            first = piece.first
            for table in piece.batches(columns, batch_rows):
                received.copy.add(table, np.arange(first, first + table.num_rows))
                first += table.num_rows
        reply = received.reply()
        for start in range(0, len(reply), REPLY_BYTES):
            yield start + REPLY_BYTES >= len(reply), reply[start : start + REPLY_BYTES]

    return show


def _joined(parts: Iterable[Part]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    for is_last, part in parts:
        waiting.append(part)
        if is_last:
            yield b"".join(waiting)
            waiting.clear()


def _told(error: Exception) -> str:
    """The line of a worker's traceback that says what was wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if ".errors." in line), lines[0])
