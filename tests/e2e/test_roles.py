"""Two collectors and an evaluator, each a process of its own, on real Kafka: they say what a replay says."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from sentinel.simulation.events import events
from tests.e2e.worlds import make_world
from tests.support.daemon import DaemonProcess, daemon_on, produce, write_config
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.process import wait_until

SECONDS = 180.0
N_PARTITIONS = 4


def total(daemons: list[DaemonProcess], metric: str) -> int:
    """A metric, summed over its series and the daemons, as Prometheus would."""
    lines = [line for daemon in daemons for line in daemon.get("/metrics").decode().splitlines()]
    return sum(round(float(line.rsplit(" ", 1)[1])) for line in lines if line.startswith((f"{metric} ", f"{metric}{{")))


@pytest.mark.kafka
@pytest.mark.slow
def test_collectors_and_an_evaluator_find_what_a_replay_finds(tmp_path: Path, kafka_broker: KafkaBroker) -> None:
    """Findings to the last digit; every event is counted in one collector; an evaluator that starts late agrees."""
    world = make_world(tmp_path, "target_leakage", seed=11, n_stream=5_000)
    simulated, replayed = world.simulated, world.replayed()

    topics = (unique_name("predictions"), unique_name("outcomes"))
    for topic in topics:
        kafka_broker.create_topic(topic, N_PARTITIONS)
    summaries = unique_name("summaries")
    kafka_broker.create_topic(summaries, 2, {"cleanup.policy": "compact"})
    group = unique_name("group")

    def process(name: str, role: str) -> DaemonProcess:
        config = write_config(
            tmp_path / f"{name}.yaml",
            baseline=world.baseline,
            state=tmp_path / name,
            broker=kafka_broker,
            topics=topics,
            group=group,
            slices=simulated.slices,
            summaries=summaries,
        )
        return daemon_on(tmp_path, config, role)

    with contextlib.ExitStack() as stack:
        collectors = [stack.enter_context(process(name, "collector")) for name in ("one", "two")]
        evaluator = stack.enter_context(process("judge", "evaluator"))
        for daemon in (*collectors, evaluator):
            daemon.start()
        for daemon in (*collectors, evaluator):
            daemon.wait_ready()
        wait_until(
            lambda: all(total([daemon], "sentinel_partitions_assigned") for daemon in collectors), SECONDS, "a share"
        )
        sent = produce(
            kafka_broker, topics, events(simulated.stream, model="churn", version="1", slices=simulated.slices)
        )
        evaluator.wait_joined(replayed["counts"]["joined"], SECONDS)
        wait_until(lambda: total(collectors, "sentinel_events_total") == sent, SECONDS, "every event in one collector")
        wait_until(
            lambda: evaluator.report()["counts"]["predictions"] == replayed["counts"]["predictions"], SECONDS, "all"
        )
        assert total([evaluator], "sentinel_ledger_partitions") == N_PARTITIONS
        assert total([evaluator], "sentinel_events_total") == 0
        late = stack.enter_context(process("late", "evaluator"))
        late.start()
        late.wait_ready()
        late.wait_joined(replayed["counts"]["joined"], SECONDS)
        reports = [evaluator.report(), late.report()]
        for daemon in (*collectors, evaluator, late):
            assert daemon.stop() == 0, daemon.log_tail()
    for live in reports:
        for section in ("findings", "features", "launch", "verdict"):
            assert live[section] == replayed[section], section
        for count in ("predictions", "joined", "duplicates", "dead_letters"):
            assert live["counts"][count] == replayed["counts"][count]
