"""kill -9 at any moment and a restart give the counts of an undisturbed run, bit for bit, through a real Kafka."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.simulation.events import Event, events
from tests.e2e.worlds import JOIN_SECONDS, make_world
from tests.support.daemon import daemon_on, produce, write_config
from tests.support.kafka_broker import KafkaBroker, unique_name

PARTITIONS = 3
KILLS = 5


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_daemon_counts_what_an_undisturbed_one_counts(tmp_path: Path, kafka_broker: KafkaBroker) -> None:
    """Killed at random moments while events flow, the daemon ends with the very bytes of one that was left alone."""
    world = make_world(tmp_path, "clean", seed=5, n_stream=12_000)
    simulated = world.simulated
    topics = (unique_name("predictions"), unique_name("outcomes"))
    for topic in topics:
        kafka_broker.create_topic(topic, PARTITIONS)
    queue = list(events(simulated.stream, model="churn", version="1", slices=simulated.slices))
    queue = _spoil(queue)
    joined = len({event.key for event in queue if event.kind == "outcome"})

    def config(name: str) -> Path:
        return write_config(
            tmp_path / f"{name}.yaml",
            baseline=world.baseline,
            state=tmp_path / name,
            broker=kafka_broker,
            topics=topics,
            group=unique_name(name),
            slices=simulated.slices,
            checkpoint="1s",
        )

    rng = random.Random(20_260_105)
    with daemon_on(tmp_path, config("killed")) as killed:
        killed.start()
        for part in range(KILLS):
            produce(kafka_broker, topics, queue[part * len(queue) // KILLS : (part + 1) * len(queue) // KILLS])
            time.sleep(rng.uniform(0.0, 2.5))  # a moment that no checkpoint knows of
            killed.kill()
            killed.start()
        killed.wait_ready()
        killed.wait_joined(joined, JOIN_SECONDS)
        assert killed.stop() == 0
    with daemon_on(tmp_path, config("calm")) as calm:
        calm.start()
        calm.wait_ready()
        calm.wait_joined(joined, JOIN_SECONDS)
        assert calm.stop() == 0
    for partition in range(PARTITIONS):
        expected = _counts(tmp_path / "calm" / "partitions" / f"{partition:05d}")
        assert expected
        assert _counts(tmp_path / "killed" / "partitions" / f"{partition:05d}") == expected


def _spoil(queue: list[Event]) -> list[Event]:
    """Add duplicates, corrections and garbage, so that more than the plain path is counted."""
    spoiled: list[Event] = []
    for at, event in enumerate(queue):
        spoiled.append(event)
        if at % 97 == 0:
            spoiled.append(event)
        if at % 211 == 0:
            spoiled.append(event._replace(payload=b"{not json"))
        if at % 101 == 0 and event.kind == "outcome":
            flipped = event.payload.replace(b'"outcome":1', b'"outcome":X').replace(b'"outcome":0', b'"outcome":1')
            spoiled.append(event._replace(payload=flipped.replace(b'"outcome":X', b'"outcome":0')))
    return spoiled


def _counts(directory: Path) -> dict[str, bytes]:
    """Every pane and the tally of one partition's store, as the bytes that were committed."""
    with_rows = LmdbJoinStore.open(directory, _row_bytes(directory))
    try:
        names = [*with_rows.state_names("pane/"), "tally"]
        return {name: with_rows.get_state(name) or b"" for name in names}
    finally:
        with_rows.close()


def _row_bytes(directory: Path) -> int:
    """A store may be opened wider than it was made; this is wide enough for every layout of these tests."""
    assert directory.is_dir()
    return 512
