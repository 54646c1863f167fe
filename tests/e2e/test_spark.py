"""The Spark job on topics that are keyed by nothing counts what a collector counts on keyed ones, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from sentinel.app.models import load_models, plans, row_bytes
from sentinel.app.sources import make_codec
from sentinel.cli import main
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.kafka_ledger_reader import KafkaLedgerReader
from sentinel.pipeline.follower import FollowedView, Follower
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.tally import add_up
from sentinel.pipeline.view import CountedView
from sentinel.simulation import simulate
from sentinel.simulation.events import Event, events
from sentinel.simulation.files import write_files
from sentinel.summaries.panes import join_series
from tests.support.daemon import write_config
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.process import ServerError, wait_until
from tests.support.spark_jars import fetch_connector
from tests.support.tools import missing, need_package

DAY_US = 86_400_000_000
JOB_SECONDS = 240.0  # two starts of Spark and five batches take about a minute of an idle machine
KEYED_PARTITIONS = 3
PREDICTION_PARTITIONS, OUTCOME_PARTITIONS = 3, 2
SHUFFLE_PARTITIONS = 4
APART = 1_500
"""Messages between two that contradict each other: more than what Spark may cut one partition behind another."""


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_spark_job_on_unkeyed_topics_counts_what_a_collector_counts(
    tmp_path: Path, kafka_broker: KafkaBroker
) -> None:
    """Killed in the middle of its batches and started again, the job's panes and tallies are the collector's own."""
    jars = _connector()
    simulated = simulate("clean", seed=5, n_train=2_000, n_validation=2_000, n_stream=12_000)
    files = write_files(simulated, tmp_path / "data")
    baseline = tmp_path / "model.baseline"
    arguments = ["--config", str(files.config), "--validation", str(files.validation), "--output", str(baseline)]
    assert main(["baseline", "build", *arguments]) == 0
    queue = _spoil(list(events(simulated.stream, model="churn", version="1", slices=simulated.slices)))

    unkeyed, keyed = _topics(kafka_broker, "unkeyed"), _topics(kafka_broker, "keyed")
    summaries = unique_name("summaries")
    kafka_broker.create_topic(unkeyed[0], PREDICTION_PARTITIONS)
    kafka_broker.create_topic(unkeyed[1], OUTCOME_PARTITIONS)
    for topic in keyed:
        kafka_broker.create_topic(topic, KEYED_PARTITIONS)
    kafka_broker.create_topic(summaries, 2, {"cleanup.policy": "compact"})
    _produce(kafka_broker, unkeyed, keyed, queue)

    def config(name: str, topics: tuple[str, str]) -> Path:
        path = write_config(
            tmp_path / f"{name}.yaml",
            baseline=baseline,
            state=tmp_path / name,
            broker=kafka_broker,
            topics=topics,
            group=unique_name(name),
            slices=simulated.slices,
        )
        settings = msgspec.yaml.decode(path.read_bytes())
        settings["source"]["kafka"]["topics"]["summaries"] = summaries
        path.write_bytes(msgspec.yaml.encode(settings))
        return path

    spark = config("spark", unkeyed)
    job = [
        *(sys.executable, "-m", "sentinel", "spark", "--config", str(spark), "--state", str(tmp_path / "shared")),
        *("--master", "local[2]", "--jars", str(jars), "--partitions", str(SHUFFLE_PARTITIONS)),
        *("--trigger", "available-now", "--max-events", str(len(queue) * 2 // 5)),
        *("--conf", "spark.driver.memory=1g", "--conf", "spark.ui.enabled=false"),
    ]
    with _running(job, tmp_path / "first.log") as first:
        wait_until(lambda: _written(tmp_path / "shared") > SHUFFLE_PARTITIONS, JOB_SECONDS, "the second batch")
        assert first.poll() is None, (tmp_path / "first.log").read_text()[-3_000:]
        os.killpg(first.pid, signal.SIGKILL)
    with _running(job, tmp_path / "second.log") as second:
        assert second.wait(JOB_SECONDS) == 0, (tmp_path / "second.log").read_text()[-3_000:]

    counted, expected = _followed(spark), _collected(config("collector", keyed))
    assert _panes([counted]) == _panes(expected)
    assert counted.tally.to_bytes() == add_up(view.tally for view in expected).to_bytes()
    tally = counted.tally
    assert {name for (_, _, name), n in tally.models.items() if n} >= {"joined", "matured", "unjoined"}
    assert min(tally.events["outcome", result] for result in ("late", "orphaned", "corrected", "duplicate")) > 0
    assert set(tally.dead_letters) >= {"not_json", "empty_value", "expired", "duplicate_prediction_id"}


def _connector() -> Path:
    """The connector's jars; without them, or without Spark, the test ends here."""
    need_package("pyspark", "the Spark job cannot be checked")
    try:
        return fetch_connector()
    except ServerError as error:
        missing(f"{error}: the Spark job cannot be checked")
        raise


def _topics(broker: KafkaBroker, prefix: str) -> tuple[str, str]:
    return unique_name(f"{prefix}-predictions"), unique_name(f"{prefix}-outcomes")


def _spoil(queue: Sequence[Event]) -> list[Event]:
    """Add early, late, repeated, corrected, orphaned, expired and unreadable events, in this order of arrival.

    At the end event time jumps by two months: all that came before is settled, whatever partition it lies in.
    """
    spoiled: list[Event] = []
    held: list[Event] = []
    later: deque[tuple[int, Event]] = deque()
    last = queue[-1].at_us
    for at, event in enumerate(queue):
        if event.kind == "prediction" and at % 53 == 0:
            held.append(event)  # its outcome, if there is one, may come before it
            continue
        spoiled.extend(_variants(event, at, last))
        if (changed := _conflict(event, at)) is not None:
            later.append((len(spoiled) + APART, changed))
        while later and later[0][0] <= len(spoiled):
            spoiled.append(later.popleft()[1])
        if len(held) > 40:
            spoiled.extend(held)
            held.clear()
        if at % 211 == 0:
            spoiled.append(event._replace(payload=b"{not json"))
        if at % 1_009 == 0:
            spoiled.append(event._replace(payload=b""))
    spoiled.extend([*held, *(event for _, event in later)])
    end = _time(last + 60 * DAY_US)
    first = next(event for event in queue if event.kind == "prediction")
    return [*spoiled, *(_changed(first, predicted_at=end, prediction_id=f"end-{n}") for n in range(200))]


def _variants(event: Event, at: int, last: int) -> Iterator[Event]:
    """An event, and what else comes of it: two outcomes of one prediction at most, so that their order is all.

    A collector reads its two topics in no fixed step: with more outcomes than two read ahead of a prediction, or a late
    one among them, its own tallies depend on the reading.
    """
    if event.kind == "prediction":
        yield event
        if at % 307 == 0:
            yield _changed(event, predicted_at=_time(event.at_us - 200 * DAY_US), prediction_id=f"old-{at}")
    elif at % 107 == 0:
        yield _changed(event, outcome_at=_time(last + 59 * DAY_US))  # late
    else:
        yield event
        if at % 97 == 0:
            yield event
        elif at % 103 == 0:
            yield _changed(event, prediction_id=f"nobody-{at}")


def _conflict(event: Event, at: int) -> Event | None:
    """An event that contradicts another one, so that it matters which of the two is the first."""
    if event.kind == "prediction":
        return _changed(event, score=0.5) if at % 89 == 0 else None
    one_outcome = at % 97 and at % 107
    if at % 101 == 0 and one_outcome:
        return _changed(event, outcome=1 - msgspec.json.decode(event.payload)["outcome"])
    return None


def _changed(event: Event, **fields: object) -> Event:
    fields = {**msgspec.json.decode(event.payload), **fields}
    return event._replace(key=str(fields["prediction_id"]).encode(), payload=msgspec.json.encode(fields))


def _time(at_us: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_us // 1_000_000))


def _produce(broker: KafkaBroker, unkeyed: tuple[str, str], keyed: tuple[str, str], queue: Sequence[Event]) -> None:
    """Send the same events, with the same timestamps, to any partition at all and to that of their prediction."""
    rng = random.Random(20_261_121)
    n_partitions = PREDICTION_PARTITIONS, OUTCOME_PARTITIONS
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=20, batch_size=262_144, acks="all")
    sent_at = int(time.time() * 1_000) - len(queue)
    for n, event in enumerate(queue):
        role = int(event.kind == "outcome")
        value = event.payload or None
        any_one = rng.randrange(n_partitions[role])
        producer.send(unkeyed[role], key=rng.randbytes(4), value=value, partition=any_one, timestamp_ms=sent_at + n)
        producer.send(keyed[role], key=event.key, value=value, timestamp_ms=sent_at + n)
    producer.flush(timeout=60)
    producer.close()


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child with its own children, all of which end with this."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _written(state: Path) -> int:
    return len(list(state.glob("partitions/*/*.changes")))


def _followed(path: Path) -> FollowedView:
    """What an evaluator sees."""
    config = load_config(path)
    assert config.source is not None
    assert config.source.kafka is not None
    follower = Follower(model.plan.layout for model in load_models(config).values())
    reader = KafkaLedgerReader(config.source.kafka, SystemClock())
    try:
        while not reader.caught_up():
            follower.apply(reader.poll(0.5))
    finally:
        reader.close(5.0)
    assert len(follower.partitions) == SHUFFLE_PARTITIONS
    return follower.view()


def _collected(path: Path) -> list[CountedView]:
    """What one collector counts that reads everything once and is left alone."""
    config = load_config(path)
    assert config.source is not None
    assert config.source.kafka is not None
    models = load_models(config)
    source = KafkaSource(config.source.kafka, make_codec(config, models), SystemClock())
    loop = Loop(source, lambda _: MemoryJoinStore(row_bytes(models)), plans(models), SystemClock())

    def drained() -> bool:
        loop.turn(0.2)
        lag = source.lag()
        return len(lag) == 2 * KEYED_PARTITIONS and not any(lag.values())

    try:
        wait_until(drained, JOB_SECONDS, "the collector to read everything")
        loop.checkpoint()
        return list(loop.status.views.values())
    finally:
        loop.close()
        source.close(5.0)


def _panes(views: Sequence[CountedView]) -> dict[tuple[str, str], tuple[int, dict[int, bytes]]]:
    """Width and bytes of all panes, partitions added up, by model."""
    first = views[0].series
    joined = {key: join_series(first[key].layout, [view.series[key] for view in views]) for key in first}
    return {key: (each.width_us, {at: pane.to_bytes() for at, pane in each.panes}) for key, each in joined.items()}
