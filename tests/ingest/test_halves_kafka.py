"""Requests and responses through a real broker: with a stop between the halves, every pair counts once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from sentinel.clock import SystemClock
from sentinel.config.formats import Format, Formats
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.kafka import Topics
from sentinel.events.codecs.adapting import AdaptingCodec, make_stages
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.protocol import Codec
from sentinel.events.schema import Limits
from sentinel.ingest.confluent import ConfluentSource
from sentinel.ingest.kafka import KafkaSource
from sentinel.ingest.protocol import Source
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.tally import add_up
from tests.ingest.logs import WAIT_SECONDS, kafka_settings
from tests.pipeline.streams import LAYOUTS, PLANS, ROW_BYTES
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.process import wait_until

pytestmark = pytest.mark.kafka
N_PAIRS, N_PARTITIONS = 400, 3
KSERVE = {"shape": "kserve", "inference": {"model": "churn", "version": "7", "feature_names": ["age", "income"]}}


def write(broker: KafkaBroker, topic: str, sides: list[tuple[int, str]]) -> None:
    """Write halves as Knative does, in binary mode, keyed by the event's id."""
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number, side in sides:
        body = {"instances": [[41, 1.5], [30, 2.5]]} if side == "request" else {"predictions": [0.25, 0.75]}
        headers = {
            "ce_specversion": "1.0",
            "ce_id": f"q{number}",
            "ce_source": "http://localhost:9081/",
            "ce_type": f"org.kubeflow.serving.inference.{side}",
            "content-type": "application/json",
        }
        producer.produce(
            topic,
            json.dumps(body).encode(),
            key=f"q{number}".encode(),
            headers=[(name, value.encode()) for name, value in headers.items()],
        )
    assert producer.flush(20) == 0


def make_codec() -> Codec:
    """The codec that the daemon would make of this format."""
    canonical = JsonCodec([layout.schema for layout in LAYOUTS])
    return AdaptingCodec(canonical, make_stages(Formats(predictions=msgspec.convert(KSERVE, Format))), Limits())


SOURCES: dict[str, Callable[[KafkaSettings], Source]] = {
    "kafka": lambda settings: KafkaSource(settings, make_codec(), SystemClock()),
    "confluent": lambda settings: ConfluentSource(settings, make_codec(), SystemClock()),
}


@pytest.mark.parametrize("client", sorted(SOURCES))
def test_halves_meet_across_a_restart(client: str, kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Requests before a stop, their responses after it: what waited was stored, and each row counts once."""
    topics = Topics(predictions=unique_name("inference"), outcomes=unique_name("outcomes"))
    for topic in (topics.predictions, topics.outcomes):
        kafka_broker.create_topic(topic, N_PARTITIONS)
    settings = kafka_settings(kafka_broker, topics)
    write(kafka_broker, topics.predictions, [(n, "request" if n % 3 else "response") for n in range(N_PAIRS)])

    def run(is_done: Callable[[Loop], bool]) -> Loop:
        source = SOURCES[client](settings)
        loop = Loop(
            source,
            lambda number: LmdbJoinStore.open(tmp_path / str(number), ROW_BYTES),
            PLANS,
            SystemClock(),
            checkpoint_seconds=0.2,
        )
        try:
            wait_until(lambda: loop.turn(0.2) >= 0 and is_done(loop), WAIT_SECONDS, "all is read")
            loop.checkpoint()
        finally:
            loop.close()
            source.close(5.0)
        return loop

    def n_waiting(loop: Loop) -> int:
        return add_up(view.tally for view in loop.status.views.values()).n_halves_waiting

    def n_accepted(loop: Loop) -> int:
        return add_up(view.tally for view in loop.status.views.values()).events["prediction", "accepted"]

    run(lambda loop: n_waiting(loop) == N_PAIRS)
    write(kafka_broker, topics.predictions, [(n, "response" if n % 3 else "request") for n in range(N_PAIRS)])
    loop = run(lambda loop: n_accepted(loop) == 2 * N_PAIRS)
    tally = add_up(view.tally for view in loop.status.views.values())
    assert (tally.n_halves_waiting, dict(tally.dead_letters)) == (0, {})
