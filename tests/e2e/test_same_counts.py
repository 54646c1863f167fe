"""Replay and the daemon on Kafka count the same stream to the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel.app.models import watch
from sentinel.app.replay import replay
from sentinel.baseline.artifact import Baseline
from sentinel.cli import main
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.diagnosis.report import Report
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.ingest.replay import ReplaySource
from sentinel.simulation import simulate
from sentinel.simulation.events import events
from sentinel.simulation.files import write_files
from tests.support.daemon import daemon_on, produce, write_config
from tests.support.kafka_broker import KafkaBroker, unique_name

JOIN_SECONDS = 60.0


@pytest.mark.kafka
@pytest.mark.slow
def test_replay_and_kafka_find_the_same(tmp_path: Path, kafka_broker: KafkaBroker) -> None:
    """The same stream, read from a file and through three partitions of Kafka, has the same counts and findings."""
    simulated = simulate("target_leakage", seed=9, n_train=2_000, n_validation=2_000, n_stream=5_000)
    files = write_files(simulated, tmp_path / "data")
    path = tmp_path / "model.baseline"
    arguments = ["--quiet", "--config", str(files.config), "--validation", str(files.validation)]
    assert main(["baseline", "build", *arguments, "--output", str(path)]) == 0

    model = watch(load_config(files.config).models[0], Baseline.load(path))
    codec = ArrowCodec(model.plan.layout.schema, model.settings.columns)
    source = ReplaySource(files.stream, files.stream, codec, model.settings.columns)
    replayed = json.loads(_json(replay(model, source, SystemClock())))

    topics = (unique_name("predictions"), unique_name("outcomes"))
    for topic in topics:
        kafka_broker.create_topic(topic, 3)
    produce(kafka_broker, topics, events(simulated.stream, model="churn", version="1", slices=simulated.slices))
    config = write_config(
        tmp_path / "daemon.yaml",
        baseline=path,
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


def _json(report: Report) -> bytes:
    from sentinel.diagnosis.report import to_json

    return to_json(report)
