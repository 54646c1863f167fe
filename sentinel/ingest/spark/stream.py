"""The streaming query: both topics, shuffled by prediction; each batch goes to functions that know no Spark."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, unix_micros
from pyspark.sql.streaming.query import StreamingQuery

from sentinel.ingest.spark.rows import HEADER_COLUMNS, MESSAGE_COLUMNS
from sentinel.logs import get_logger

log = get_logger(__name__)

_MESSAGE = "topic string, partition int, offset long, at long, value binary"
_HEADERS = ", key binary, headers array<struct<key: string, value: binary>>"
_ROUTED = "part int, home boolean, "
COUNTED = "part int, events long, refused long, repeated boolean, cpu_seconds double"
Batches = Iterable[pa.RecordBatch]
Route = Callable[[Batches], Iterator[pa.RecordBatch]]
Count = Callable[[int, bool], Callable[[Batches], Iterator[pa.RecordBatch]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a query reads and how it is cut.

    Parameters
    ----------
    options : mapping
        Of Spark's Kafka source.
    topics : sequence of str
    n_partitions : int
        Of the shuffle.
    checkpoint : str
        Where Spark keeps its own progress.
    interval_seconds : float, optional
        Time between batches; None counts what is there and ends.
    max_events : int, optional
        The most messages of one batch.
    headers : bool
    """

    options: Mapping[str, str]
    topics: Sequence[str]
    n_partitions: int
    checkpoint: str
    interval_seconds: float | None
    max_events: int | None
    headers: bool


def start(
    spark: SparkSession,
    plan: Plan,
    *,
    route: Route,
    count: Count,
    on_batch: Callable[[int, Sequence[Any]], None],
) -> StreamingQuery:
    """Start the query; it runs on threads of its own.

    Parameters
    ----------
    spark : SparkSession
    plan : Plan
    route : callable
        Runs on executors: from messages to messages with ``part`` and ``home``.
    count : callable
        (batch, outcomes behind) -> what runs on executors: from the routed rows of one partition or more, sorted by
        partition and then by the order in which they count, to rows of ``COUNTED``.
    on_batch : callable
        (batch, rows of ``COUNTED``), on the driver, once every partition has been counted. The batch is done when it
        returns; if it raises, the query ends, and its next start runs the batch again.
    """
    columns = [*MESSAGE_COLUMNS, *(HEADER_COLUMNS if plan.headers else ())]
    routed = _ROUTED + _MESSAGE + (_HEADERS if plan.headers else "")

    def each(batch: DataFrame, number: int) -> None:
        messages = batch.withColumn("at", unix_micros("timestamp")).select(*columns)
        # By the message's time, which is the order of arrival; within one millisecond by where it lies, so that a
        # second run sees the same order.
        rows = (
            messages.mapInArrow(route, routed)
            .unionAll(_marks(spark, plan))
            .repartitionById(plan.n_partitions, col("part"))
            .sortWithinPartitions("part", "at", "topic", "partition", "offset")
            .mapInArrow(count(number, _outcomes_behind(spark, plan, number)), COUNTED)
            .collect()
        )
        on_batch(number, rows)

    reader = spark.readStream.format("kafka").options(**plan.options).load()
    writer = reader.writeStream.foreachBatch(each).option("checkpointLocation", plan.checkpoint)
    if plan.interval_seconds is None:
        writer = writer.trigger(availableNow=True)
    else:
        writer = writer.trigger(processingTime=f"{plan.interval_seconds:g} seconds")
    return writer.start()


def _marks(spark: SparkSession, plan: Plan) -> DataFrame:
    """A row of no topic for each partition: every partition sees every batch, and settles what is due at its end."""
    values = ["cast(id as int)", "false", "''", "0", "0L", "0L", "cast(null as binary)"]
    if plan.headers:
        values += ["cast(null as binary)", "cast(null as array<struct<key: string, value: binary>>)"]
    return spark.range(0, plan.n_partitions, 1, 1).selectExpr(*values)


def _outcomes_behind(spark: SparkSession, plan: Plan, number: int) -> bool:
    """Whether Spark cut the batch short, so that outcomes which are due may lie behind it.

    Read off Spark's own log of offsets, so a second run of the batch says the same. Where that cannot be read nothing
    expires yet: rows wait a batch longer.
    """
    if plan.max_events is None:
        return False
    ends, starts = (_offsets(spark, plan, n) for n in (number, number - 1))
    if ends is None or starts is None:
        return True
    n_events = sum(ends.values()) - sum(starts.get(where, 0) for where in ends)
    # A batch that is cut holds about as many as it may: each topic partition's share is rounded.
    return n_events >= plan.max_events - len(ends)


def _offsets(spark: SparkSession, plan: Plan, number: int) -> dict[tuple[str, int], int] | None:
    """Where a batch ends, by topic and partition."""
    if number < 0:
        return None
    try:
        lines = [row.value for row in spark.read.text(f"{plan.checkpoint}/offsets/{number}").collect()]
    except AnalysisException as error:
        log.warning("offsets_unreadable", batch=number, error=str(error)[:300])
        return None
    for line in lines:
        known = json.loads(line) if line.startswith("{") else {}
        if isinstance(known, dict) and known.keys() and known.keys() <= set(plan.topics):
            return {(topic, int(p)): int(end) for topic, ends in known.items() for p, end in ends.items()}
    log.warning("offsets_unreadable", batch=number, error="no line of the offset log names the topics")
    return None
