"""The Spark job, on its driver: claims its partitions, runs the query, publishes what every batch changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sentinel.app.models import Key, WatchedModel, hash_key_of, load_models, plans, row_bytes
from sentinel.app.refusals import Refusals, make_letter_topic
from sentinel.app.sources import make_codec, make_ledger
from sentinel.app.spark_state import SparkState, open_state
from sentinel.app.spark_worker import Job, counting_of, files_of, routing_of, without_logins
from sentinel.clock import Clock
from sentinel.config.settings import Config
from sentinel.errors import FatalError, SentinelError
from sentinel.ingest.ledger import Ledger, LedgerError
from sentinel.logs import get_logger
from sentinel.pipeline.published import progress_key, read_progress
from sentinel.pipeline.versioned.outbox import read_outbox

if TYPE_CHECKING:
    from sentinel.ingest.spark.stream import Plan

log = get_logger(__name__)

CLOSE_SECONDS = 10.0
LOOK_SECONDS = 0.5
WRITE_TRIES = 5
WRITE_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """How the job runs; the configuration says what it counts.

    Parameters
    ----------
    state : str
        Path or URI that every executor reaches: Spark's checkpoint and the join state.
    n_partitions : int
        Of the shuffle; fixed for the life of the state.
    interval_seconds : float, optional
        Time between batches; None counts what is there and ends.
    max_events : int, optional
        The most messages of one batch.
    replace : bool
        Whether counts of others that the summaries topic holds under these partitions may be removed.
    """

    state: str
    n_partitions: int = 8
    interval_seconds: float | None = 60.0
    max_events: int | None = None
    replace: bool = False


class Publisher:
    """The only writer of the job's partitions in the ledger; all its methods run on one thread at a time.

    Parameters
    ----------
    ledger : Ledger
    state : SparkState
    clock : Clock
    refusals : Refusals
    """

    def __init__(self, ledger: Ledger, state: SparkState, clock: Clock, refusals: Refusals) -> None:
        self._ledger = ledger
        self._state = state
        self._clock = clock
        self._refusals = refusals
        self._pause = threading.Event()
        self._writer = f"spark {state.id}"
        self.failure: SentinelError | None = None

    def claim(self, *, replace: bool) -> None:
        """Become the writer of every partition; from here on a driver before this one fails to write.

        Raises
        ------
        FatalError
            If the ledger holds counts of others under one of the partitions: added up with ours they would be wrong.
        LedgerError
            If the ledger does not answer.
        """
        for partition in range(self._state.n_partitions):
            self._ledger.claim(partition)
            records = self._ledger.read(partition)
            known = records.get(progress_key(partition))
            if known is not None and read_progress(known).writer == self._writer:
                continue
            if not records:
                continue
            if not replace:
                raise FatalError(
                    f"the summaries topic holds counts of input partition {partition} that are not of this job's state "
                    f"({self._state.where}): name another topic in topics.summaries, or remove them with --replace"
                )
            self._ledger.write(partition, dict.fromkeys(records))
            log.warning("counts_replaced", partition=partition, records=len(records))

    def publish(self, batch: int, counted: Sequence[Any]) -> None:
        """Write what a batch changed, each partition in one transaction; once more changes nothing.

        Parameters
        ----------
        batch : int
        counted : sequence of rows with ``part``, ``events``, ``refused`` and ``repeated``

        Raises
        ------
        FencedError
            If another driver has claimed the partitions.
        LedgerError
            If the ledger does not take it after several tries.
        """
        try:
            for row in sorted(counted, key=lambda row: int(row["part"])):
                self._publish_one(int(row["part"]), batch)
        except SentinelError as error:
            self.failure = error
            raise
        self._refusals.settle()
        log.info(
            "batch_published",
            batch=batch,
            partitions=len(counted),
            events=sum(row["events"] for row in counted),
            refused=sum(row["refused"] for row in counted),
            repeated=sum(row["repeated"] for row in counted),
        )

    def _publish_one(self, partition: int, batch: int) -> None:
        files = files_of(self._state.where, partition)
        announced = read_outbox(files, partition, batch, writer=self._writer, now_us=self._clock.now_us())
        for attempt in range(1, WRITE_TRIES + 1):
            try:
                self._ledger.write(partition, announced.records)
                break
            except LedgerError as error:
                log.warning("ledger_write_failed", partition=partition, attempt=attempt, error=str(error))
                if attempt == WRITE_TRIES:
                    raise
                self._pause.wait(WRITE_RETRY_SECONDS)
        self._refusals.take(announced.letters)


def run_job(
    config: Config,
    options: JobOptions,
    clock: Clock,
    open_session: Callable[[], Any],
    stop: threading.Event,
) -> None:
    """Run until the query ends or ``stop`` is set.

    Parameters
    ----------
    config : Config
    options : JobOptions
    clock : Clock
    open_session : callable
        Gives the Spark session; called once all that can be wrong without it has been looked at.
    stop : threading.Event

    Raises
    ------
    SentinelError
        One clear line: what is wrong, where, and how to mend it.
    """
    kafka = None if config.source is None else config.source.kafka
    if kafka is None:
        raise FatalError("source.kafka is missing: the Spark job reads from Kafka")
    ledger = make_ledger(config)
    if ledger is None:
        raise FatalError("source.kafka.topics.summaries is missing: the Spark job publishes its counts there")
    try:
        from sentinel.ingest.spark.options import source_options
        from sentinel.ingest.spark.stream import Plan
    except ImportError as error:
        raise FatalError(f"{error}: it needs `pip install 'sentinel-leakage[spark]'`, or spark-submit") from error

    models = load_models(config)
    headers = make_codec(config, models).reads_headers
    topics = kafka.topics.predictions, kafka.topics.outcomes
    key = hash_key_of(config)
    state = open_state(options.state, options.n_partitions, topics, "" if key is None else key.fingerprint)
    refusals = Refusals(config, clock, make_letter_topic(config, clock))
    publisher = Publisher(ledger, state, clock, refusals)
    try:
        publisher.claim(replace=options.replace)
        plan = Plan(
            options=source_options(kafka, headers=headers, max_events=options.max_events),
            topics=topics,
            n_partitions=options.n_partitions,
            checkpoint=state.checkpoint,
            interval_seconds=options.interval_seconds,
            max_events=options.max_events,
            headers=headers,
        )
        spark = open_session()
        try:
            query = _started(spark, plan, _job_of(config, options, models, state), publisher)
            log.info("spark_job_started", state=state.where, partitions=options.n_partitions, models=len(models))
            _wait(query, stop, publisher)
        finally:
            spark.stop()
    finally:
        refusals.close(CLOSE_SECONDS)
        ledger.close(CLOSE_SECONDS)


def _job_of(config: Config, options: JobOptions, models: Mapping[Key, WatchedModel], state: SparkState) -> Job:
    return Job(
        id=state.id,
        config=without_logins(config),
        plans=tuple(plans(models)),
        n_partitions=options.n_partitions,
        state=state.where,
        row_bytes=row_bytes(models),
    )


def _started(spark: Any, plan: Plan, job: Job, publisher: Publisher) -> Any:
    """The query, running: it routes messages, counts each batch, and hands over what the batch changed."""
    from sentinel.ingest.spark.session import share
    from sentinel.ingest.spark.stream import start

    shared = share(spark, job)
    return start(
        spark,
        plan,
        route=routing_of(shared),
        count=lambda batch, behind: counting_of(shared, batch, behind),
        on_batch=publisher.publish,
    )


def _wait(query: Any, stop: threading.Event, publisher: Publisher) -> None:
    while query.isActive and not stop.wait(LOOK_SECONDS):
        pass
    if stop.is_set():
        query.stop()  # what was half counted is counted again by the next start
        return
    failure = query.exception()
    if publisher.failure is not None:
        raise publisher.failure
    if failure is not None:
        lines = [line for line in str(failure).splitlines() if line.strip()]
        told = next((line for line in reversed(lines) if ".errors." in line or "Error:" in line), lines[0])
        raise FatalError(f"the query ended: {told.strip()}")
