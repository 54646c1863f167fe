"""Replay and the daemon on Kafka count the same stream to the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel.simulation.events import events
from tests.e2e.worlds import JOIN_SECONDS, make_world
from tests.support.daemon import daemon_on, produce, write_config
from tests.support.kafka_broker import KafkaBroker, unique_name


@pytest.mark.kafka
@pytest.mark.slow
def test_replay_and_kafka_find_the_same(tmp_path: Path, kafka_broker: KafkaBroker) -> None:
    """The same stream, read from a file and through three partitions of Kafka, has the same counts and findings."""
    world = make_world(tmp_path, "target_leakage", seed=9, n_stream=5_000)
    simulated, replayed = world.simulated, world.replayed()

    topics = (unique_name("predictions"), unique_name("outcomes"))
    for topic in topics:
        kafka_broker.create_topic(topic, 3)
    produce(kafka_broker, topics, events(simulated.stream, model="churn", version="1", slices=simulated.slices))
    config = write_config(
        tmp_path / "daemon.yaml",
        baseline=world.baseline,
        state=tmp_path / "state",
        broker=kafka_broker,
        topics=topics,
        group=unique_name("group"),
        slices=simulated.slices,
    )
    with daemon_on(tmp_path, config) as daemon:
        daemon.start()
        daemon.wait_ready()
        daemon.wait_joined(replayed["counts"]["joined"], JOIN_SECONDS)
        live = daemon.report()
        assert daemon.stop() == 0
    for section in ("findings", "features", "launch", "verdict"):
        assert live[section] == replayed[section], section
    for count in ("predictions", "joined", "duplicates", "dead_letters"):
        assert live["counts"][count] == replayed["counts"][count]
